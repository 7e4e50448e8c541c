//! The state machine.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::Arc,
    time::Duration,
};

use qstash_types::{
    CallbackTarget, DeadLetter, Destination, DlqId, LogEntry, LogState, MessageId, MessageRecord, Receipt,
    duration,
};

use super::{
    Answer, AttemptId, Delivery, Effect, Entry, Event, Message, Millis, Outcome, Publication, Record,
    callback::Report,
    dead_letters::DeadLetters,
    deduplication::{self, Fingerprint},
    due::{Due, Place, Wake},
    ids::Ids,
    log::Log,
    verdict::Verdict,
};

/// How many attempts may run at the same time. Messages beyond wait in the order in which they became due.
const MOST_ATTEMPTS: usize = 128;
/// How long a message can still be read after it was delivered.
const READABLE_AFTER_DELIVERY: Duration = Duration::from_secs(10);

/// The state of the broker.
#[derive(Debug)]
pub struct Broker {
    ids: Ids,
    /// Every message that is readable: those not delivered yet, and those delivered a moment ago.
    messages: HashMap<MessageId, Tracked>,
    /// Everything that waits for a time.
    due: Due,
    /// Messages that wait for nothing but a free attempt.
    ready: VecDeque<MessageId>,
    attempts: HashMap<AttemptId, Attempt>,
    attempts_started: u64,
    /// The first message of each fingerprint whose window is open.
    windows: HashMap<Fingerprint, MessageId>,
    dead_letters: DeadLetters,
    log: Log,
    /// What the event at hand has brought about so far.
    effects: Vec<Effect>,
}

/// A message and how far it has come.
#[derive(Debug)]
struct Tracked {
    message: Arc<Message>,
    /// How many attempts have failed.
    retried: u32,
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
            ready: VecDeque::new(),
            attempts: HashMap::new(),
            attempts_started: 0,
            windows: HashMap::new(),
            dead_letters: DeadLetters::default(),
            log: Log::default(),
            effects: Vec::new(),
        }
    }

    /// Takes in what happens, and says what to do about it and about everything that has become due.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        match event {
            Event::Publish { call, publication } => {
                let answer = self.publish(now, *publication);
                self.effects.push(Effect::Answer { call, answer });
            }
            Event::AttemptEnded { attempt, outcome } => self.attempt_ended(now, attempt, outcome),
            Event::Due => {}
        }
        while let Some(wake) = self.due.take(now) {
            self.wake(now, wake);
        }
        while self.attempts.len() < MOST_ATTEMPTS
            && let Some(message) = self.ready.pop_front()
        {
            self.attempt(now, message);
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

    /// The dead letter queue, the newest entry first.
    pub fn dead_letters(&self) -> impl Iterator<Item = DeadLetter> {
        self.dead_letters.iter()
    }

    /// The log, the newest entry first.
    pub fn log(&self) -> impl Iterator<Item = LogEntry> {
        self.log.iter().map(Entry::render)
    }

    fn publish(&mut self, now: Millis, publication: Publication) -> Answer {
        let Publication { destination, mut options, body, caller_ip } = publication;
        let url = match destination {
            Destination::Url(url) => url,
            unknown => return Answer::NotFound(unknown),
        };
        let deduplication = options.deduplication.take();
        let message = Message::published(self.ids.message(), now, url, options, body, caller_ip);
        if let Some(deduplication) = deduplication {
            let fingerprint = Fingerprint::of(&message, deduplication);
            if let Some(first) = self.windows.get(&fingerprint) {
                let mut receipt = Receipt::new(first.clone());
                receipt.deduplicated = true;
                return Answer::Accepted(receipt);
            }
            self.windows.insert(fingerprint.clone(), message.id.clone());
            self.due.add(now + deduplication::WINDOW, Wake::CloseWindow(fingerprint));
        }
        let receipt = Receipt::new(message.id.clone());
        self.accept(now, message);
        Answer::Accepted(receipt)
    }

    fn accept(&mut self, now: Millis, message: Message) {
        let message = Arc::new(message);
        self.effects.push(Effect::Keep(Record::Accepted(message.clone())));
        self.enter(now, &message, LogState::Created);
        self.due.add(message.not_before, Wake::Attempt(message.id.clone()));
        self.messages.insert(message.id.clone(), Tracked { message, retried: 0 });
    }

    fn wake(&mut self, now: Millis, wake: Wake) {
        match wake {
            Wake::Attempt(message) => self.ready.push_back(message),
            Wake::TimeOut(id) => {
                self.effects.push(Effect::Abandon(id));
                let attempt =
                    self.attempts.remove(&id).expect("an attempt that ends takes its timeout along");
                let limit = duration::to_text(self.messages[&attempt.message].message.timeout);
                self.conclude(now, &attempt.message, Outcome::Failed(format!("no response within {limit}")));
            }
            Wake::Forget(message) => {
                self.messages.remove(&message);
            }
            Wake::CloseWindow(fingerprint) => {
                self.windows.remove(&fingerprint);
            }
        }
    }

    fn attempt(&mut self, now: Millis, id: MessageId) {
        let Tracked { message, retried } = &self.messages[&id];
        let (message, retried) = (message.clone(), *retried);
        let attempt = AttemptId(self.attempts_started);
        self.attempts_started += 1;
        let time_out = self.due.add(now + message.timeout, Wake::TimeOut(attempt));
        self.attempts.insert(attempt, Attempt { message: id, time_out });
        self.enter(now, &message, LogState::Active);
        self.effects.push(Effect::Deliver(Delivery {
            attempt,
            url: message.url.clone(),
            method: message.method.clone(),
            headers: message.delivery_headers(retried),
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
        let outcome = Arc::new(outcome);
        let report = Report { source: &message, retried, outcome: &outcome };
        match Verdict::on(&message, retried, &outcome, now) {
            Verdict::Delivered => {
                self.enter(now, &message, LogState::Delivered);
                self.call_back(now, message.callback.as_ref(), &report, None);
                self.effects.push(Effect::Keep(Record::Delivered(id.clone())));
                self.due.add(now + READABLE_AFTER_DELIVERY, Wake::Forget(id.clone()));
            }
            Verdict::Retry(wait) => {
                tracked.retried += 1;
                let due = now + wait;
                self.enter_error(now, &message, &outcome, Some(due));
                self.enter(now, &message, LogState::Retry);
                self.call_back(now, message.callback.as_ref(), &report, None);
                let message = id.clone();
                self.effects.push(Effect::Keep(Record::Waiting { message, retried: retried + 1, due }));
                self.due.add(due, Wake::Attempt(id.clone()));
            }
            Verdict::Dead => {
                self.messages.remove(id);
                self.enter_error(now, &message, &outcome, None);
                self.enter(now, &message, LogState::Failed);
                let dlq_id = self.dead_letters.add(now, message.clone(), outcome.clone());
                self.call_back(now, message.callback.as_ref(), &report, None);
                self.call_back(now, message.failure_callback.as_ref(), &report, Some(dlq_id.clone()));
                self.effects.push(Effect::Keep(Record::Dead { message: id.clone(), dlq_id, outcome }));
            }
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
            let message = report.source.callback(self.ids.message(), now, target, report.body(dlq_id));
            self.accept(now, message);
        }
    }

    fn enter(&mut self, now: Millis, message: &Arc<Message>, state: LogState) {
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
