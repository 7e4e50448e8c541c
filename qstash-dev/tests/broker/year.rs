//! A year of random traffic, judged after each step by what the broker may never do.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    mem,
    net::Ipv4Addr,
    num::NonZeroU32,
    time::Duration,
};

use http::{HeaderMap, StatusCode};
use qstash_dev::broker::{
    Accepted, Activity, Answer, AttemptId, Broker, CallId, Command, Delivery, Effect, Endpoint, Entry, Event,
    Filter, FlowChange, Message, Millis, Outcome, Page, Publication, Record, RecordKey, Response,
};
use qstash_types::{
    Cron, DeliveryOptions, Destination, FlowControl, FlowControlKey, FlowLimits, LogState, MessageId,
    QueueName, ScheduleId, Url, UrlGroupName,
};
use serde_json::{Value, json};

use crate::sim::{START, reread};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const WINDOW: Duration = Duration::from_secs(600);
/// The parallelism of each queue, and what messages say about each flow-control key.
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
    attempts: usize,
    callbacks: usize,
    failure_callbacks: usize,
    dead_letters: usize,
    cancelled: bool,
    /// Delivered, dead or cancelled, as the log says.
    ended: bool,
}

/// What is of interest in the body of a callback. Other bodies are empty objects.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    source_message_id: Option<MessageId>,
    dlq_id: Option<String>,
}

/// What is known about a flow-control key.
#[derive(Default)]
struct Flow {
    limits: FlowLimits,
    has_pinned_parallelism: bool,
    has_pinned_rate: bool,
    running: u32,
    /// When the period started, and how many attempts started in it.
    start: Millis,
    started: u32,
}

