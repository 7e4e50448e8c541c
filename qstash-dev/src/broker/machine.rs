//! The state machine: attempts, and what follows from them.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
};

use qstash_types::{CallbackTarget, DlqId, LogState, MessageId, MessageRecord, duration};

use super::{
    Answer, AttemptId, Command, Delivery, Effect, Entry, Event, Message, Millis, Outcome, Record, Refused,
    callback::Report,
    dead_letters::DeadLetters,
    deduplication::Fingerprint,
    delivered::Delivered,
    due::{Due, Place, Wake},
    flow_control::FlowControls,
    ids::Ids,
    log::Log,
    queues::{Queues, Slot},
    schedules::{RunState, Schedules},
    url_groups::UrlGroups,
    verdict::Verdict,
};

/// How many attempts may run at the same time. Messages beyond wait in the order in which they became due.
pub(super) const MOST_ATTEMPTS: usize = 128;

/// The state of the broker.
#[derive(Debug)]
pub struct Broker {
    pub(super) ids: Ids,
    /// Every message that is readable: those not delivered yet, and those delivered a moment ago.
    pub(super) messages: HashMap<MessageId, Box<Tracked>>,
    /// Everything that waits for a time.
    pub(super) due: Due,
    /// How many tickets were given out.
    tickets: u64,
    /// Messages that wait for nothing but a free attempt, by ticket.
    pub(super) ready: BTreeMap<u64, MessageId>,
    attempts: HashMap<AttemptId, Attempt>,
    attempts_started: u64,
    /// The first message of each fingerprint whose window is open.
    pub(super) windows: HashMap<Fingerprint, MessageId>,
    pub(super) queues: Queues,
    pub(super) flow_controls: FlowControls,
    pub(super) url_groups: UrlGroups,
    pub(super) schedules: Schedules,
    pub(super) delivered: Delivered,
    pub(super) dead_letters: DeadLetters,
    pub(super) log: Log,
    /// What the event at hand has brought about so far.
    pub(super) effects: Vec<Effect>,
}

/// A message and how far it has come.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) message: Arc<Message>,
    /// How many attempts have failed.
    pub(super) retried: u32,
    pub(super) stage: Stage,
    /// Its turn among all that wait. A message keeps its turn in a queue over all attempts.
    pub(super) ticket: u64,
    /// The slot of a queue that it, or the message that it reports about, has taken.
    pub(super) slot: Option<Slot>,
    /// Whether it ends with the attempt that is running, or in place of the next one.
    pub(super) cancelled: bool,
}

/// What a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A time.
    Waiting(Place),
    /// Its turn in its queue.
    Lined,
    /// Its flow control.
    Throttled,
    /// A free attempt.
    Ready,
    /// The end of its attempt.
    Attempted,
    /// Nothing: it was delivered.
    Delivered,
}

/// An attempt that is running.
#[derive(Debug)]
struct Attempt {
    message: MessageId,
    time_out: Place,
}

impl Broker {
    /// A broker without messages. All ids come from the seed.
    pub fn new(seed: u64) -> Self {
        Self {
            ids: Ids::new(seed),
            messages: HashMap::new(),
            due: Due::default(),
            tickets: 0,
            ready: BTreeMap::new(),
            attempts: HashMap::new(),
            attempts_started: 0,
            windows: HashMap::new(),
            queues: Queues::default(),
            flow_controls: FlowControls::default(),
            url_groups: UrlGroups::default(),
            schedules: Schedules::default(),
            delivered: Delivered::default(),
            dead_letters: DeadLetters::default(),
            log: Log::default(),
            effects: Vec::new(),
        }
    }

