//! Counters and durations of calls, with the feature `metrics`. Each label has a short list of values: no id, no URL.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use super::{
    reason::{REFUSED, reason},
    resource::resource,
};
use crate::{Error, Published, batch::FailedMessage, request::Call};

const MESSAGES: &str = "qstash_client_messages_total";
const REPETITIONS: &str = "qstash_client_repetitions_total";
const CALL_SECONDS: &str = "qstash_client_call_seconds";

/// Tells the recorder what the numbers mean.
pub(crate) fn describe() {
    describe_counter!(MESSAGES, "Messages that were handed over to QStash, by what became of that");
    describe_counter!(REPETITIONS, "Calls of the API that were sent again after a failure");
    describe_histogram!(CALL_SECONDS, Unit::Seconds, "How long calls of the API took, repetitions included");
}

/// How a message was handed over.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Publish,
    Enqueue,
    Batch,
}

/// Why a message was not accepted.
pub(crate) trait Failure {
    fn reason(&self) -> &'static str;
}

impl Failure for Error {
    fn reason(&self) -> &'static str {
        reason(self)
    }
}

impl Failure for FailedMessage {
    fn reason(&self) -> &'static str {
        self.error().map_or(REFUSED, reason)
    }
}

/// Counts a message that was handed over, or was not.
pub(crate) fn handed_over(way: Way, end: Result<&Published, &impl Failure>) {
    let way = match way {
        Way::Publish => "publish",
        Way::Enqueue => "enqueue",
        Way::Batch => "batch",
    };
    let outcome = match end {
        Ok(published) if published.is_duplicate() => "duplicate",
        Ok(_) => "accepted",
        Err(failure) => failure.reason(),
    };
    counter!(MESSAGES, "via" => way, "outcome" => outcome).increment(1);
}

/// The numbers of one call.
pub(super) struct CallNumbers {
    resource: &'static str,
    started: Instant,
    outcome: &'static str,
}

impl CallNumbers {
    pub(super) fn new(call: &Call) -> Self {
        // The caller may drop the call at any time.
        Self { resource: resource(call), started: Instant::now(), outcome: "given_up" }
    }

    pub(super) fn repeated(&self, failure: &Error) {
        counter!(REPETITIONS, "resource" => self.resource, "reason" => reason(failure)).increment(1);
    }

    pub(super) fn ended(&mut self, failure: Option<&Error>) {
        self.outcome = failure.map_or("ok", reason);
    }
}

impl Drop for CallNumbers {
    fn drop(&mut self) {
        histogram!(CALL_SECONDS, "resource" => self.resource, "outcome" => self.outcome)
            .record(self.started.elapsed());
    }
}