impl Flow {
    fn period_starts(&mut self, now: Millis) {
        (self.start, self.started) = (now, 0);
    }
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
    flows: BTreeMap<String, Flow>,
    /// What the URL group adds to its messages.
    group_default: u64,
    /// How many callbacks of each message have not come to their end.
    reports: HashMap<MessageId, usize>,
    /// When each deduplication id was accepted first, and for which message.
    windows: HashMap<u64, (Millis, MessageId)>,
    paused: BTreeSet<String>,
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
            slots: BTreeMap::new(),
            lines: BTreeMap::new(),
            flows: BTreeMap::new(),
            group_default: 0,
            reports: HashMap::new(),
            windows: HashMap::new(),
            paused: BTreeSet::new(),
            kept: BTreeMap::new(),
            log: String::new(),
            steps: 0,
            crashes: 0,
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
        let effects = self.broker.handle(self.now, event);
        let revived = effects.iter().find_map(|effect| match effect {
            Effect::Answer { answer: Ok(Answer::Retried(receipts, _)), .. } => Some(receipts.clone()),
            _ => None,
        });
        let revived: Vec<_> = revived.into_iter().flatten().map(|receipt| receipt.message_id).collect();
        for effect in effects {
            match effect {
                Effect::Keep(record) => drop(self.kept.insert(record.key(), record)),
                Effect::Forget(key) => assert!(self.kept.remove(&key).is_some(), "{key:?} was kept"),
                Effect::Answer { answer, .. } => answered = Some(answer.expect("all calls are legal")),
                Effect::Deliver(delivery) => self.started(delivery),
                Effect::Abandon(AttemptId(attempt)) => self.ended(attempt),
                Effect::Log(entry) => self.entered(&entry, &revived),
            }
        }
        self.check();
        answered
    }

    fn entered(&mut self, entry: &Entry, revived: &[MessageId]) {
        let id = &entry.message.id;
        if entry.state == LogState::Created {
            self.accepted(&entry.message, revived);
        }
        let known = self.known.get_mut(id).unwrap();
        assert!(!known.ended, "nothing happens to {id} after its end");
        match entry.state {
            LogState::CancelRequested => {
                known.cancelled = true;
                // It may leave its line from the middle.
                for line in self.lines.values_mut() {
                    line.retain(|waiting| waiting != id);
                }
            }
            LogState::Delivered | LogState::Canceled => known.ended = true,
            LogState::Failed => {
                known.ended = true;
                known.dead_letters += 1;
            }
            _ => {}
        }
        if known.ended {
            self.unfinished.remove(id);
            if let Some(source) = &known.source {
                *self.reports.get_mut(source).unwrap() -= 1;
            }
        }
        let line = format!("{} {} {}\n", entry.time.since_epoch(), id, entry.state);
        self.log.push_str(&line);
    }

    fn accepted(&mut self, message: &Message, revived: &[MessageId]) {
        let report: Report = serde_json::from_slice(&message.body).unwrap();
        // A callback that is taken out of the dead letter queue reports nothing new.
        let source = report.source_message_id.filter(|_| !revived.contains(&message.id));
        if let Some(source) = source.as_ref().and_then(|id| self.known.get_mut(id)) {
            if report.dlq_id.is_some() {
                source.failure_callbacks += 1;
            } else {
                source.callbacks += 1;
            }
        }
        if let Some(source) = &source {
            *self.reports.entry(source.clone()).or_default() += 1;
        }
        if let Some(FlowControl { key, limits }) = &message.flow_control {
            let flow = self.flows.entry(key.to_string()).or_default();
            if !flow.has_pinned_parallelism {
                flow.limits.parallelism = limits.parallelism;
            }
            if !flow.has_pinned_rate {
                (flow.limits.rate, flow.limits.period) = (limits.rate, limits.period);
            }
        }
        if message.url_group.is_some() && !revived.contains(&message.id) {
            let default = message.headers().get("x-default").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(
                default,
                Some(self.group_default).filter(|&count| count > 0).map(|count| count.to_string())
            );
        }
        let queue = message.queue.as_ref().map(ToString::to_string);
        let known = Known {
            number: self.known.len(),
            is_delayed: message.not_before > message.created_at,
            queue,
            flow: message.flow_control.as_ref().map(|flow| flow.key.to_string()),
            has_callback: message.callback.is_some(),
            has_failure_callback: message.failure_callback.is_some(),
            source,
            ..Known::default()
        };
        if let Some(queue) = &known.queue
            && !known.is_delayed
        {
            self.lines.entry(queue.clone()).or_default().push(message.id.clone());
        }
        assert!(self.known.insert(message.id.clone(), known).is_none(), "an id is new");
        self.unfinished.insert(message.id.clone());
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
        if let Some(key) = &known.flow {
            let flow = self.flows.get_mut(key).unwrap();
            if self.now >= flow.start + flow.limits.period.unwrap() {
                flow.period_starts(self.now);
            }
            flow.running += 1;
            flow.started += 1;
            assert!(
                flow.limits.parallelism.is_none_or(|most| flow.running <= most.get()),
                "too many of {key}"
            );
            assert!(flow.limits.rate.is_none_or(|most| flow.started <= most.get()), "{key} is too fast");
        }
        self.running.insert(delivery.attempt.0, delivery);
        assert!(self.running.len() <= 128);
    }

    fn ended(&mut self, attempt: u64) {
        let delivery = self.running.remove(&attempt).expect("an attempt ends once");
        if let Some(flow) = &self.known[&delivery.message].flow {
            self.flows.get_mut(flow).unwrap().running -= 1;
        }
    }

    /// What must hold after each step.
    fn check(&mut self) {
        for (queue, parallelism) in QUEUES {
            let Some(slots) = self.slots.get_mut(queue) else { continue };
            slots.retain(|id| !self.known[id].ended || self.reports.get(id).is_some_and(|&count| count > 0));
            assert!(slots.len() <= parallelism, "{queue} has more on their way than it may");
        }
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
            let (key, limits) = FLOWS[pick % 2 + if self.dice.one_in(8) { 2 } else { 0 }];
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
        match self.dice.below(7) {
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
            4 => self.change_flow_control(),
            5 => {
                self.group_default += 1;
                let mut defaults = DeliveryOptions::default();
                defaults.settings.forward.insert("x-default", self.group_default.into());
                let name = UrlGroupName::new("group").unwrap();
                self.call(Command::SetDefaults(name, Box::new(defaults)));
            }
            _ => {
                let page = Page { after: None, count: 5 };
                self.call(Command::DeleteDeadLetters(Filter::default(), page));
            }
        }
    }

    fn change_flow_control(&mut self) {
        let (key, _) = FLOWS[usize::try_from(self.dice.below(2)).unwrap()];
        if self.broker.flow_control(key).is_none() {
            return;
        }
        let flow = self.flows.get_mut(key).unwrap();
        let change = match self.dice.below(4) {
            0 => {
                let parallelism = self.dice.one_in(2).then_some(NonZeroU32::MIN);
                let rate = (parallelism.is_none() || self.dice.one_in(2))
                    .then_some((NonZeroU32::new(7).unwrap(), Duration::from_secs(600)));
                if parallelism.is_some() {
                    flow.has_pinned_parallelism = true;
                    flow.limits.parallelism = parallelism;
                }
                if let Some((rate, period)) = rate {
                    flow.has_pinned_rate = true;
                    (flow.limits.rate, flow.limits.period) = (Some(rate), Some(period));
                }
                flow.period_starts(self.now);
                FlowChange::Pin { parallelism, rate }
            }
            1 | 2 => {
                (flow.has_pinned_parallelism, flow.has_pinned_rate) = (false, false);
                FlowChange::Unpin { parallelism: true, rate: true }
            }
            _ => {
                flow.period_starts(self.now);
                FlowChange::ResetRate
            }
        };
        self.call(Command::FlowControl(FlowControlKey::new(key).unwrap(), change));
    }

    /// The broker is gone with all attempts that were running, and another one goes on from what was kept.
    fn crash(&mut self) {
        self.crashes += 1;
        let restored = Broker::restore(self.crashes << 32 | self.steps, self.kept.values().map(reread));
        assert_eq!(self.shown(&restored), self.shown(&self.broker));
        self.broker = restored;
        for delivery in mem::take(&mut self.running).into_values() {
            let known = self.known.get_mut(&delivery.message).unwrap();
            known.attempts -= 1;
            if let Some(flow) = &known.flow {
                self.flows.get_mut(flow).unwrap().running -= 1;
            }
            // It is the first in its line again.
            if let Some(queue) = &known.queue
                && known.attempts == 0
                && !known.is_delayed
                && !known.cancelled
            {
                let line = self.lines.get_mut(queue).unwrap();
                line.push(delivery.message);
                line.sort_unstable_by_key(|id| self.known[id].number);
            }
        }
        self.now = self.now + Duration::from_millis(1);
        self.handle(Event::Due);
    }

    /// What the API shows of a broker, short of what attempts that are running make of it.
    fn shown(&self, broker: &Broker) -> Vec<Value> {
        let mut controls: Vec<_> = broker.flow_controls("").map(|record| json!(record)).collect();
        for control in &mut controls {
            for count in ["parallelismCount", "waitListSize"] {
                control.as_object_mut().unwrap().remove(count);
            }
        }
        let messages = self.unfinished.iter().map(|id| json!(broker.message(id.as_str())));
        let queues = broker.queues().map(|record| json!(record));
        let groups = broker.url_groups().map(|record| json!(record));
        let schedules = broker.schedules().map(|record| json!(record));
        let dead_letters = broker.dead_letters().map(|record| json!(record));
        controls
            .into_iter()
            .chain(messages)
            .chain(queues)
            .chain(groups)
            .chain(schedules)
            .chain(dead_letters)
            .collect()
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

    fn run(&mut self, until: Millis, crash_one_in: Option<u64>) {
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
fn a_week_of_random_traffic_with_crashes_breaks_no_promise() {
    for seed in [3, 0xdead] {
        let Year { steps, crashes, .. } = random_traffic(seed, YEAR / 52, Some(10));
        assert!(crashes > 30, "{crashes} crashes in {steps} steps");
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
