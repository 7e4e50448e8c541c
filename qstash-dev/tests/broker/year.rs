//! A year of random traffic, judged after each step by what the broker may never do.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::Ipv4Addr,
    num::NonZeroU32,
    time::Duration,
};

use http::{HeaderMap, StatusCode};
use qstash_dev::broker::{
    Accepted, Activity, Answer, AttemptId, Broker, CallId, Command, Delivery, Effect, Endpoint, Event,
    Filter, Millis, Outcome, Page, Publication, Record, Response,
};
use qstash_types::{
    Cron, DeadLetter, DeliveryOptions, Destination, LogState, MessageId, QueueName, ScheduleId, Url,
    UrlGroupName,
};

use crate::sim::START;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const WINDOW: Duration = Duration::from_secs(600);
/// The parallelism of each queue, and the limits of each flow-control key.
const QUEUES: [(&str, usize); 2] = [("q1", 1), ("q3", 3)];
const FLOWS: [(&str, &str, usize, usize, u64); 2] = [
    ("wide", "parallelism=3,rate=20,period=60s", 3, 20, 60),
    ("slow", "rate=5,period=3600s", usize::MAX, 5, 3600),
];

/// Small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// What is known about a message from outside.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "a list of facts")]
struct Known {
    queue: Option<String>,
    flow: Option<String>,
    has_callback: bool,
    has_failure_callback: bool,
    source: Option<MessageId>,
    attempts: usize,
    callbacks: usize,
    failure_callbacks: usize,
    dead_letters: usize,
    cancelled: bool,
    /// Delivered, dead or cancelled, as the log says.
    ended: bool,
}

struct Year {
    broker: Broker,
    now: Millis,
    dice: Dice,
    running: BTreeMap<u64, Delivery>,
    known: HashMap<MessageId, Known>,
    /// Those that have not come to their end.
    unfinished: BTreeSet<MessageId>,
    /// Of each queue: who has a slot.
    slots: BTreeMap<String, BTreeSet<MessageId>>,
    /// Of each queue: messages without a delay, in the order of their acceptance, that were not attempted yet.
    lines: BTreeMap<String, Vec<MessageId>>,
    /// Of each flow-control key: how many attempts run, when its period started, how many started in it.
    flows: BTreeMap<String, (usize, Millis, usize)>,
    /// When each deduplication id was accepted first, and for which message.
    windows: HashMap<u64, (Millis, MessageId)>,
    paused: BTreeSet<String>,
    log: String,
    steps: u64,
}

fn publication(destination: &str, headers: &HeaderMap, queue: Option<&str>) -> Publication {
    let mut options = DeliveryOptions::from_headers(headers).unwrap();
    options.queue = queue.map(|name| QueueName::new(name).unwrap());
    Publication {
        destination: Destination::received(destination).unwrap(),
        options,
        headers: HeaderMap::new(),
        body: "{}".into(),
        caller_ip: Ipv4Addr::LOCALHOST.into(),
    }
}

impl Year {
    fn new(seed: u64) -> Self {
        let mut year = Self {
            broker: Broker::new(seed),
            now: START,
            dice: Dice(seed | 1),
            running: BTreeMap::new(),
            known: HashMap::new(),
            unfinished: BTreeSet::new(),
            slots: BTreeMap::new(),
            lines: BTreeMap::new(),
            flows: BTreeMap::new(),
            windows: HashMap::new(),
            paused: BTreeSet::new(),
            log: String::new(),
            steps: 0,
        };
        for (name, parallelism) in QUEUES {
            let parallelism = NonZeroU32::new(u32::try_from(parallelism).unwrap());
            let name = QueueName::new(name).unwrap();
            year.call(Command::PutQueue { name, parallelism, activity: None });
        }
        let endpoints = ["http://127.0.0.1:9/g1", "http://127.0.0.1:9/g2"]
            .map(|url| Endpoint { name: None, url: Url::received(url).unwrap() });
        year.call(Command::PutEndpoints(UrlGroupName::new("group").unwrap(), endpoints.into()));
        for (cron, id, queue) in [
            ("0 */6 * * *", "plain", None),
            ("CRON_TZ=Europe/Berlin 30 2 * * *", "queued", Some("q1")),
            ("15 4 * * MON", "fanned", None),
        ] {
            let destination = if id == "fanned" { "group" } else { "http://127.0.0.1:9/s" };
            let mut publication = publication(destination, &HeaderMap::new(), queue);
            publication.options.schedule_id = Some(ScheduleId::new(id).unwrap());
            year.call(Command::PutSchedule(Box::new(cron.parse::<Cron>().unwrap()), publication));
        }
        year
    }

