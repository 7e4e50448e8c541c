//! The hall: every message, and where it stands.
//!
//! A message stands at one place at a time, and only the methods in here can move it: [`Stage::Ready`] means that it is in
//! the ready line, [`Stage::Waiting`] that it has a place among what is due, [`Stage::Attempted`] that an attempt is
//! running. Rooms keep lines of their own, and tell the hall whom they have let go or keep back.

mod budget;
mod by_id;
mod census;
mod delivered;
mod due;
mod effect;
mod ids;
mod journal;
mod ready;
mod stage;
mod tracked;

use std::{collections::BTreeMap, mem, sync::Arc};

use qstash_types::{FlowControl, LogState, MessageId};

use self::{
    budget::Budget,
    by_id::ById,
    delivered::{Delivered, READABLE},
    due::Due,
    ids::Ids,
    ready::{Peer, Ready},
};
pub use self::{
    census::Census,
    effect::{AttemptId, Dispatch, Effect},
    journal::Entry,
};
pub(crate) use self::{
    due::{Place, Wake},
    journal::Journal,
    stage::Stage,
    tracked::Tracked,
};
use crate::state::{
    AttemptEnd, Capacity, Kept, KeptMessage, Key, Progress, Record, RecordKey, Refused, Slot, StoredMessage,
    Time,
};

/// How many undelivered messages there may be. Callbacks are accepted beyond that limit.
const MOST_MESSAGES: usize = 2_000_000;

/// Why looking up an id cannot fail: queues, timers and attempts drop the id of a message before the message is removed.
const TRACKED: &str = "an id that is held is that of a message";

#[derive(Debug)]
pub(crate) struct Hall {
    ids: Ids,
    /// Every message that is readable: those not delivered yet, and those delivered a moment ago.
    messages: ById<Box<Tracked>>,
    /// Messages that wait for nothing but a free attempt.
    ready: Ready,
    census: Census,
    attempts: BTreeMap<AttemptId, Attempt>,
    attempts_started: u64,
    /// Everything that waits for a time.
    due: Due,
    delivered: Delivered,
    /// How many messages were accepted.
    accepted: u64,
    /// How many tickets were given out.
    tickets: u64,
    budget: Budget,
    journal: Journal,
    /// What the event at hand has brought about so far.
    effects: Vec<Effect>,
}

/// An attempt that is running.
#[derive(Debug)]
struct Attempt {
    message: MessageId,
    time_out: Place,
}

impl Hall {
    pub(crate) fn new(seed: u64, capacity: Capacity) -> Self {
        let budget = Budget::new(capacity.memory);
        Self {
            ids: Ids::new(seed),
            messages: ById::default(),
            ready: Ready::new(capacity.attempts),
            census: Census::default(),
            attempts: BTreeMap::new(),
            attempts_started: 0,
            due: Due::default(),
            accepted: 0,
            tickets: 0,
            journal: Journal::new(budget.of_history()),
            delivered: Delivered::new(budget.of_delivered()),
            budget,
            effects: Vec::new(),
        }
    }

    /// Takes in a message, which waits for its time from now on.
    pub(crate) fn accept(&mut self, now: Time, message: Arc<StoredMessage>, slot: Option<Slot>) {
        let number = self.accepted;
        self.keep(Kept::Message(KeptMessage { number, message: message.clone(), slot: slot.clone() }));
        self.note(now, number, &message, LogState::Created, None, None);
        let due = message.not_before;
        self.track(
            KeptMessage { number, message, slot },
            Progress { number, retried: 0, due, cancelled: false },
        );
    }

    /// Takes in a message that was there before a restart. It gets the next turn.
    pub(crate) fn restore(&mut self, kept: KeptMessage, progress: Progress) {
        let id = kept.message.id.clone();
        self.track(kept, progress);
        self.take_ticket(&id);
    }

