//! Queues: messages one after the other, or a few at a time.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
};

use qstash_types::{MessageId, QueueName, QueueRecord};

use crate::{
    hall::Hall,
    state::{Activity, Kept, Key, QueueState, Refused, Slot, StoredMessage, Time, check_name, size},
};

/// As on the pay-as-you-go plan.
const MOST_QUEUES: usize = 100;
const MOST_PARALLEL: u32 = 10;

#[derive(Debug, Default)]
pub(crate) struct Queues(BTreeMap<QueueName, Queue>);

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

impl From<QueueState> for Queue {
    fn from(state: QueueState) -> Self {
        Self { state, lag: 0, line: BTreeMap::new(), slots: HashMap::new() }
    }
}

impl Queues {
    /// Makes a queue, or changes one.
    pub(crate) fn put(
        &mut self,
        hall: &mut Hall,
        now: Time,
        name: &QueueName,
        parallelism: Option<NonZeroU32>,
        activity: Option<Activity>,
    ) -> Result<(), Refused> {
        if parallelism.is_some_and(|parallelism| parallelism.get() > MOST_PARALLEL) {
            return Err(Refused::Quota("maxQueueParallelism", MOST_PARALLEL.into()));
        }
        check_name("queueName", name.as_ref())?;
        if !self.has(name) {
            if self.0.len() >= MOST_QUEUES {
                return Err(Refused::Quota("maxQueues", MOST_QUEUES as u64));
            }
            hall.budget().check(size::named(name.as_ref()))?;
            hall.budget_mut().charge(size::named(name.as_ref()));
        }
        let fresh = QueueState {
            created_at: now,
            updated_at: now,
            parallelism: NonZeroU32::MIN,
            activity: Activity::Running,
        };
        let state = &mut self.0.entry(name.clone()).or_insert_with(|| fresh.into()).state;
        state.updated_at = now;
        state.parallelism = parallelism.unwrap_or(state.parallelism);
        state.activity = activity.unwrap_or(state.activity);
        hall.keep(Kept::Queue(name.clone(), *state));
        self.move_up(hall, name);
        Ok(())
    }

    /// Makes a queue if there is none.
    pub(crate) fn ensure(&mut self, hall: &mut Hall, now: Time, name: &QueueName) -> Result<(), Refused> {
        if self.has(name) { Ok(()) } else { self.put(hall, now, name, None, None) }
    }

    /// Removes a queue, which nothing waits in any more.
    pub(crate) fn remove(&mut self, hall: &mut Hall, name: &QueueName) {
        self.0.remove(name);
        hall.budget_mut().release(size::named(name.as_ref()));
        hall.forget(Key::Queue(name.clone()));
    }

    pub(crate) fn restore(&mut self, hall: &mut Hall, name: QueueName, state: QueueState) {
        hall.budget_mut().charge(size::named(name.as_ref()));
        self.0.insert(name, state.into());
    }

    pub(crate) fn has(&self, name: &QueueName) -> bool {
        self.0.contains_key(name)
    }

    /// Counts a message that comes in.
    pub(crate) fn join(&mut self, message: &StoredMessage) {
        if let Some(queue) = message.terms.queue.as_ref().and_then(|name| self.queue_of(message, name)) {
            queue.lag += 1;
        }
    }

    /// Counts a message that was there before a restart, with its slot, unless the queue was made later.
    pub(crate) fn rejoin(&mut self, message: &StoredMessage, slot: Option<Slot>) -> Option<Slot> {
        self.join(message);
        let slot = slot?;
        *self.queue_of(message, &slot.queue)?.slots.entry(slot.holder.clone()).or_insert(0) += 1;
        Some(slot)
    }

    /// Takes a message from the count that has come to its end, and gives its slot to the next one.
    pub(crate) fn leave(&mut self, hall: &mut Hall, message: &StoredMessage, slot: Option<&Slot>) {
        if let Some(queue) = message.terms.queue.as_ref().and_then(|name| self.queue_of(message, name)) {
            // A queue may be deleted and made again within a millisecond.
            queue.lag = queue.lag.saturating_sub(1);
        }
        if let Some(slot) = slot
            && self.release(slot)
        {
            self.move_up(hall, &slot.queue);
        }
    }

    /// The queue with this name, unless it was made after the message: one that was deleted and made again has forgotten
    /// what was on its way.
    fn queue_of(&mut self, message: &StoredMessage, name: &QueueName) -> Option<&mut Queue> {
        self.0.get_mut(name).filter(|queue| queue.state.created_at <= message.created_at)
    }

    /// Puts a message into the line whose time has come.
    pub(crate) fn line_up(&mut self, hall: &mut Hall, name: &QueueName, id: MessageId) {
        let ticket = hall.line_up(&id);
        if let Some(queue) = self.0.get_mut(name) {
            queue.line.insert(ticket, id);
        }
        self.move_up(hall, name);
    }

    /// Takes a message out of the line.
    pub(crate) fn leave_line(&mut self, name: &QueueName, ticket: u64) {
        if let Some(queue) = self.0.get_mut(name) {
            queue.line.remove(&ticket);
        }
    }

    /// Whether the queue of a message was paused after its turn had come. Then it joins the line again, with its slot.
    pub(crate) fn holds(&mut self, hall: &mut Hall, message: &StoredMessage) -> bool {
        let queue = message.terms.queue.as_ref().and_then(|name| self.0.get_mut(name));
        let Some(queue) = queue.filter(|queue| queue.state.activity == Activity::Paused) else {
            return false;
        };
        queue.line.insert(hall.line_up_again(&message.id), message.id.clone());
        true
    }

    /// Lets those go whose turn it is.
    fn move_up(&mut self, hall: &mut Hall, name: &QueueName) {
        while let Some(id) = self.next(name) {
            hall.make_ready_with(&id, Slot { queue: name.clone(), holder: id.clone() });
        }
    }

    /// Takes the next message out of the line, if it may go.
    fn next(&mut self, name: &QueueName) -> Option<MessageId> {
        let queue = self.0.get_mut(name)?;
        let first = queue.line.first_entry()?;
        let has_slot = queue.slots.contains_key(first.get())
            || queue.slots.len() < usize::try_from(queue.state.parallelism.get()).unwrap_or(usize::MAX);
        if !has_slot || queue.state.activity == Activity::Paused {
            return None;
        }
        let message = first.remove();
        queue.slots.entry(message.clone()).or_insert(1);
        Some(message)
    }

    /// Keeps a slot taken for one more delivery, unless the queue has forgotten it.
    pub(crate) fn share(&mut self, slot: Slot) -> Option<Slot> {
        *self.deliveries(&slot)? += 1;
        Some(slot)
    }

    /// Takes one delivery from a slot, and says whether that was the last one.
    fn release(&mut self, slot: &Slot) -> bool {
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

    pub(crate) fn records(&self) -> impl Iterator<Item = QueueRecord> {
        self.0.iter().map(|(name, queue)| queue.record(name))
    }

    pub(crate) fn record(&self, name: &str) -> Option<QueueRecord> {
        self.0.get_key_value(name).map(|(name, queue)| queue.record(name))
    }
}

impl Queue {
    fn record(&self, name: &QueueName) -> QueueRecord {
        let QueueState { created_at, updated_at, parallelism, activity } = self.state;
        let mut record = QueueRecord::new(name.clone());
        record.created_at = Some(created_at.into());
        record.updated_at = Some(updated_at.into());
        record.parallelism = parallelism.get();
        record.lag = self.lag as u64;
        record.paused = activity == Activity::Paused;
        record
    }
}