    fn call(&mut self, command: Command) -> Option<Answer> {
        self.handle(Event::Call { call: CallId(self.steps), command: Box::new(command) })
    }

    fn handle(&mut self, event: Event) -> Option<Answer> {
        self.steps += 1;
        let mut answered = None;
        let mut kept = BTreeSet::new();
        let effects = self.broker.handle(self.now, event);
        let revived = |effect: &Effect| matches!(effect, Effect::Keep(Record::Revived(_)));
        let revivals: BTreeSet<_> = effects
            .iter()
            .enumerate()
            .filter(|(_, effect)| revived(effect))
            .map(|(place, _)| place)
            .collect();
        for (place, effect) in effects.into_iter().enumerate() {
            match effect {
                Effect::Keep(Record::Accepted(message)) => {
                    kept.insert(message.id.clone());
                    let reports_on = str::from_utf8(&message.body).unwrap();
                    let report: serde_json::Value = serde_json::from_str(reports_on).unwrap();
                    // A callback that is taken out of the dead letter queue reports nothing new.
                    let is_revived = revivals.contains(&(place + 2));
                    let source = report["sourceMessageId"].as_str().filter(|_| !is_revived);
                    let source = source.map(|id| MessageId::new(id).unwrap());
                    if let Some(source) = source.as_ref().and_then(|id| self.known.get_mut(id)) {
                        if report.get("dlqId").is_some() {
                            source.failure_callbacks += 1;
                        } else {
                            source.callbacks += 1;
                        }
                    }
                    let queue = message.queue.as_ref().map(ToString::to_string);
                    if let Some(queue) = &queue
                        && message.not_before == message.created_at
                    {
                        self.lines.entry(queue.clone()).or_default().push(message.id.clone());
                    }
                    let known = Known {
                        queue,
                        flow: message.flow_control.as_ref().map(|flow| flow.key.to_string()),
                        has_callback: message.callback.is_some(),
                        has_failure_callback: message.failure_callback.is_some(),
                        source,
                        ..Known::default()
                    };
                    assert!(self.known.insert(message.id.clone(), known).is_none(), "an id is new");
                    self.unfinished.insert(message.id.clone());
                }
                Effect::Keep(Record::Cancelled(id)) => {
                    self.known.get_mut(&id).unwrap().cancelled = true;
                    // It may leave its line from the middle.
                    for line in self.lines.values_mut() {
                        line.retain(|waiting| *waiting != id);
                    }
                }
                Effect::Keep(Record::Dead { message, .. }) => {
                    self.known.get_mut(&message).unwrap().dead_letters += 1;
                }
                Effect::Keep(_) => {}
                Effect::Answer { answer, .. } => answered = Some(answer.expect("all calls are legal")),
                Effect::Deliver(delivery) => self.started(delivery),
                Effect::Abandon(AttemptId(attempt)) => self.ended(attempt),
                Effect::Log(entry) => {
                    let id = &entry.message.id;
                    if entry.state == LogState::Created {
                        assert!(kept.contains(id), "what is accepted was kept before");
                    }
                    let known = self.known.get_mut(id).unwrap();
                    assert!(!known.ended, "nothing happens to {id} after its end");
                    known.ended =
                        matches!(entry.state, LogState::Delivered | LogState::Failed | LogState::Canceled);
                    if known.ended {
                        self.unfinished.remove(id);
                    }
                    let line = format!("{} {} {}\n", entry.time.since_epoch(), id, entry.state);
                    self.log.push_str(&line);
                }
            }
        }
        self.check();
        answered
    }

    fn started(&mut self, delivery: Delivery) {
        let id = delivery.message.clone();
        let known = self.known.get_mut(&id).unwrap();
        assert!(!known.ended, "{id} is attempted after its end");
        assert!(!known.cancelled, "{id} is attempted after it was cancelled");
        known.attempts += 1;
        if let Some(queue) = &known.queue {
            assert!(!self.paused.contains(queue), "a paused queue delivers");
            let line = self.lines.entry(queue.clone()).or_default();
            if let Some(place) = line.iter().position(|waiting| *waiting == id) {
                assert_eq!(place, 0, "{id} overtakes in {queue}");
                line.remove(0);
            }
            self.slots.entry(queue.clone()).or_default().insert(id.clone());
        }
        if let Some(flow) = &known.flow {
            let (_, _, parallelism, rate, period) = *FLOWS.iter().find(|limits| limits.0 == flow).unwrap();
            let (running, start, started) = self.flows.entry(flow.clone()).or_default();
            if self.now >= *start + Duration::from_secs(period) {
                (*start, *started) = (self.now, 0);
            }
            *running += 1;
            *started += 1;
            assert!(*running <= parallelism && *started <= rate, "{flow} is exceeded");
        }
        self.running.insert(delivery.attempt.0, delivery);
        assert!(self.running.len() <= 128);
    }

