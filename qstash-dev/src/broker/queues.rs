//! Queues: messages one after the other, or a few at a time.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
};

use qstash_types::{MessageId, QueueName, QueueRecord};

use super::{Activity, Answer, Broker, Filter, Millis, Refused, machine::Stage};

/// As on the pay-as-you-go plan.
const MOST_QUEUES: usize = 100;
const MOST_PARALLEL: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct Queues(BTreeMap<QueueName, Queue>);

#[derive(Debug)]
struct Queue {
    created_at: Millis,
    updated_at: Millis,
    parallelism: NonZeroU32,
    activity: Activity,
    /// How many messages have come in and not come to their end.
    lag: usize,
    /// Messages that wait for their turn, by ticket.
    line: BTreeMap<u64, MessageId>,
    /// The messages that are on their way, each with the number of deliveries that keep its slot: its own, and those of
    /// its callbacks.
    slots: HashMap<MessageId, usize>,
}

/// A slot of a queue, which is free when the message and all of its callbacks have come to their end.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) queue: QueueName,
    holder: MessageId,
}

impl Queues {
    fn record(name: &QueueName, queue: &Queue) -> QueueRecord {
        QueueRecord {
            name: name.clone(),
            created_at: Some(queue.created_at.into()),
            updated_at: Some(queue.updated_at.into()),
            parallelism: queue.parallelism.get(),
            lag: queue.lag as u64,
            paused: queue.activity == Activity::Paused,
        }
    }

    pub(super) fn join(&mut self, name: &QueueName) {
        if let Some(queue) = self.0.get_mut(name) {
            queue.lag += 1;
        }
    }

    pub(super) fn leave(&mut self, name: &QueueName) {
        if let Some(queue) = self.0.get_mut(name) {
            // A queue that was deleted and made again has forgotten what was on its way.
            queue.lag = queue.lag.saturating_sub(1);
        }
    }

    pub(super) fn line_up(&mut self, name: &QueueName, ticket: u64, message: MessageId) {
        if let Some(queue) = self.0.get_mut(name) {
            queue.line.insert(ticket, message);
        }
    }

    pub(super) fn leave_line(&mut self, name: &QueueName, ticket: u64) {
        if let Some(queue) = self.0.get_mut(name) {
            queue.line.remove(&ticket);
        }
    }

    /// Keeps a slot taken for one more delivery.
    pub(super) fn share(&mut self, slot: &Slot) {
        if let Some(deliveries) = self.deliveries(slot) {
            *deliveries += 1;
        }
    }

    /// Takes one delivery from a slot, and says whether that was the last one.
    pub(super) fn release(&mut self, slot: &Slot) -> bool {
        let Some(deliveries) = self.deliveries(slot) else { return false };
        *deliveries -= 1;
        let is_free = *deliveries == 0;
        if is_free && let Some(queue) = self.0.get_mut(&slot.queue) {
            queue.slots.remove(&slot.holder);
        }
        is_free
    }

    fn deliveries(&mut self, slot: &Slot) -> Option<&mut usize> {
        self.0.get_mut(&slot.queue)?.slots.get_mut(&slot.holder)
    }

    /// Takes the next message out of the line, if it may go.
    fn next(&mut self, name: &QueueName) -> Option<(u64, MessageId)> {
        let queue = self.0.get_mut(name)?;
        let first = queue.line.first_entry()?;
        let has_slot = queue.slots.contains_key(first.get())
            || queue.slots.len() < usize::try_from(queue.parallelism.get()).unwrap_or(usize::MAX);
        if !has_slot || queue.activity == Activity::Paused {
            return None;
        }
        let (ticket, message) = first.remove_entry();
        queue.slots.entry(message.clone()).or_insert(1);
        Some((ticket, message))
    }
}

impl Broker {
    /// All queues, by name.
    pub fn queues(&self) -> impl Iterator<Item = QueueRecord> {
        self.queues.0.iter().map(|(name, queue)| Queues::record(name, queue))
    }

    /// A queue.
    pub fn queue(&self, name: &str) -> Option<QueueRecord> {
        self.queues.0.get_key_value(name).map(|(name, queue)| Queues::record(name, queue))
    }

    pub(super) fn ensure_queue(&mut self, now: Millis, name: &QueueName) -> Result<(), Refused> {
        if self.queues.0.contains_key(name) {
            Ok(())
        } else {
            self.put_queue(now, name, None, None).map(drop)
        }
    }

    pub(super) fn put_queue(
        &mut self,
        now: Millis,
        name: &QueueName,
        parallelism: Option<NonZeroU32>,
        activity: Option<Activity>,
    ) -> Result<Answer, Refused> {
        if parallelism.is_some_and(|parallelism| parallelism.get() > MOST_PARALLEL) {
            return Err(Refused::Quota("maxQueueParallelism"));
        }
        if !self.queues.0.contains_key(name) && self.queues.0.len() >= MOST_QUEUES {
            return Err(Refused::Quota("maxQueues"));
        }
        let queue = self.queues.0.entry(name.clone()).or_insert_with(|| Queue {
            created_at: now,
            updated_at: now,
            parallelism: NonZeroU32::MIN,
            activity: Activity::Running,
            lag: 0,
            line: BTreeMap::new(),
            slots: HashMap::new(),
        });
        queue.updated_at = now;
        queue.parallelism = parallelism.unwrap_or(queue.parallelism);
        queue.activity = activity.unwrap_or(queue.activity);
        self.move_up(name);
        Ok(Answer::Done)
    }

    /// Removes a queue and cancels what belongs to it; an attempt that is running comes to its end.
    pub(super) fn delete_queue(&mut self, now: Millis, name: &QueueName) -> Answer {
        if self.queues.0.contains_key(name) {
            let filter = Filter { queues: vec![name.to_string()], ..Filter::default() };
            self.cancel(now, &filter, usize::MAX);
            self.queues.0.remove(name);
        }
        Answer::Done
    }

    /// Lets those go whose turn it is.
    pub(super) fn move_up(&mut self, name: &QueueName) {
        while let Some((ticket, id)) = self.queues.next(name) {
            let tracked = self.messages.get_mut(&id).expect("a message that waits is tracked");
            debug_assert_eq!(tracked.stage, Stage::Lined);
            tracked.slot = Some(Slot { queue: name.clone(), holder: id.clone() });
            self.make_ready(ticket, id);
        }
    }
}
