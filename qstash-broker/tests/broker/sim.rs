//! A broker, and a worker that does nothing but remember what it is asked to do.

use std::{
    collections::{BTreeMap, VecDeque},
    net::Ipv4Addr,
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use qstash_broker::{
    Accepted, AttemptEnd, AttemptId, Broker, Capacity, Command, Dispatch, Effect, Event, Publication,
    Publish, Record, RecordKey, Refused, Response, Time,
};
use qstash_types::{DeliveryOptions, Destination, LogEntry, LogState, MessageId, Receipt};
use serde_json::Value;

/// The instant of the worked trace in the description of the wire.
pub(crate) const START: Time = Time::new(1_700_000_000_000);

pub(crate) struct Sim {
    pub(crate) broker: Broker,
    pub(crate) now: Time,
    /// Attempts that are running, the oldest first.
    pub(crate) running: VecDeque<Dispatch>,
    /// Attempts that the broker has given up.
    pub(crate) abandoned: Vec<AttemptId>,
    /// What has to be kept.
    pub(crate) kept: BTreeMap<RecordKey, Record>,
}

impl Sim {
    pub(crate) fn new() -> Self {
        Self::seeded(7)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            broker: Broker::new(seed),
            now: START,
            running: VecDeque::new(),
            abandoned: Vec::new(),
            kept: BTreeMap::new(),
        }
    }

    pub(crate) fn handle(&mut self, event: Event) {
        let effects = self.broker.handle(self.now, event);
        self.take_in(effects);
    }

    /// Calls the API.
    pub(crate) fn call<C: Command>(&mut self, command: C) -> Result<C::Answer, Refused> {
        let effects = self.broker.call(self.now, command);
        self.take_in(effects).expect("a call is answered at once")
    }

    fn take_in<A>(&mut self, effects: Vec<Effect<A>>) -> Option<A> {
        let mut answered = None;
        for effect in effects {
            match effect {
                Effect::Keep(record) => drop(self.kept.insert(record.key(), record)),
                Effect::Forget(key) => drop(self.kept.remove(&key)),
                Effect::Answer(answer) => answered = Some(answer),
                Effect::Send(dispatch) => self.running.push_back(*dispatch),
                Effect::Abandon(attempt) => {
                    self.running.retain(|dispatch| dispatch.attempt != attempt);
                    self.abandoned.push(attempt);
                }
                Effect::Log(_) => {}
            }
        }
        answered
    }

    /// Calls the API, which is to be carried out.
    pub(crate) fn done(&mut self, command: impl Command<Answer = ()>) {
        assert_eq!(self.call(command), Ok(()));
    }

    pub(crate) fn publish(&mut self, publication: Publication) -> Receipt {
        match self.call(Publish(publication)) {
            Ok(Accepted::One(receipt)) => receipt,
            other => panic!("{other:?}"),
        }
    }

    /// Publishes to a URL group.
    pub(crate) fn fan_out(&mut self, publication: Publication) -> Vec<Receipt> {
        match self.call(Publish(publication)) {
            Ok(Accepted::Each(receipts)) => receipts,
            other => panic!("{other:?}"),
        }
    }

    /// The broker is gone, and with it all attempts that are running; another one goes on from what was kept.
    pub(crate) fn crash(&mut self) {
        self.running.clear();
        self.broker =
            Broker::restore(self.now.since_epoch(), Capacity::default(), self.kept.values().map(reread));
        self.pass(Duration::from_millis(1));
    }

    /// The messages whose attempts are running, the oldest first.
    pub(crate) fn on_their_way(&self) -> Vec<MessageId> {
        self.running.iter().map(|delivery| delivery.message.clone()).collect()
    }

    /// Takes the oldest running attempt out, to look at it.
    pub(crate) fn next_delivery(&mut self) -> Dispatch {
        self.running.pop_front().expect("an attempt is running")
    }

    /// Ends the oldest running attempt.
    pub(crate) fn end(&mut self, outcome: AttemptEnd) -> Dispatch {
        let delivery = self.next_delivery();
        self.handle(Event::AttemptEnded { attempt: delivery.attempt, end: outcome });
        delivery
    }

    /// Lets time pass, and tells the broker at each instant that it asked for.
    pub(crate) fn pass(&mut self, span: Duration) {
        let target = self.now + span;
        while let Some(due) = self.broker.next_due().filter(|&due| due <= target) {
            self.now = self.now.max(due);
            self.handle(Event::Due);
        }
        self.now = target;
    }

    /// Lets time pass until an attempt is running, if one is still to come.
    pub(crate) fn until_next_attempt(&mut self) {
        while self.running.is_empty()
            && let Some(due) = self.broker.next_due()
        {
            self.pass(self.now.until(due));
        }
    }

    /// Ends the only running attempt, and says how long the broker waits before the next one.
    pub(crate) fn wait_after(&mut self, outcome: AttemptEnd) -> Duration {
        self.end(outcome);
        let error = self.newest(&LogState::Error);
        Time::of(error.time.expect("a time"))
            .until(Time::of(error.next_delivery_time.expect("another attempt follows")))
    }

    /// The newest entry of the log with this state.
    pub(crate) fn newest(&self, state: &LogState) -> LogEntry {
        self.broker.log().find(|entry| entry.state == *state).expect("the log has such an entry")
    }

    /// The states of a message, the oldest first.
    pub(crate) fn states(&self, receipt: &Receipt) -> Vec<String> {
        let mut states: Vec<_> = self
            .broker
            .log()
            .filter(|entry| entry.message_id == receipt.message_id)
            .map(|entry| entry.state.to_string())
            .collect();
        states.reverse();
        states
    }

    /// The log as the API would send it.
    pub(crate) fn log(&self) -> String {
        serde_json::to_string(&self.broker.log().collect::<Vec<_>>()).unwrap()
    }
}

/// A record as it is after it was written and read.
pub(crate) fn reread(record: &Record) -> Record {
    let text = serde_json::to_string(record).unwrap();
    serde_json::from_str::<Record>(&text).unwrap().with_bodies(record.bodies())
}

pub(crate) fn publication(
    url: &str,
    headers: &[(&'static str, &'static str)],
    body: &'static str,
) -> Publication {
    Publication {
        destination: Destination::received(url).unwrap(),
        options: DeliveryOptions::from_headers(&header_map(headers)).unwrap(),
        headers: HeaderMap::new(),
        body: body.into(),
        caller_ip: Ipv4Addr::LOCALHOST.into(),
    }
}

/// A message to a destination that is never called in these tests.
pub(crate) fn message(headers: &[(&'static str, &'static str)]) -> Publication {
    publication("http://127.0.0.1:9/hook", headers, "{}")
}

pub(crate) fn answered(status: u16) -> AttemptEnd {
    answered_with(status, &[], "")
}

pub(crate) fn answered_with(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &'static str,
) -> AttemptEnd {
    AttemptEnd::Answered(Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: header_map(headers),
        body: body.into(),
    })
}

pub(crate) fn unreachable() -> AttemptEnd {
    AttemptEnd::Failed("connection failed".to_owned())
}

pub(crate) fn json(delivery: &Dispatch) -> Value {
    serde_json::from_slice(&delivery.body).unwrap()
}

pub(crate) fn header_map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}
