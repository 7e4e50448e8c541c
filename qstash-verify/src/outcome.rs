//! What a handler tells QStash.

use std::time::Duration;

use qstash_types::FieldError;

use crate::JsonError;

/// What a handler tells QStash about a delivery.
///
/// | outcome | response | QStash then |
/// |---|---|---|
/// | [`done`](Self::done) | 200 | is finished |
/// | [`retry_after`](Self::retry_after) | 503, `Retry-After` | tries again at that time, if attempts are left |
/// | [`permanent`](Self::permanent) | 489, `Upstash-NonRetryable-Error: true` | gives up: failure callback, dead letter queue |
/// | [`unprocessable`](Self::unprocessable) | 422 | tries again by its own schedule, if attempts are left |
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
    RetryAfter { seconds: u64 },
    Permanent { reason: String },
    Unprocessable { reason: String },
}

/// QStash ignores the header beyond this and falls back to its own schedule.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

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
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self(Kind::Permanent { reason: reason.into() })
    }

    /// The body is not what the handler expects. Tried again, since the next deployment may understand it.
    pub fn unprocessable(reason: impl Into<String>) -> Self {
        Self(Kind::Unprocessable { reason: reason.into() })
    }

    /// The HTTP status of the response.
    pub fn status(&self) -> u16 {
        match self.0 {
            Kind::Done => 200,
            Kind::RetryAfter { .. } => 503,
            Kind::Permanent { .. } => 489,
            Kind::Unprocessable { .. } => 422,
        }
    }

    /// The headers of the response, with lower-case names.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        match self.0 {
            Kind::RetryAfter { seconds } => Some(("retry-after", seconds.to_string())),
            Kind::Permanent { .. } => Some(("upstash-nonretryable-error", "true".to_owned())),
            Kind::Done | Kind::Unprocessable { .. } => None,
        }
        .into_iter()
    }

    /// The body of the response: the reason, or nothing.
    pub fn body(&self) -> &str {
        match &self.0 {
            Kind::Permanent { reason } | Kind::Unprocessable { reason } => reason,
            Kind::Done | Kind::RetryAfter { .. } => "",
        }
    }
}

impl From<JsonError> for Outcome {
    /// Makes `?` on a body of another form [`unprocessable`](Self::unprocessable), or
    /// [`permanent`](Self::permanent) if [the verifier was told so](crate::VerifierBuilder::undecodable_is_permanent).
    fn from(error: JsonError) -> Self {
        let reason = format!("{error}: {}", error.source);
        if error.is_permanent() { Self::permanent(reason) } else { Self::unprocessable(reason) }
    }
}

impl From<FieldError> for Outcome {
    /// Makes `?` on an undecodable field of a callback [`unprocessable`](Self::unprocessable).
    fn from(error: FieldError) -> Self {
        Self::unprocessable(error.to_string())
    }
}
