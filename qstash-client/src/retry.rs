//! What is sent again after a failure, when, and how often in all.

mod budget;

use std::time::Duration;

use http::StatusCode;

pub use budget::RetryBudget;
pub(crate) use budget::SharedBudget;

use crate::{Error, request::Repeat};

/// How often and how soon the client repeats a failed call by itself.
///
/// Which calls are repeated cannot be set, because a mistake there would enqueue messages twice:
///
/// * a call that certainly did not reach the server: always;
/// * a call that a rate limit turned away: unless its documentation says that it is never sent twice, as for the
///   [rotation of keys](crate::signing_keys::SigningKeysHandle::rotate);
/// * a call that may have been carried out, because no answer came, or one with status 408 or 5xx: if carrying it out twice
///   does no harm, as for every publish that has not [opted out](crate::Message::without_deduplication) of deduplication;
/// * any other call: never.
///
/// The wait before a repetition doubles each time. A random part of it is left out, and the time that the server asks
/// for is added. A wait that would end beyond the deadline of the call is not begun: the failure is returned at once.
/// So it is when all calls of the client together have been repeated as often as the [`RetryBudget`] allows.
///
/// ```
/// use std::time::Duration;
/// use qstash_client::{Client, RetryPolicy};
///
/// let patient = RetryPolicy::default().retries(8).longest_wait(Duration::from_secs(20));
/// let client = Client::builder()
///     .token("secret")
///     .base_url("http://127.0.0.1:8080")
///     .retry(patient)
///     .timeout(Duration::from_secs(120))
///     .build()?;
/// # Ok::<_, qstash_client::error::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a policy does nothing until it is given to a client"]
pub struct RetryPolicy {
    retries: u32,
    first_wait: Duration,
    longest_wait: Duration,
    budget: RetryBudget,
    leaves_rate_limits: bool,
}

impl Default for RetryPolicy {
    /// Five repetitions; waits of 100 ms, doubling up to 5 s; the default [`RetryBudget`].
    fn default() -> Self {
        Self {
            retries: 5,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
            budget: RetryBudget::default(),
            leaves_rate_limits: false,
        }
    }
}

impl RetryPolicy {
    /// Every call is sent once.
    pub fn never() -> Self {
        Self::default().retries(0)
    }

    /// How many repetitions may follow the first attempt.
    pub fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// The wait before the first repetition.
    pub fn first_wait(self, first_wait: Duration) -> Self {
        Self { first_wait, ..self }
    }

    /// The limit of the doubled wait, without the time that the server asks for.
    pub fn longest_wait(self, longest_wait: Duration) -> Self {
        Self { longest_wait, ..self }
    }

    /// How many repetitions all calls of a client and its clones may have together.
    pub fn budget(self, budget: RetryBudget) -> Self {
        Self { budget, ..self }
    }

    /// The budget of a new client.
    pub(crate) fn start_budget(&self) -> SharedBudget {
        self.budget.start()
    }

    /// Leaves calls that a rate limit turned away to the caller.
    pub(crate) fn leaving_rate_limits(self) -> Self {
        Self { leaves_rate_limits: true, ..self }
    }

    /// How long to wait before the call is repeated, if it is.
    pub(crate) fn decide(&self, failure: &Error, attempt: &FailedAttempt) -> Option<Duration> {
        let allowed = failure.is_retryable()
            && match attempt.repeat {
                Repeat::Freely => true,
                Repeat::UnlessDone => !failure.is_ambiguous(),
                Repeat::UnlessArrived => !failure.is_ambiguous() && failure.status().is_none(),
            };
        let left = self.leaves_rate_limits && failure.status() == Some(StatusCode::TOO_MANY_REQUESTS);
        if !allowed || left || attempt.repetitions >= self.retries {
            return None;
        }
        let asked_for = failure.retry_after().unwrap_or_default();
        let wait = asked_for.saturating_add(self.backoff(attempt));
        (wait < attempt.time_left).then_some(wait)
    }

    /// Between half of the doubled wait and all of it, so that clients that failed together do not return together.
    fn backoff(&self, attempt: &FailedAttempt) -> Duration {
        let doubled = 2_u32
            .checked_pow(attempt.repetitions)
            .and_then(|factor| self.first_wait.checked_mul(factor))
            .unwrap_or(Duration::MAX);
        let half = doubled.min(self.longest_wait) / 2;
        half.saturating_add(half.mul_f64(attempt.jitter))
    }
}

/// The circumstances of a failed attempt.
pub(crate) struct FailedAttempt {
    /// How many repetitions came before it.
    pub(crate) repetitions: u32,
    pub(crate) repeat: Repeat,
    /// The time until the deadline of the call.
    pub(crate) time_left: Duration,
    /// A random number from 0 to 1.
    pub(crate) jitter: f64,
}

#[cfg(test)]
mod tests {
    use super::{Duration, FailedAttempt, Repeat, RetryPolicy};
    use crate::{Error, error::TransportError};

    fn wait_after(repetitions: u32, jitter: f64, time_left: Duration) -> Option<Duration> {
        let failure: Error = TransportError::not_sent("refused").into();
        let attempt = FailedAttempt { repetitions, repeat: Repeat::UnlessArrived, time_left, jitter };
        let policy = RetryPolicy::default().retries(u32::MAX);
        policy.decide(&failure, &attempt)
    }

    #[test]
    fn the_wait_doubles_and_the_jitter_leaves_out_at_most_half() {
        let millis = |repetitions, jitter| {
            let wait = wait_after(repetitions, jitter, Duration::MAX).unwrap();
            wait.as_millis()
        };
        assert_eq!([0, 1, 2, 5, 6].map(|n| millis(n, 1.0)), [100, 200, 400, 3200, 5000]);
        assert_eq!([0, 1, 2, 5, 6].map(|n| millis(n, 0.0)), [50, 100, 200, 1600, 2500]);
        assert_eq!(millis(u32::MAX - 1, 1.0), 5000);
    }

    #[test]
    fn a_wait_must_end_before_the_deadline() {
        assert_eq!(wait_after(0, 1.0, Duration::from_millis(100)), None);
        let wait = wait_after(0, 1.0, Duration::from_millis(101));
        assert_eq!(wait, Some(Duration::from_millis(100)));
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        let failure: Error = TransportError::not_sent("refused").into();
        let attempt =
            FailedAttempt { repetitions: 0, repeat: Repeat::Freely, time_left: Duration::MAX, jitter: 1.0 };
        let policy = RetryPolicy::default().first_wait(Duration::MAX).longest_wait(Duration::MAX);
        assert_eq!(policy.decide(&failure, &attempt), None);
    }
}
