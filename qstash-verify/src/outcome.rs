//! What a handler tells QStash.

use std::time::Duration;

use qstash_types::{HeaderName, header};

static NON_RETRYABLE_ERROR: HeaderName = header::NON_RETRYABLE_ERROR;

/// What a handler tells QStash about a delivery.
///
/// | outcome | response | QStash then |
/// |---|---|---|
/// | [`done`](Self::done) | 200 | is finished |
/// | [`retry_after`](Self::retry_after) | 503, `Retry-After` | tries again at that time, if attempts are left |
/// | [`non_retryable`](Self::non_retryable) | 489, `Upstash-NonRetryable-Error: true` | gives up: failure callback, dead letter queue |
///
/// A [`HandlerError`](crate::HandlerError) is the outcome of a handler that failed.
///
/// ```
/// use std::time::Duration;
/// use qstash_verify::Outcome;
///
/// let outcome = Outcome::retry_after(Duration::from_millis(1500));
/// assert_eq!(outcome.status(), 503);
/// assert_eq!(outcome.headers().collect::<Vec<_>>(), [("retry-after", "2".to_owned())]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "QStash learns of an outcome that is the response"]
pub struct Outcome(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Done,
    RetryAfter {
        seconds: u64,
    },
    NonRetryable {
        reason: String,
    },
    /// A handler that failed. QStash keeps answers, so this one says no more than that.
    Failed,
    /// A delivery that the handler could not read.
    Undecodable,
}

/// QStash ignores the header beyond this and falls back to its own schedule.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What the answer says to a body that could not be read.
pub(crate) const UNEXPECTED_BODY: &str = "unexpected body";

impl Outcome {
    /// The message is handled.
    pub fn done() -> Self {
        Self(Kind::Done)
    }

    /// Try again after a while. Sends `Retry-After` in whole seconds, rounded up, at most 24 hours.
    pub fn retry_after(wait: Duration) -> Self {
        let wait = wait.min(LONGEST_WAIT);
        Self(Kind::RetryAfter { seconds: wait.as_secs() + u64::from(wait.subsec_nanos() > 0) })
    }

    /// Never try again. Sends `Upstash-NonRetryable-Error`; the reason is the body of the response and ends up in the
    /// failure callback and the dead letter queue.
    pub fn non_retryable(reason: impl Into<String>) -> Self {
        Self(Kind::NonRetryable { reason: reason.into() })
    }

    pub(crate) fn failed() -> Self {
        Self(Kind::Failed)
    }

    pub(crate) fn undecodable() -> Self {
        Self(Kind::Undecodable)
    }

    /// The HTTP status of the response.
    pub fn status(&self) -> u16 {
        match self.0 {
            Kind::Done => 200,
            Kind::RetryAfter { .. } => 503,
            Kind::NonRetryable { .. } => 489,
            Kind::Failed => 500,
            Kind::Undecodable => 422,
        }
    }

    /// The headers of the response, with lower-case names.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        match self.0 {
            Kind::RetryAfter { seconds } => Some(("retry-after", seconds.to_string())),
            Kind::NonRetryable { .. } => Some((NON_RETRYABLE_ERROR.as_str(), "true".to_owned())),
            Kind::Done | Kind::Failed | Kind::Undecodable => None,
        }
        .into_iter()
    }

    /// The body of the response: the reason, or nothing.
    pub fn body(&self) -> &str {
        match &self.0 {
            Kind::Done | Kind::RetryAfter { .. } => "",
            Kind::NonRetryable { reason } => reason,
            Kind::Failed => "the handler failed",
            Kind::Undecodable => UNEXPECTED_BODY,
        }
    }
}
