//! Counters and durations of deliveries. Each label has a short list of values: no id, no URL.

use std::time::SystemTime;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use qstash_types::header;

use super::{Ending, wait};
use crate::{
    Verifier, VerifyError,
    adapter::{Refusal, RequestHead},
};

const REFUSALS: &str = "qstash_receiver_refusals_total";
const DELIVERIES: &str = "qstash_receiver_deliveries_total";
const HANDLING_SECONDS: &str = "qstash_receiver_handling_seconds";
const QUEUE_WAIT_SECONDS: &str = "qstash_receiver_queue_wait_seconds";

/// Tells the recorder what the numbers mean.
pub(in crate::adapter) fn describe() {
    describe_counter!(REFUSALS, "Requests that did not reach their handler, by the reason");
    describe_counter!(DELIVERIES, "Verified deliveries, by what their response tells QStash");
    describe_histogram!(
        HANDLING_SECONDS,
        Unit::Seconds,
        "How long handlers took, the time for the body left out"
    );
    describe_histogram!(
        QUEUE_WAIT_SECONDS,
        Unit::Seconds,
        "From publishing to the first attempt, the delay of the message included"
    );
}

/// Counts a refusal.
pub(in crate::adapter) fn refused(refusal: &Refusal) {
    counter!(REFUSALS, "reason" => reason(refusal)).increment(1);
}

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::BrokenBody(_) => "broken_body",
        Refusal::Json(_) => "json",
        Refusal::Unprotected => "unprotected",
        Refusal::Unverified(error) => match error {
            VerifyError::Missing => "missing",
            VerifyError::Repeated => "repeated",
            VerifyError::TooLong { .. } => "too_long",
            VerifyError::Malformed { .. } => "malformed",
            VerifyError::Algorithm => "algorithm",
            VerifyError::NoKeys => "no_keys",
            VerifyError::UnknownKey => "unknown_key",
            VerifyError::Claims { .. } | VerifyError::Claim { .. } => "claims",
            VerifyError::Issuer => "issuer",
            VerifyError::Audience => "audience",
            VerifyError::Expired { .. } => "expired",
            VerifyError::NotYetValid { .. } => "not_yet_valid",
            VerifyError::Destination { .. } => "destination",
            VerifyError::BodyTooLarge { .. } => "body_too_large",
            VerifyError::BodyTooSlow { .. } => "body_too_slow",
            VerifyError::BodyMismatch { .. } => "body_mismatch",
        },
    }
}

/// The numbers of one delivery.
#[derive(Debug)]
pub(super) struct DeliveryNumbers {
    verifier: Verifier,
    started: SystemTime,
    attempt: &'static str,
}

impl DeliveryNumbers {
    pub(super) fn new(verifier: &Verifier, head: &impl RequestHead) -> Self {
        let started = verifier.now();
        let is_first = head.header(header::RETRIED.as_str()).next().is_none_or(|retried| retried == b"0");
        // The later ones have waited for the attempts before them as well.
        if let Some(wait) = wait::since_publishing(head, started).filter(|_| is_first) {
            histogram!(QUEUE_WAIT_SECONDS).record(wait);
        }
        let attempt = if is_first { "first" } else { "repeated" };
        Self { verifier: verifier.clone(), started, attempt }
    }

    pub(super) fn end(&self, ending: Ending) {
        let outcome = ending.outcome();
        counter!(DELIVERIES, "outcome" => outcome, "attempt" => self.attempt).increment(1);
        let took = self.verifier.now().duration_since(self.started).unwrap_or_default();
        histogram!(HANDLING_SECONDS, "outcome" => outcome).record(took);
    }
}