    fn track(&mut self, kept: KeptMessage, progress: Progress) {
        let KeptMessage { number, message, slot } = kept;
        let Progress { retried, due, cancelled, .. } = progress;
        self.accepted = self.accepted.max(number + 1);
        self.budget.charge(message.bytes());
        let id = message.id.clone();
        let stage = Stage::Waiting(self.due.add(due, Wake::Attempt(id.clone())));
        self.census.enter(stage);
        // When an attempt of a server before this one has ended is not known.
        let since = if retried == 0 { message.created_at } else { due };
        let peer = Peer::of(&message.url);
        let tracked =
            Tracked { message, peer, number, retried, stage, since, due, ticket: 0, slot, cancelled };
        self.messages.insert(id, Box::new(tracked));
    }

    /// Puts a message that is due into the line of its queue, and returns the ticket that orders the line.
    pub(crate) fn line_up(&mut self, id: &MessageId) -> u64 {
        // A message that holds a slot, from an earlier attempt, keeps its ticket and so its place in the order.
        if self.tracked(id).slot.is_none() {
            self.take_ticket(id);
        }
        self.line_up_again(id)
    }

    /// Puts a message back into the line of its queue, with the ticket that it has.
    pub(crate) fn line_up_again(&mut self, id: &MessageId) -> u64 {
        self.move_to(id, Stage::Lined);
        self.tracked(id).ticket
    }

    /// Makes a message without a queue that is due ready for an attempt, behind those that became ready before.
    pub(crate) fn make_ready_in_turn(&mut self, id: &MessageId) {
        self.take_ticket(id);
        self.make_ready(id);
    }

    /// A message waits for a free attempt, with a slot of its queue.
    pub(crate) fn make_ready_with(&mut self, id: &MessageId, slot: Slot) {
        self.tracked_mut(id).slot = Some(slot);
        self.make_ready(id);
    }

    /// A message waits for a free attempt.
    pub(crate) fn make_ready(&mut self, id: &MessageId) {
        self.move_to(id, Stage::Ready);
    }

    /// A message waits for its flow control.
    pub(crate) fn throttle(&mut self, id: &MessageId) -> u64 {
        self.move_to(id, Stage::Throttled);
        self.tracked(id).ticket
    }

    /// An attempt starts, with the flow control in force.
    pub(crate) fn attempt(&mut self, now: Time, id: &MessageId, flow_control: Option<FlowControl>) {
        self.move_to(id, Stage::Attempted);
        let &Tracked { ref message, number, retried, since, due, .. } = self.tracked(id);
        let message = message.clone();
        let attempt = AttemptId(self.attempts_started);
        self.attempts_started += 1;
        let time_out = self.due.add(now + message.terms.timeout, Wake::TimeOut(attempt));
        self.attempts.insert(attempt, Attempt { message: id.clone(), time_out });
        self.note(now, number, &message, LogState::Active, None, None);
        let token_id = self.ids.token();
        self.effects.push(Effect::Send(Box::new(Dispatch {
            attempt,
            message: message.id.clone(),
            retried,
            since,
            due,
            url: message.url.clone(),
            method: message.terms.method.clone(),
            headers: message.delivery_headers(retried, flow_control),
            body: message.terms.body.clone(),
            token_id,
            age: message.created_at.until(now),
        })));
    }

    /// The message of an attempt that has ended, unless the attempt was given up before.
    pub(crate) fn attempt_ended(&mut self, attempt: AttemptId) -> Option<MessageId> {
        let attempt = self.attempts.remove(&attempt)?;
        self.due.cancel(attempt.time_out);
        Some(attempt.message)
    }

    /// The time that an attempt may take begins anew.
    pub(crate) fn attempt_waits(&mut self, now: Time, attempt: AttemptId) {
        let Some(Attempt { message, time_out }) = self.attempts.get_mut(&attempt) else { return };
        self.due.cancel(*time_out);
        let timeout = self.messages[message].message.terms.timeout;
        *time_out = self.due.add(now + timeout, Wake::TimeOut(attempt));
    }

