//! Queues: messages one after the other, or a few at a time.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
};

use qstash_types::{MessageId, QueueName, QueueRecord};
use serde::{Deserialize, Serialize};

use super::{
    Activity, Answer, Broker, Filter, Message, Millis, Refused,
    machine::Stage,
    record::{Kept, Key},
};

/// As on the pay-as-you-go plan.
const MOST_QUEUES: usize = 100;
const MOST_PARALLEL: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct Queues(BTreeMap<QueueName, Queue>);

#[derive(Debug)]
struct Queue {
    state: QueueState,
    /// How many messages have come in and not come to their end.
    lag: usize,
    /// Messages that wait for their turn, by ticket.
    line: BTreeMap<u64, MessageId>,
    /// The messages that are on their way, each with the number of deliveries that keep its slot: its own, and those of
    /// its callbacks.
    slots: HashMap<MessageId, usize>,
}

/// What its owner has made of a queue.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct QueueState {
    created_at: Millis,
    updated_at: Millis,
    parallelism: NonZeroU32,
    activity: Activity,
}

/// A slot of a queue, which is free when the message and all of its callbacks have come to their end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) queue: QueueName,
    pub(super) holder: MessageId,
}

impl From<QueueState> for Queue {
    fn from(state: QueueState) -> Self {
        Self { state, lag: 0, line: BTreeMap::new(), slots: HashMap::new() }
    }
}

impl Queues {
    fn record(name: &QueueName, queue: &Queue) -> QueueRecord {
        let QueueState { created_at, updated_at, parallelism, activity } = queue.state;
        let mut record = QueueRecord::new(name.clone());
        record.created_at = Some(created_at.into());
        record.updated_at = Some(updated_at.into());
        record.parallelism = parallelism.get();
        record.lag = queue.lag as u64;
        record.paused = activity == Activity::Paused;
        record
    }

    pub(super) fn restore(&mut self, name: QueueName, state: QueueState) {
        self.0.insert(name, state.into());
    }

    /// Counts a message that was there before a restart, with its slot, unless the queue was made later.
    pub(super) fn restore_member(&mut self, message: &Message, slot: Option<Slot>) -> Option<Slot> {
        self.join(message);
        let slot = slot?;
        *self.queue_of(message, &slot.queue)?.slots.entry(slot.holder.clone()).or_insert(0) += 1;
        Some(slot)
    }

    pub(super) fn join(&mut self, message: &Message) {
        if let Some(queue) = message.queue.as_ref().and_then(|name| self.queue_of(message, name)) {
            queue.lag += 1;
        }
    }

    pub(super) fn leave(&mut self, message: &Message) {
        if let Some(queue) = message.queue.as_ref().and_then(|name| self.queue_of(message, name)) {
            // A queue may be deleted and made again within a millisecond.
            queue.lag = queue.lag.saturating_sub(1);
        }
    }

    /// The queue with this name, unless it was made after the message: one that was deleted and made again has forgotten
    /// what was on its way.
    fn queue_of(&mut self, message: &Message, name: &QueueName) -> Option<&mut Queue> {
        self.0.get_mut(name).filter(|queue| queue.state.created_at <= message.created_at)
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

    /// Keeps a slot taken for one more delivery, unless the queue has forgotten it.
    pub(super) fn share(&mut self, slot: Slot) -> Option<Slot> {
        *self.deliveries(&slot)? += 1;
        Some(slot)
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
            || queue.slots.len() < usize::try_from(queue.state.parallelism.get()).unwrap_or(usize::MAX);
        if !has_slot || queue.state.activity == Activity::Paused {
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
        let fresh = QueueState {
            created_at: now,
            updated_at: now,
            parallelism: NonZeroU32::MIN,
            activity: Activity::Running,
        };
        let state = &mut self.queues.0.entry(name.clone()).or_insert_with(|| fresh.into()).state;
        state.updated_at = now;
        state.parallelism = parallelism.unwrap_or(state.parallelism);
        state.activity = activity.unwrap_or(state.activity);
        let kept = Kept::Queue(name.clone(), *state);
        self.keep(kept);
        self.move_up(name);
        Ok(Answer::Done)
    }

    /// Removes a queue and cancels what belongs to it; an attempt that is running comes to its end.
    pub(super) fn delete_queue(&mut self, now: Millis, name: &QueueName) -> Answer {
        if self.queues.0.contains_key(name) {
            let filter = Filter { queues: vec![name.to_string()], ..Filter::default() };
            self.cancel(now, &filter, usize::MAX);
            self.queues.0.remove(name);
            self.forget(Key::Queue(name.clone()));
        }
        Answer::Done
    }

    /// Whether the queue of a message was paused after its turn had come. Then it joins the line again, with its slot.
    pub(super) fn is_held(&mut self, now: Millis, ticket: u64, id: &MessageId) -> bool {
        let tracked = self.messages.get_mut(id).expect("a message that waits is tracked");
        let queue = tracked.message.queue.as_ref().and_then(|name| self.queues.0.get_mut(name));
        let Some(queue) = queue.filter(|queue| queue.state.activity == Activity::Paused) else {
            return false;
        };
        tracked.stage = Stage::Lined;
        queue.line.insert(ticket, id.clone());
        let message = tracked.message.clone();
        if let Some(flow_control) = &message.flow_control {
            // Another one may take its place.
            self.let_go(now, &flow_control.key);
        }
        true
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
