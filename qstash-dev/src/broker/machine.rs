//! The state machine: what it consists of, and how it takes in what happens.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
};

use qstash_types::{MessageId, MessageRecord};

use super::{
    Answer, AttemptId, Command, Effect, Event, Message, Millis, Record, RecordKey, Refused,
    attempts::Attempt,
    dead_letters::DeadLetters,
    deduplication::Windows,
    delivered::Delivered,
    due::{Due, Place, Wake},
    flow_control::FlowControls,
    ids::Ids,
    log::Log,
    queues::{Queues, Slot},
    record::{Kept, Key},
    schedules::Schedules,
    url_groups::UrlGroups,
};

/// How many attempts may run at the same time. Messages beyond wait in the order in which they became due.
pub(super) const MOST_ATTEMPTS: usize = 128;

/// The state of the broker.
#[derive(Debug)]
pub struct Broker {
    pub(super) ids: Ids,
    /// Every message that is readable: those not delivered yet, and those delivered a moment ago.
    pub(super) messages: HashMap<MessageId, Box<Tracked>>,
    /// How many bytes of headers and bodies those have that have not come to their end, and schedules.
    pub(super) bytes: u64,
    /// Everything that waits for a time.
    pub(super) due: Due,
    /// How many messages were accepted.
    pub(super) accepted: u64,
    /// How many tickets were given out.
    pub(super) tickets: u64,
    /// Messages that wait for nothing but a free attempt, by ticket.
    pub(super) ready: BTreeMap<u64, MessageId>,
    pub(super) attempts: HashMap<AttemptId, Attempt>,
    pub(super) attempts_started: u64,
    pub(super) windows: Windows,
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
    /// How many messages were accepted before.
    pub(super) number: u64,
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

impl Tracked {
    /// Whether there is more to keep than that it was accepted.
    pub(super) fn has_progress(&self) -> bool {
        self.retried > 0 || self.cancelled
    }
}

impl Broker {
    /// A broker without messages. All ids come from the seed.
    pub fn new(seed: u64) -> Self {
        Self {
            ids: Ids::new(seed),
            messages: HashMap::new(),
            bytes: 0,
            due: Due::default(),
            accepted: 0,
            tickets: 0,
            ready: BTreeMap::new(),
            attempts: HashMap::new(),
            attempts_started: 0,
            windows: Windows::default(),
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
                // A window that is over, say, is over for a call that comes before anybody has looked at the clock.
                self.wake_due(now);
                let answer = self.obey(now, *command);
                self.effects.push(Effect::Answer { call, answer });
            }
            Event::AttemptEnded { attempt, outcome } => self.attempt_ended(now, attempt, outcome),
            Event::Due => {}
        }
        self.wake_due(now);
        while self.attempts.len() < MOST_ATTEMPTS
            && let Some((ticket, message)) = self.ready.pop_first()
        {
            if !self.is_held(now, ticket, &message) && self.is_admitted(now, ticket, &message) {
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
        Ok(match command {
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
            Command::PutEndpoints(name, endpoints) => self.put_endpoints(now, &name, endpoints)?,
            Command::RemoveEndpoints(name, keys) => self.remove_endpoints(now, &name, &keys)?,
            Command::SetDefaults(name, mut defaults) => {
                defaults.schedule_id = None;
                self.set_defaults(now, &name, *defaults)?
            }
            Command::DeleteUrlGroup(name) => self.delete_url_group(&name)?,
            Command::PutSchedule(cron, publication) => self.put_schedule(now, *cron, publication)?,
            Command::SetSchedule(id, activity) => self.set_schedule(&id, activity)?,
            Command::DeleteSchedule(id) => self.delete_schedule(&id)?,
            Command::DeleteDeadLetters(filter, page) => self.delete_dead_letters(&filter, page),
            Command::RetryDeadLetters(filter, page, mut options) => {
                options.schedule_id = None;
                self.retry_dead_letters(now, &filter, page, &options)?
            }
            Command::FlowControl(key, change) => self.change_flow_control(now, &key, change)?,
        })
    }

    fn wake_due(&mut self, now: Millis) {
        while let Some(wake) = self.due.take(now) {
            self.wake(now, wake);
        }
    }

    fn wake(&mut self, now: Millis, wake: Wake) {
        match wake {
            Wake::Attempt(message) => self.line_up(now, message),
            Wake::TimeOut(attempt) => self.time_out(now, attempt),
            Wake::Forget(message) => self.forget_delivered(&message),
            Wake::CloseWindow(fingerprint) => {
                self.windows.close(&fingerprint);
                self.forget(Key::Window(*fingerprint));
            }
            Wake::Period(key) => self.period_ended(now, &key),
            Wake::Idle(key) => self.forget_if_idle(now, &key),
            Wake::Trigger(schedule) => self.trigger(now, &schedule),
        }
    }

    pub(super) fn keep(&mut self, kept: Kept) {
        self.effects.push(Effect::Keep(Record(kept)));
    }

    pub(super) fn forget(&mut self, key: Key) {
        self.effects.push(Effect::Forget(RecordKey(key)));
    }
}
