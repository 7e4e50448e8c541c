//! What follows from the end of an attempt.

use std::time::Duration;

use qstash_types::{RetryDelay, header::NON_RETRYABLE_ERROR};

use super::retry_after;
use crate::state::{AttemptEnd, Response, StoredMessage, Time};

/// What becomes of a message after an attempt.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The destination has taken it.
    Delivered,
    /// Another attempt follows after this wait.
    Retry(Duration),
    /// It has failed for good.
    Dead,
}

impl Verdict {
    pub(super) fn on(message: &StoredMessage, retried: u32, end: &AttemptEnd, now: Time) -> Self {
        let response = end.response();
        if response.is_some_and(|response| response.status.is_success()) {
            Self::Delivered
        } else if retried >= message.terms.max_retries || response.is_some_and(is_final) {
            Self::Dead
        } else {
            let wait = response
                .and_then(|response| retry_after::requested(&response.headers, now))
                .or_else(|| Some(message.terms.retry_delay.as_ref()?.delay(retried)));
            Self::Retry(wait.unwrap_or_else(|| RetryDelay::default().delay(retried)))
        }
    }
}

/// Whether a destination that refuses the message wants to see it never again. The header decides, whatever the status.
fn is_final(response: &Response) -> bool {
    response
        .headers
        .get(NON_RETRYABLE_ERROR)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}