    /// Gives an attempt up.
    pub(crate) fn abandon(&mut self, attempt: AttemptId) -> Option<MessageId> {
        self.effects.push(Effect::Abandon(attempt));
        self.attempt_ended(attempt)
    }

    /// A message waits for the time of its next attempt.
    pub(crate) fn retry(&mut self, now: Time, id: &MessageId, due: Time) {
        let place = self.due.add(due, Wake::Attempt(id.clone()));
        self.move_to(id, Stage::Waiting(place));
        let tracked = self.tracked_mut(id);
        tracked.retried += 1;
        tracked.since = now;
        self.keep_progress(now, id);
    }

    /// A message that waits for a time waits no longer: it is due now. Says whether it did wait for one.
    pub(crate) fn hasten(&mut self, now: Time, id: &MessageId) -> bool {
        let waits = matches!(self.tracked(id).stage, Stage::Waiting(_));
        if waits {
            let place = self.due.add(now, Wake::Attempt(id.clone()));
            self.move_to(id, Stage::Waiting(place));
        }
        waits
    }

    /// A message is not to be attempted again.
    pub(crate) fn stop(&mut self, now: Time, id: &MessageId) {
        self.tracked_mut(id).cancelled = true;
        self.keep_progress(now, id);
    }

    /// A message was delivered. It can be read for a moment; what it held is given back.
    pub(crate) fn deliver(&mut self, now: Time, id: &MessageId) -> Option<Slot> {
        let slot = self.close(id);
        self.move_to(id, Stage::Delivered);
        self.delivered.add(id.clone(), self.tracked(id).message.bytes());
        self.due.add(now + READABLE, Wake::Forget(id.clone()));
        while let Some(oldest) = self.delivered.excess() {
            self.messages.remove(&oldest);
        }
        slot
    }

    /// A message that was delivered can no longer be read.
    pub(crate) fn forget_delivered(&mut self, id: &MessageId) {
        if let Some(oldest) = self.delivered.take(id) {
            self.messages.remove(&oldest);
        }
    }

    /// A message is gone, and what it held is given back.
    pub(crate) fn remove(&mut self, id: &MessageId) -> Option<Slot> {
        let slot = self.close(id);
        let Tracked { stage, ticket, peer, .. } = *self.messages.remove(id).expect(TRACKED);
        self.leave(stage, ticket, peer);
        slot
    }

    fn close(&mut self, id: &MessageId) -> Option<Slot> {
        let tracked = self.tracked_mut(id);
        let (number, slot, bytes) = (tracked.number, tracked.slot.take(), tracked.message.bytes());
        let has_progress = tracked.retried > 0 || tracked.cancelled;
        self.forget(Key::Message(number));
        if has_progress {
            self.forget(Key::Progress(number));
        }
        self.budget.release(bytes);
        slot
    }

    /// The only place where a message changes its stage, once it is here.
    fn move_to(&mut self, id: &MessageId, stage: Stage) {
        let tracked = self.tracked_mut(id);
        let left = mem::replace(&mut tracked.stage, stage);
        if let Stage::Waiting(place) = stage {
            tracked.due = place.time();
        }
        let (ticket, peer) = (tracked.ticket, tracked.peer);
        self.leave(left, ticket, peer);
        self.census.enter(stage);
        match stage {
            Stage::Ready => self.ready.add(peer, ticket, id.clone()),
            Stage::Attempted => self.ready.attempt_started(peer),
            Stage::Waiting(_) | Stage::Lined | Stage::Throttled | Stage::Delivered => {}
        }
    }

    /// Removes a message from the collection that belongs to its stage: the timers, the ready messages or the running attempts.
    fn leave(&mut self, stage: Stage, ticket: u64, peer: Peer) {
        self.census.leave(stage);
        match stage {
            Stage::Waiting(place) => self.due.cancel(place),
            Stage::Ready => self.ready.remove(peer, ticket),
            Stage::Attempted => self.ready.attempt_ended(peer),
            Stage::Lined | Stage::Throttled | Stage::Delivered => {}
        }
    }