    /// Takes in what happens, and says what to do about it and about everything that has become due.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        match event {
            Event::Call { call, command } => {
                let answer = self.obey(now, *command);
                self.effects.push(Effect::Answer { call, answer });
            }
            Event::AttemptEnded { attempt, outcome } => self.attempt_ended(now, attempt, outcome),
            Event::Due => {}
        }
        while let Some(wake) = self.due.take(now) {
            self.wake(now, wake);
        }
        while self.attempts.len() < MOST_ATTEMPTS
            && let Some((ticket, message)) = self.ready.pop_first()
        {
            if self.is_admitted(now, ticket, &message) {
                self.attempt(now, message);
            }
        }
        mem::take(&mut self.effects)
    }

    /// When the broker wants to hear [`Event::Due`], if nothing else happens before.
    pub fn next_due(&self) -> Option<Millis> {
        self.due.next()
    }

    /// A message that is on its way, or was delivered a moment ago.
    pub fn message(&self, id: &str) -> Option<MessageRecord> {
        self.messages.get(id).map(|tracked| tracked.message.record())
    }

    /// How many attempts are running, and how many may.
    pub fn parallelism(&self) -> (usize, usize) {
        (self.attempts.len(), MOST_ATTEMPTS)
    }

    fn obey(&mut self, now: Millis, command: Command) -> Result<Answer, Refused> {
        let kept = match command {
            // What becomes of messages has records of its own.
            Command::Publish(_) | Command::Cancel(..) | Command::RetryDeadLetters(..) => None,
            ref other => Some(other.clone()),
        };
        let answer = match command {
            Command::Publish(mut publication) => {
                // Only schedules have use for it.
                publication.options.schedule_id = None;
                Answer::Accepted(self.publish(now, publication)?)
            }
            Command::Cancel(filter, most) => self.cancel(now, &filter, most),
            Command::PutQueue { name, parallelism, activity } => {
                self.put_queue(now, &name, parallelism, activity)?
            }
            Command::DeleteQueue(name) => self.delete_queue(now, &name),
            Command::PutEndpoints(name, endpoints) => self.url_groups.put(now, name, endpoints)?,
            Command::RemoveEndpoints(name, keys) => self.url_groups.remove(now, &name, &keys)?,
            Command::SetDefaults(name, defaults) => self.url_groups.set_defaults(now, &name, *defaults)?,
            Command::DeleteUrlGroup(name) => self.delete_url_group(&name)?,
            Command::PutSchedule(cron, publication) => self.put_schedule(now, *cron, publication)?,
            Command::SetSchedule(id, activity) => self.schedules.set(&id, activity)?,
            Command::DeleteSchedule(id) => self.delete_schedule(&id)?,
            Command::DeleteDeadLetters(filter, page) => self.dead_letters.delete(&filter, page),
            Command::RetryDeadLetters(filter, page, options) => {
                self.retry_dead_letters(now, &filter, page, &options)?
            }
            Command::FlowControl(key, change) => self.change_flow_control(now, &key, change)?,
        };
        if let Some(command) = kept {
            self.effects.push(Effect::Keep(Record::Changed(Box::new(command))));
        }
        Ok(answer)
    }

    fn wake(&mut self, now: Millis, wake: Wake) {
        match wake {
            Wake::Attempt(message) => self.line_up(now, message),
            Wake::TimeOut(id) => {
                self.effects.push(Effect::Abandon(id));
                let attempt =
                    self.attempts.remove(&id).expect("an attempt that ends takes its timeout along");
                let limit = duration::to_text(self.messages[&attempt.message].message.timeout);
                self.conclude(now, &attempt.message, Outcome::Failed(format!("no response within {limit}")));
            }
            Wake::Forget(message) => self.forget_delivered(&message),
            Wake::CloseWindow(fingerprint) => {
                self.windows.remove(&fingerprint);
            }
            Wake::Period(key) => self.period_ended(now, &key),
            Wake::Trigger(schedule) => self.trigger(now, &schedule),
        }
    }

    /// Gives a message, whose time has come, its turn.
    fn line_up(&mut self, now: Millis, id: MessageId) {
        let tracked = self.messages.get_mut(&id).expect("a message that waits is tracked");
        if tracked.cancelled {
            self.cancelled(now, &id);
            return;
        }
        let queue = tracked.message.queue.clone();
        let takes_turn_anew = queue.is_none() || tracked.slot.is_none();
        if takes_turn_anew {
            tracked.ticket = self.tickets;
            self.tickets += 1;
        }
        let ticket = tracked.ticket;
        match queue {
            Some(queue) => {
                tracked.stage = Stage::Lined;
                self.queues.line_up(&queue, ticket, id);
                self.move_up(&queue);
            }
            None => self.make_ready(ticket, id),
        }
    }

    pub(super) fn make_ready(&mut self, ticket: u64, id: MessageId) {
        self.messages.get_mut(&id).expect("a message that waits is tracked").stage = Stage::Ready;
        self.ready.insert(ticket, id);
    }

    fn attempt(&mut self, now: Millis, id: MessageId) {
        let tracked = self.messages.get_mut(&id).expect("a message that waits is tracked");
        tracked.stage = Stage::Attempted;
        let (message, retried) = (tracked.message.clone(), tracked.retried);
        let attempt = AttemptId(self.attempts_started);
        self.attempts_started += 1;
        let time_out = self.due.add(now + message.timeout, Wake::TimeOut(attempt));
        self.attempts.insert(attempt, Attempt { message: id, time_out });
        self.enter(now, &message, LogState::Active);
        let limits = message.flow_control.as_ref().map(|own| self.flow_controls.in_force(own));
        self.effects.push(Effect::Deliver(Delivery {
            attempt,
            message: message.id.clone(),
            url: message.url.clone(),
            method: message.method.clone(),
            headers: message.delivery_headers(retried, limits),
            body: message.body.clone(),
            token_id: self.ids.token(),
        }));
    }

    fn attempt_ended(&mut self, now: Millis, attempt: AttemptId, outcome: Outcome) {
        // An outcome that crosses its own timeout on the way comes too late.
        if let Some(attempt) = self.attempts.remove(&attempt) {
            self.due.cancel(attempt.time_out);
            self.conclude(now, &attempt.message, outcome);
        }
    }

    /// Decides what becomes of a message after an attempt, and reports to its callbacks.
    fn conclude(&mut self, now: Millis, id: &MessageId, outcome: Outcome) {
        let tracked = self.messages.get_mut(id).expect("a message stays while it is attempted");
        let (message, retried) = (tracked.message.clone(), tracked.retried);
        let verdict = Verdict::on(&message, retried, &outcome, now);
        let outcome = Arc::new(outcome);
        let report = Report { source: &message, retried, outcome: &outcome };
        match verdict {
            Verdict::Delivered => {
                tracked.stage = Stage::Delivered;
                self.enter(now, &message, LogState::Delivered);
                self.call_back(now, message.callback.as_deref(), &report, None);
                self.effects.push(Effect::Keep(Record::Delivered(id.clone())));
                self.finish(id, RunState::Success);
                self.keep_readable(now, &message);
            }
            // It was not to be tried again, so nobody hears of it.
            Verdict::Retry(_) | Verdict::Dead if tracked.cancelled => {
                self.enter_error(now, &message, &outcome, None);
                self.cancelled(now, id);
            }
            Verdict::Retry(wait) => {
                tracked.retried += 1;
                let due = now + wait;
                self.enter_error(now, &message, &outcome, Some(due));
                self.enter(now, &message, LogState::Retry);
                self.call_back(now, message.callback.as_deref(), &report, None);
                let waiting = Record::Waiting { message: id.clone(), retried: retried + 1, due };
                self.effects.push(Effect::Keep(waiting));
                self.wait_until(due, id);
            }
            Verdict::Dead => {
                self.enter_error(now, &message, &outcome, None);
                self.enter(now, &message, LogState::Failed);
                let dlq_id = self.dead_letters.add(now, message.clone(), outcome.clone());
                self.call_back(now, message.callback.as_deref(), &report, None);
                self.call_back(now, message.failure_callback.as_deref(), &report, Some(dlq_id.clone()));
                let outcome = outcome.clone();
                self.effects.push(Effect::Keep(Record::Dead { message: id.clone(), dlq_id, outcome }));
                self.finish(id, RunState::Fail);
                self.messages.remove(id);
            }
        }
        self.attempt_is_over(now, &message);
    }

    pub(super) fn wait_until(&mut self, due: Millis, id: &MessageId) {
        let place = self.due.add(due, Wake::Attempt(id.clone()));
        self.messages.get_mut(id).expect("a message that waits is tracked").stage = Stage::Waiting(place);
    }

    /// Lets go of everything that a message holds at its end.
    pub(super) fn finish(&mut self, id: &MessageId, run: RunState) {
        let tracked = self.messages.get_mut(id).expect("a message ends once");
        let (message, slot) = (tracked.message.clone(), tracked.slot.take());
        self.schedules.note(&message, run);
        if let Some(queue) = &message.queue {
            self.queues.leave(queue);
        }
        if let Some(slot) = slot
            && self.queues.release(&slot)
        {
            self.move_up(&slot.queue);
        }
    }

    /// Sends a report, if there is anybody to send it to.
    fn call_back(
        &mut self,
        now: Millis,
        target: Option<&CallbackTarget>,
        report: &Report<'_>,
        dlq_id: Option<DlqId>,
    ) {
        if let Some(target) = target {
            let slot = self.messages[&report.source.id].slot.clone();
            if let Some(slot) = &slot {
                self.queues.share(slot);
            }
            let message = report.source.callback(self.ids.message(), now, target, report.body(dlq_id));
            self.accept(now, message, slot);
        }
    }

    pub(super) fn enter(&mut self, now: Millis, message: &Arc<Message>, state: LogState) {
        let message = message.clone();
        self.note(Entry { time: now, message, state, outcome: None, next_attempt: None });
    }

    fn enter_error(
        &mut self,
        now: Millis,
        message: &Arc<Message>,
        outcome: &Arc<Outcome>,
        next_attempt: Option<Millis>,
    ) {
        let (message, outcome) = (message.clone(), Some(outcome.clone()));
        self.note(Entry { time: now, message, state: LogState::Error, outcome, next_attempt });
    }

    fn note(&mut self, entry: Entry) {
        self.log.add(entry.clone());
        self.effects.push(Effect::Log(entry));
    }
}
