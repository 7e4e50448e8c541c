//! A year of random traffic, judged after each step by what the broker may never do.

mod promises;
mod traffic;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    mem,
    net::Ipv4Addr,
    num::NonZeroU32,
    time::Duration,
};

use http::HeaderMap;
use qstash_broker::{
    Accepted, Activity, AttemptEnd, AttemptId, Broker, Cancel, Capacity, ChangeFlowControl, Command,
    DeleteDeadLetters, DeleteSchedule, Dispatch, Effect, Entry, Event, FlowChange, PageRequest, Publication,
    Publish, PutEndpoints, PutQueue, PutSchedule, Record, RecordKey, RetriedDeadLetters, RetryDeadLetters,
    Selector, SetDefaults, StoredEndpoint, StoredMessage, Time,
};
use qstash_types::{
    Cron, DeliveryOptions, Destination, FlowControl, FlowControlKey, FlowLimits, LogState, MessageId,
    QueueName, Receipt, ScheduleId, Url, UrlGroupName,
};
use serde_json::{Value, json};

use crate::sim::{START, answered, answered_with, reread};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const WINDOW: Duration = Duration::from_secs(600);
/// The parallelism of each queue at first, and what messages say about each flow-control key.
const QUEUES: [(&str, usize); 2] = [("q1", 1), ("q3", 3)];
const FLOWS: [(&str, &str); 4] = [
    ("wide", "parallelism=3,rate=20,period=60s"),
    ("slow", "rate=5,period=3600s"),
    ("wide", "parallelism=2,rate=30,period=90s"),
    ("slow", "rate=8,period=1800s,parallelism=4"),
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
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a list of facts")]
struct Known {
    /// How many messages were accepted before.
    number: usize,
    is_delayed: bool,
    queue: Option<String>,
    flow: Option<String>,
    has_callback: bool,
    has_failure_callback: bool,
    source: Option<MessageId>,
    max_retries: usize,
    timeout: Duration,
    /// When the next attempt may start.
    due: Time,
    /// When the attempt that is running has started.
    since: Option<Time>,
    /// How the last attempt ended.
    ending: Option<Ending>,
    attempts: usize,
    callbacks: usize,
    failure_callbacks: usize,
    dead_letters: usize,
    cancelled: bool,
    /// Delivered, dead or cancelled, as the log says.
    ended: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Taken,
    Refused,
    /// With the wish to wait that long.
    RefusedFor(Duration),
    RefusedForGood,
}

/// What is of interest in the body of a callback. Other bodies are empty objects.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    source_message_id: Option<MessageId>,
    retried: Option<usize>,
    dlq_id: Option<String>,
}

/// What is known about a flow-control key.
#[derive(Default)]
struct Flow {
    limits: FlowLimits,
    has_pinned_parallelism: bool,
    has_pinned_rate: bool,
    is_paused: bool,
    running: u32,
    /// When the period started, and how many attempts started in it.
    start: Time,
    started: u32,
}

impl Flow {
    fn period_starts(&mut self, now: Time) {
        (self.start, self.started) = (now, 0);
    }
}