    fn take_ticket(&mut self, id: &MessageId) {
        let ticket = self.tickets;
        self.tickets += 1;
        self.tracked_mut(id).ticket = ticket;
    }

    /// Keeps how far a message has come.
    fn keep_progress(&mut self, now: Time, id: &MessageId) {
        let Tracked { number, retried, stage, cancelled, .. } = *self.tracked(id);
        let due = match stage {
            Stage::Waiting(place) => place.time(),
            _ => now,
        };
        self.keep(Kept::Progress(Progress { number, retried, due, cancelled }));
    }

    /// A message that is here.
    pub(crate) fn tracked(&self, id: &MessageId) -> &Tracked {
        self.messages.get(id).expect(TRACKED)
    }

    fn tracked_mut(&mut self, id: &MessageId) -> &mut Tracked {
        self.messages.get_mut(id).expect(TRACKED)
    }

    /// A message with this id, if there is one.
    pub(crate) fn find(&self, id: &str) -> Option<&Tracked> {
        self.messages.get(id).map(AsRef::as_ref)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Tracked> {
        self.messages.values().map(AsRef::as_ref)
    }

    /// The message whose turn is next, if an attempt is free for it.
    pub(crate) fn next_ready(&self) -> Option<MessageId> {
        self.ready.next().cloned()
    }

    /// How many attempts are running, and how many may.
    pub(crate) fn parallelism(&self) -> (usize, usize) {
        self.ready.parallelism()
    }

    pub(crate) fn census(&self) -> Census {
        self.census
    }

    pub(crate) fn ids(&mut self) -> &mut Ids {
        &mut self.ids
    }

    /// What waits for a time; a message waits only through a change of its stage.
    pub(crate) fn wake_at(&mut self, at: Time, wake: Wake) -> Place {
        self.due.add(at, wake)
    }

    pub(crate) fn do_not_wake(&mut self, place: Place) {
        self.due.cancel(place);
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.due.next()
    }

    /// Takes the first that is due, if one is.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Wake> {
        self.due.take(now)
    }

    /// Whether there is room for this many messages, of this many bytes altogether.
    pub(crate) fn check_room(&self, messages: usize, bytes: usize) -> Result<(), Refused> {
        if self.messages.len() + messages > MOST_MESSAGES {
            return Err(Refused::Quota("maxMessages", MOST_MESSAGES as u64));
        }
        self.budget.check(bytes)
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(crate) fn budget_mut(&mut self) -> &mut Budget {
        &mut self.budget
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn enter(&mut self, now: Time, message: &Arc<StoredMessage>, state: LogState) {
        let number = self.tracked(&message.id).number;
        self.note(now, number, message, state, None, None);
    }

    pub(crate) fn enter_after(
        &mut self,
        now: Time,
        message: &Arc<StoredMessage>,
        state: LogState,
        end: &Arc<AttemptEnd>,
        next_attempt: Option<Time>,
    ) {
        let number = self.tracked(&message.id).number;
        self.note(now, number, message, state, Some(end.clone()), next_attempt);
    }

    fn note(
        &mut self,
        time: Time,
        number: u64,
        message: &Arc<StoredMessage>,
        state: LogState,
        end: Option<Arc<AttemptEnd>>,
        next_attempt: Option<Time>,
    ) {
        let entry = Entry { time, number, message: message.clone(), state, end, next_attempt };
        self.journal.add(entry.clone());
        self.effects.push(Effect::Log(entry));
    }

    pub(crate) fn keep(&mut self, kept: Kept) {
        self.effects.push(Effect::Keep(Record(kept)));
    }

    pub(crate) fn forget(&mut self, key: Key) {
        self.effects.push(Effect::Forget(RecordKey(key)));
    }

    pub(crate) fn effect_count(&self) -> usize {
        self.effects.len()
    }

    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        mem::take(&mut self.effects)
    }
}
