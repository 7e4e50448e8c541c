//! What a server has done and how it stands, for Prometheus.

mod exposition;
mod histogram;

use std::time::{Duration, SystemTime};

use qstash_broker::{AttemptEnd, Broker, Census, Entry, Time};
use qstash_types::LogState;

use self::{
    exposition::{Exposition, Kind},
    histogram::Histogram,
};

/// The media type of [`Meters::text`].
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The states that messages are counted in.
const STATES: [LogState; 8] = [
    LogState::Created,
    LogState::Active,
    LogState::Retry,
    LogState::Error,
    LogState::Delivered,
    LogState::Failed,
    LogState::CancelRequested,
    LogState::Canceled,
];

/// How attempts end: with a status of one of five classes, or without any.
const ENDS: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// What has happened since the start of the process.
///
/// The number of series is limited: labels hold states, classes of statuses, and the names of queues, of which there are a
/// hundred at the most.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    /// How often messages have entered a state, in the order of [`STATES`].
    entered: [u64; STATES.len()],
    /// From the acceptance of a message to its delivery, by the clock of the server.
    deliveries: Histogram,
    /// From the time that an attempt was due to its beginning, by the clock of the server.
    waits: Histogram,
    /// In the order of [`ENDS`].
    attempts: [Histogram; ENDS.len()],
    /// What it took to write to the data folder.
    commits: Histogram,
}

impl Meters {
    pub(crate) fn entered(&mut self, entry: &Entry) {
        if let Some(place) = STATES.iter().position(|state| *state == entry.state) {
            self.entered[place] += 1;
        }
        if entry.state == LogState::Delivered {
            self.deliveries.record(entry.message.created_at.until(entry.time));
        }
    }

    pub(crate) fn attempt_began(&mut self, waited: Duration) {
        self.waits.record(waited);
    }

    /// An attempt has ended, or was given up if there is no end.
    pub(crate) fn attempt_ended(&mut self, end: Option<&AttemptEnd>, took: Duration) {
        let status = end.and_then(AttemptEnd::response).map(|response| response.status.as_u16());
        let class = status.map_or(0, |status| usize::from(status / 100));
        // A status above 599 belongs to no class, and says as little as none.
        self.attempts[if class < ENDS.len() { class } else { 0 }].record(took);
    }

    pub(crate) fn committed(&mut self, took: Duration) {
        self.commits.record(took);
    }

    /// All of it in the text format of Prometheus, with how the broker stands now.
    pub(crate) fn text(&self, broker: &Broker, now: Time) -> String {
        let mut text = Exposition::default();
        self.tell_history(&mut text);
        tell_state(&mut text, broker);
        let ahead = Time::of(SystemTime::now()).until(now).as_secs_f64();
        text.family("qstash_dev_clock_ahead_seconds", Kind::Gauge, "How far the clock was moved.")
            .sample(&[], ahead);
        text.finish()
    }

    fn tell_history(&self, text: &mut Exposition) {
        let help = "How often messages have entered a state of the log.";
        let mut family = text.family("qstash_dev_states_entered_total", Kind::Counter, help);
        for (state, count) in STATES.iter().zip(self.entered) {
            family.sample(&[("state", state.as_str())], count);
        }
        let help = "From the acceptance of messages to their delivery, by the clock of the server.";
        text.family("qstash_dev_delivery_duration_seconds", Kind::Histogram, help)
            .histogram(&[], &self.deliveries);
        let help = "From the time at which attempts were due to their beginning, by the clock of the server.";
        text.family("qstash_dev_attempt_wait_seconds", Kind::Histogram, help).histogram(&[], &self.waits);
        let help = "How long attempts took, by the class of the status that was answered.";
        let mut family = text.family("qstash_dev_attempt_duration_seconds", Kind::Histogram, help);
        for (end, attempts) in ENDS.iter().zip(&self.attempts) {
            family.histogram(&[("status", end)], attempts);
        }
        let help = "How long commits to the data folder took.";
        text.family("qstash_dev_commit_duration_seconds", Kind::Histogram, help)
            .histogram(&[], &self.commits);
    }
}

fn tell_state(text: &mut Exposition, broker: &Broker) {
    let Census { time, queue, flow_control, free_attempt, answer } = broker.census();
    let help = "Messages that have not come to their end, by what they wait for.";
    let mut family = text.family("qstash_dev_messages", Kind::Gauge, help);
    for (awaited, count) in [
        ("time", time),
        ("queue", queue),
        ("flow-control", flow_control),
        ("free-attempt", free_attempt),
        ("answer", answer),
    ] {
        family.sample(&[("waits_for", awaited)], count);
    }
    let help = "Messages in a queue that have not come to their end.";
    let mut family = text.family("qstash_dev_queue_messages", Kind::Gauge, help);
    for queue in broker.queues() {
        family.sample(&[("queue", queue.name.as_ref())], queue.lag);
    }
    text.family("qstash_dev_dead_letters", Kind::Gauge, "Messages in the dead letter queue.")
        .sample(&[], broker.dead_letter_count());
    let (running, most) = broker.parallelism();
    text.family("qstash_dev_attempts_running", Kind::Gauge, "Attempts that are running.")
        .sample(&[], running);
    text.family("qstash_dev_attempts_limit", Kind::Gauge, "How many attempts may run.").sample(&[], most);
    let (used, most) = broker.memory();
    let help = "What messages and settings take up of the memory that they may.";
    text.family("qstash_dev_memory_used_bytes", Kind::Gauge, help).sample(&[], used);
    let help = "The memory that messages and settings may take up.";
    text.family("qstash_dev_memory_limit_bytes", Kind::Gauge, help).sample(&[], most);
}