struct Year {
    broker: Broker,
    now: Time,
    dice: Dice,
    running: BTreeMap<u64, Dispatch>,
    known: HashMap<MessageId, Known>,
    /// Those that have not come to their end.
    unfinished: BTreeSet<MessageId>,
    parallelism: BTreeMap<String, usize>,
    /// Of each queue: who has a slot.
    slots: BTreeMap<String, BTreeSet<MessageId>>,
    /// Of each queue: messages without a delay, in the order of their acceptance, that were not attempted yet.
    lines: BTreeMap<String, Vec<MessageId>>,
    flows: BTreeMap<String, Flow>,
    /// What the URL group adds to its messages.
    group_default: u64,
    /// How many callbacks of each message have not come to their end.
    reports: HashMap<MessageId, usize>,
    /// When each deduplication id was accepted first, for each endpoint of the URL group, and for which message.
    windows: HashMap<(u64, Option<String>), (Time, MessageId)>,
    paused: BTreeSet<String>,
    /// When each schedule is to publish next.
    triggers: BTreeMap<String, Time>,
    /// What the event at hand has brought into being, short of callbacks: for a call, and for each schedule.
    published: Vec<MessageId>,
    scheduled: BTreeMap<String, usize>,
    /// How many dead letters there are.
    dead: usize,
    /// What has to be kept.
    kept: BTreeMap<RecordKey, Record>,
    log: String,
    steps: u64,
    crashes: u64,
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
            parallelism: BTreeMap::new(),
            slots: BTreeMap::new(),
            lines: BTreeMap::new(),
            flows: BTreeMap::new(),
            group_default: 0,
            reports: HashMap::new(),
            windows: HashMap::new(),
            paused: BTreeSet::new(),
            triggers: BTreeMap::new(),
            published: Vec::new(),
            scheduled: BTreeMap::new(),
            dead: 0,
            kept: BTreeMap::new(),
            log: String::new(),
            steps: 0,
            crashes: 0,
        };
        for (name, parallelism) in QUEUES {
            year.set_parallelism(name, parallelism);
        }
        let endpoints = ["http://127.0.0.1:9/g1", "http://127.0.0.1:9/g2"]
            .map(|url| StoredEndpoint { name: None, url: Url::received(url).unwrap() });
        year.call(PutEndpoints(UrlGroupName::new("group").unwrap(), endpoints.into()));
        for (cron, id, queue) in [
            ("0 */6 * * *", "plain", None),
            ("CRON_TZ=Europe/Berlin 30 2 * * *", "queued", Some("q1")),
            ("15 4 * * MON", "fanned", None),
        ] {
            let destination = if id == "fanned" { "group" } else { "http://127.0.0.1:9/s" };
            let mut publication = publication(destination, &HeaderMap::new(), queue);
            publication.options.schedule_id = Some(ScheduleId::new(id).unwrap());
            year.call(PutSchedule { cron: Box::new(cron.parse::<Cron>().unwrap()), publication });
        }
        year.plan();
        year
    }

    fn call<C: Command>(&mut self, command: C) -> C::Answer {
        let effects = self.broker.call(self.now, command);
        self.take_in(effects, &[]).expect("a call is answered").expect("all calls are legal")
    }

    fn handle(&mut self, event: Event) {
        let effects = self.broker.handle(self.now, event);
        self.take_in(effects, &[]);
    }

    fn retry_dead_letters(&mut self, command: RetryDeadLetters) {
        let effects = self.broker.call(self.now, command);
        let revived = effects.iter().find_map(|effect| match effect {
            Effect::Answer(Ok(RetriedDeadLetters { receipts, .. })) => Some(receipts.clone()),
            _ => None,
        });
        let revived: Vec<_> = revived.into_iter().flatten().map(|receipt| receipt.message_id).collect();
        self.dead -= revived.len();
        self.take_in(effects, &revived);
    }

    fn take_in<A>(&mut self, effects: Vec<Effect<A>>, revived: &[MessageId]) -> Option<A> {
        self.steps += 1;
        self.published.clear();
        self.scheduled.clear();
        let mut answered = None;
        let mut failed = Vec::new();
        for effect in effects {
            match effect {
                Effect::Keep(record) => drop(self.kept.insert(record.key(), record)),
                Effect::Forget(key) => assert!(self.kept.remove(&key).is_some(), "{key:?} was kept"),
                Effect::Answer(answer) => answered = Some(answer),
                Effect::Send(dispatch) => self.started(*dispatch),
                Effect::Abandon(AttemptId(attempt)) => self.timed_out(attempt),
                Effect::Log(entry) => {
                    self.entered(&entry, revived);
                    if entry.state == LogState::Failed {
                        failed.push(entry.message.id.clone());
                    }
                }
            }
        }
        self.check(&failed);
        answered
    }

    /// Time goes on, visiting each instant that the broker asked for; sometimes it comes late, or after the next event.
    fn pass(&mut self, span: Duration) {
        let target = self.now + span;
        let late = self.dice.one_in(5);
        if late && self.dice.one_in(2) {
            self.now = target;
            return;
        }
        while let Some(due) = self.broker.next_due().filter(|&due| due <= target) {
            self.now = if late { target } else { self.now.max(due) };
            self.handle(Event::Due);
        }
        self.now = target;
    }

    fn run(&mut self, until: Time, crash_one_in: Option<u64>) {
        while self.now < until {
            if crash_one_in.is_some_and(|chances| self.dice.one_in(chances)) {
                self.crash();
            }
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
            self.call(DeleteSchedule(ScheduleId::new(id).unwrap()));
            self.triggers.remove(id);
        }
        for (queue, _) in QUEUES {
            self.paused.remove(queue);
            let name = QueueName::new(queue).unwrap();
            self.call(PutQueue { name, parallelism: None, activity: Some(Activity::Running) });
        }
        for (key, _) in &FLOWS[..2] {
            self.set_flow_control(key, Activity::Running);
        }
        loop {
            while !self.running.is_empty() {
                self.end_one();
            }
            let Some(due) = self.broker.next_due() else { return };
            self.pass(self.now.until(due));
        }
    }
}

fn random_traffic(seed: u64, span: Duration, crash_one_in: Option<u64>) -> Year {
    let mut year = Year::new(seed);
    year.run(START + span, crash_one_in);
    year.settle();
    year.judge();
    year
}

#[test]
fn a_year_of_random_traffic_breaks_no_promise() {
    for seed in [1, 0x5eed] {
        let Year { steps, log, .. } = random_traffic(seed, YEAR, None);
        assert!(steps > 1000 && log.lines().count() > 1000, "{steps} steps");
    }
}

#[test]
fn a_fortnight_of_random_traffic_with_crashes_breaks_no_promise() {
    for seed in [3, 0xdead] {
        let Year { steps, crashes, .. } = random_traffic(seed, YEAR / 26, Some(10));
        assert!(crashes > 40, "{crashes} crashes in {steps} steps");
    }
}

#[test]
fn the_same_seed_gives_the_same_month_byte_for_byte() {
    let month = |seed| random_traffic(seed, YEAR / 12, None);
    let (first, second) = (month(7), month(7));
    assert_eq!(first.log, second.log);
    assert!(first.broker.dead_letters().eq(second.broker.dead_letters()));
    assert_ne!(first.log, month(8).log);
}