    fn ended(&mut self, attempt: u64) {
        let delivery = self.running.remove(&attempt).expect("an attempt ends once");
        if let Some(flow) = &self.known[&delivery.message].flow {
            self.flows.get_mut(flow).unwrap().0 -= 1;
        }
    }

    /// What must hold after each step.
    fn check(&mut self) {
        let known = &self.known;
        let open: BTreeSet<_> = self.broker_callbacks();
        for (queue, parallelism) in QUEUES {
            let Some(slots) = self.slots.get_mut(queue) else { continue };
            slots.retain(|id| !known[id].ended || open.contains(id));
            assert!(slots.len() <= parallelism, "{queue} has more on their way than it may");
        }
    }

    /// The sources of callbacks that have not come to their end.
    fn broker_callbacks(&self) -> BTreeSet<MessageId> {
        let holders = self.slots.values().flatten();
        let holders: BTreeSet<_> = holders.filter(|id| self.known[*id].ended).collect();
        if holders.is_empty() {
            return BTreeSet::new();
        }
        let unfinished = self.unfinished.iter().map(|id| &self.known[id]);
        unfinished.filter_map(|known| known.source.clone()).filter(|id| holders.contains(id)).collect()
    }

    fn publish(&mut self) {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: String| {
            headers.insert(name, value.parse().unwrap());
        };
        put("upstash-retries", self.dice.below(4).to_string());
        if self.dice.one_in(2) {
            put("upstash-callback", "http://127.0.0.1:9/c".to_owned());
            put("upstash-callback-retries", "1".to_owned());
        }
        if self.dice.one_in(2) {
            put("upstash-failure-callback", "http://127.0.0.1:9/f".to_owned());
            put("upstash-failure-callback-retries", "1".to_owned());
        }
        if self.dice.one_in(4) {
            put("upstash-delay", format!("{}s", self.dice.below(7200)));
        }
        if self.dice.one_in(3) {
            put("upstash-timeout", "30s".to_owned());
        }
        let mut queue = None;
        let pick = usize::try_from(self.dice.below(9)).unwrap();
        if pick < 4 {
            queue = Some(QUEUES[pick % 2].0);
        } else if pick < 6 {
            let (key, limits, ..) = FLOWS[pick % 2];
            put("upstash-flow-control-key", key.to_owned());
            put("upstash-flow-control-value", limits.to_owned());
        }
        let destination = if self.dice.one_in(10) { "group" } else { "http://127.0.0.1:9/x" };
        let deduplication = (destination != "group" && self.dice.one_in(5)).then(|| self.dice.below(10));
        if let Some(id) = deduplication {
            put("upstash-deduplication-id", id.to_string());
        }
        let answer = self.call(Command::Publish(publication(destination, &headers, queue)));
        if let (Some(id), Some(Answer::Accepted(Accepted::One(receipt)))) = (deduplication, answer) {
            let open = self.windows.get(&id).filter(|(since, _)| self.now < *since + WINDOW);
            if let Some((_, first)) = open {
                assert_eq!((&receipt.message_id, receipt.deduplicated), (first, true));
            } else {
                assert!(!receipt.deduplicated, "the window was closed");
                self.windows.insert(id, (self.now, receipt.message_id));
            }
        }
    }

    fn end_one(&mut self) {
        let Ok(count) = u64::try_from(self.running.len()) else { return };
        if count == 0 {
            return;
        }
        let pick = usize::try_from(self.dice.below(count)).unwrap();
        let attempt = *self.running.keys().nth(pick).unwrap();
        let outcome = match self.dice.below(10) {
            0..5 => answered(200, &[]),
            5..8 => answered(500, &[]),
            8 if self.dice.one_in(2) => answered(489, &[("upstash-nonretryable-error", "true")]),
            8 => answered(429, &[("retry-after", "90")]),
            _ => Outcome::Failed("connection failed".to_owned()),
        };
        self.ended(attempt);
        self.handle(Event::AttemptEnded { attempt: AttemptId(attempt), outcome });
    }

