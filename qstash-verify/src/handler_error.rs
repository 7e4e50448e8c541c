//! Why a handler failed, and what QStash is told about it.

use std::{error::Error, fmt, time::Duration};

use qstash_types::FieldError;

use crate::{JsonError, Outcome};

/// The error of a handler: any error, by `?`. QStash is told a status and a fixed text; the cause is for the log alone,
/// because QStash keeps responses and shows them in callbacks and in the dead letter queue.
///
/// | made from | response | QStash then |
/// |---|---|---|
/// | any error, by `?` | 500 | tries again by its own schedule, if attempts are left |
/// | [`JsonError`], [`FieldError`], an error that has one of them as a source, or a `serde_json::Error`: something could not be read | 422 | the same |
/// | a `JsonError` of a verifier with [`undecodable_is_non_retryable`](crate::VerifierBuilder::undecodable_is_non_retryable) | 489 | gives up: failure callback, dead letter queue |
/// | [`non_retryable`](Self::non_retryable) | 489 | gives up |
/// | [`retry_after`](Self::retry_after) | 503, `Retry-After` | tries again at that time, if attempts are left |
/// | an [`Outcome`], by `?` | that of the outcome | |
///
/// ```
/// use std::time::Duration;
/// use qstash_verify::{HandlerError, Outcome, Verified};
///
/// #[derive(serde::Deserialize)]
/// struct Payment {
///     order: u32,
///     amount: String,
/// }
///
/// fn handle(verified: &Verified) -> Result<Outcome, HandlerError> {
///     let payment: Payment = verified.json()?; // 422
///     let amount: u64 = payment.amount.parse().map_err(HandlerError::non_retryable)?; // 489
///     std::fs::write(format!("/orders/{}", payment.order), amount.to_string())?; // 500
///     if amount > 1_000 {
///         return Err(Outcome::retry_after(Duration::from_secs(60)).into()); // 503
///     }
///     Ok(Outcome::done())
/// }
///
/// let error = HandlerError::from(std::io::Error::other("disk 7 is full"));
/// assert_eq!((error.outcome().status(), error.outcome().body()), (500, "the handler failed"));
/// assert_eq!(error.to_string(), "disk 7 is full");
/// ```
///
/// It does not implement [`Error`] itself, because a type that takes every error by `?` cannot.
pub struct HandlerError {
    outcome: Outcome,
    cause: Option<BoxError>,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl HandlerError {
    /// Gives up: status 489 with `Upstash-NonRetryable-Error`. Where QStash may keep the reason,
    /// [`Outcome::non_retryable`] sends one.
    pub fn non_retryable(cause: impl Into<BoxError>) -> Self {
        Self { outcome: Outcome::non_retryable("the handler gave up"), cause: Some(cause.into()) }
    }

    /// Tries again after a while: see [`Outcome::retry_after`].
    pub fn retry_after(wait: Duration, cause: impl Into<BoxError>) -> Self {
        Self { outcome: Outcome::retry_after(wait), cause: Some(cause.into()) }
    }

    /// What QStash is told.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Why the handler failed; nothing if it only gave an outcome. For the log.
    pub fn cause(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl<E: Into<BoxError>> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let cause = error.into();
        Self { outcome: outcome_of(&*cause), cause: Some(cause) }
    }
}

impl From<Outcome> for HandlerError {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, cause: None }
    }
}

/// What QStash is told about an error that no handler has decided about.
fn outcome_of(error: &(dyn Error + 'static)) -> Outcome {
    // Errors of handlers wrap ours, so all their sources count. A `serde_json::Error` further down may be about some other
    // document, such as the answer of a service that the handler asked.
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(error) = error.downcast_ref::<JsonError>() {
            return error.outcome();
        }
        if error.is::<FieldError>() {
            return Outcome::undecodable();
        }
        link = error.source();
    }
    if error.is::<serde_json::Error>() { Outcome::undecodable() } else { Outcome::failed() }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => cause.fmt(f),
            None => write!(f, "the handler answered with status {}", self.outcome.status()),
        }
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerError")
            .field("status", &self.outcome.status())
            .field("cause", &self.cause)
            .finish()
    }
}