    fn administer(&mut self) {
        match self.dice.below(5) {
            0 => {
                let (queue, _) = QUEUES[usize::try_from(self.dice.below(2)).unwrap()];
                let pause = self.dice.one_in(3);
                if pause {
                    self.paused.insert(queue.to_owned());
                } else {
                    self.paused.remove(queue);
                }
                let activity = Some(if pause { Activity::Paused } else { Activity::Running });
                let name = QueueName::new(queue).unwrap();
                self.call(Command::PutQueue { name, parallelism: None, activity });
            }
            1 | 2 => {
                if let Some(count) = u64::try_from(self.unfinished.len()).ok().filter(|&count| count > 0) {
                    let pick = usize::try_from(self.dice.below(count)).unwrap();
                    let id = self.unfinished.iter().nth(pick).unwrap().clone();
                    self.call(Command::Cancel(Filter::messages([id.as_str()]), 1));
                }
            }
            3 => {
                let page = Page { after: None, count: 3 };
                self.call(Command::RetryDeadLetters(Filter::default(), page, Box::default()));
            }
            _ => {
                let page = Page { after: None, count: 5 };
                self.call(Command::DeleteDeadLetters(Filter::default(), page));
            }
        }
    }

    /// Time goes on, visiting each instant that the broker asked for; sometimes it comes late.
    fn pass(&mut self, span: Duration) {
        let target = self.now + span;
        let late = self.dice.one_in(10);
        while let Some(due) = self.broker.next_due().filter(|&due| due <= target) {
            self.now = if late { target } else { self.now.max(due) };
            self.handle(Event::Due);
        }
        self.now = target;
    }

    fn run(&mut self, until: Millis) {
        while self.now < until {
            match self.dice.below(20) {
                0..5 => self.publish(),
                5..15 => self.end_one(),
                15 => self.administer(),
                _ => {
                    let most = if self.dice.one_in(4) { 40_000_000 } else { 60_000 };
                    let span = Duration::from_millis(self.dice.below(most));
                    self.pass(span);
                }
            }
        }
    }

    /// Nothing new comes in, and everything comes to its end.
    fn settle(&mut self) {
        for id in ["plain", "queued", "fanned"] {
            self.call(Command::DeleteSchedule(ScheduleId::new(id).unwrap()));
        }
        for (queue, _) in QUEUES {
            self.paused.remove(queue);
            let name = QueueName::new(queue).unwrap();
            self.call(Command::PutQueue { name, parallelism: None, activity: Some(Activity::Running) });
        }
        loop {
            while !self.running.is_empty() {
                self.end_one();
            }
            let Some(due) = self.broker.next_due() else { return };
            self.pass(self.now.until(due));
        }
    }

    /// What must hold of each message when all is over.
    fn judge(&self) {
        for (id, known) in &self.known {
            assert!(known.ended, "{id} was lost");
            assert!(known.dead_letters <= 1, "{id} is in the dead letter queue twice");
            let expected = if known.has_failure_callback { known.dead_letters } else { 0 };
            assert_eq!(known.failure_callbacks, expected, "failure callbacks of {id}");
            if !known.has_callback {
                assert_eq!(known.callbacks, 0);
            } else if known.cancelled {
                assert!(known.callbacks <= known.attempts);
            } else {
                assert_eq!(known.callbacks, known.attempts, "callbacks of {id}");
            }
        }
    }
}

fn answered(status: u16, headers: &[(&'static str, &'static str)]) -> Outcome {
    Outcome::Answered(Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: crate::sim::header_map(headers),
        body: "".into(),
    })
}

fn year(seed: u64) -> (String, Vec<DeadLetter>, u64) {
    let mut year = Year::new(seed);
    year.run(START + YEAR);
    year.settle();
    year.judge();
    (year.log, year.broker.dead_letters().collect(), year.steps)
}

#[test]
fn a_year_of_random_traffic_breaks_no_promise() {
    for seed in [1, 0x5eed] {
        let (log, _, steps) = year(seed);
        assert!(steps > 1000 && log.lines().count() > 1000, "{steps} steps");
    }
}

#[test]
fn the_same_seed_gives_the_same_year_byte_for_byte() {
    let (first, second) = (year(7), year(7));
    assert_eq!(first.0, second.0);
    assert_eq!(first.1, second.1);
    assert_ne!(first.0, year(8).0);
}
