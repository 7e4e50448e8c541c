//! How many repetitions all calls of a client have together.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;

/// How many calls a client and its clones may repeat together, so that an outage does not multiply their load on QStash by
/// the number of retries.
///
/// Over the last ten seconds there are at most `percent` repetitions for every hundred calls, and a reserve beside them, so
/// that a client with few calls can always repeat them. When the budget is spent, a failed call is not repeated: its
/// error is returned at once, and says by [`Error::is_retryable`](crate::Error::is_retryable) that it may succeed later.
///
/// ```
/// use qstash_client::{Client, retry::{RetryBudget, RetryPolicy}};
///
/// let policy = RetryPolicy::default().budget(RetryBudget::default().percent(50).reserve(20));
/// let client = Client::builder().token("secret").base_url("http://127.0.0.1:8080").retry(policy).build()?;
/// # Ok::<_, qstash_client::error::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a budget does nothing until it is given to a policy"]
pub struct RetryBudget(Option<Limits>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Limits {
    percent: u32,
    reserve: u32,
}

impl Default for RetryBudget {
    /// 20 repetitions for every hundred calls, and 100 beside them in ten seconds.
    fn default() -> Self {
        Self(Some(Limits { percent: 20, reserve: 100 }))
    }
}

impl RetryBudget {
    /// Each call may be repeated as often as the policy says, whatever happens to the others.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// How many repetitions there may be for every hundred calls of the last ten seconds.
    pub fn percent(self, percent: u32) -> Self {
        Self(self.0.map(|limits| Limits { percent, ..limits }))
    }

    /// How many repetitions there may be in ten seconds beside those.
    pub fn reserve(self, reserve: u32) -> Self {
        Self(self.0.map(|limits| Limits { reserve, ..limits }))
    }

    pub(crate) fn start(&self) -> SharedBudget {
        SharedBudget { limits: self.0.clone(), start: Instant::now(), recent: Arc::default() }
    }
}

/// The budget of a client, which its clones share.
#[derive(Clone)]
pub(crate) struct SharedBudget {
    limits: Option<Limits>,
    start: Instant,
    /// The last ten seconds in which something happened, the latest at the end.
    recent: Arc<Mutex<VecDeque<Second>>>,
}

const SECONDS: u64 = 10;

/// What happened in one second.
struct Second {
    /// Its number since the start.
    number: u64,
    calls: u64,
    repetitions: u64,
}

impl SharedBudget {
    /// Counts a call, which adds to what may be repeated.
    pub(crate) fn call(&self, time: Instant) {
        if self.limits.is_some() {
            self.at(time, |_, now| now.calls += 1);
        }
    }

    /// Counts a repetition, if the budget allows one more.
    pub(crate) fn repeat(&self, time: Instant) -> bool {
        let Some(Limits { percent, reserve }) = self.limits else {
            return true;
        };
        self.at(time, |before, now| {
            let sum = |of: fn(&Second) -> u64| before.iter().map(of).sum::<u64>() + of(now);
            let allowed = sum(|second| second.calls).saturating_mul(percent.into()) / 100;
            let is_allowed = sum(|second| second.repetitions) < allowed + u64::from(reserve);
            now.repetitions += u64::from(is_allowed);
            is_allowed
        })
    }

    /// Gives access to the seconds that count beside that of a time, and to that one.
    fn at<T>(&self, time: Instant, change: impl FnOnce(&VecDeque<Second>, &mut Second) -> T) -> T {
        let number = time.saturating_duration_since(self.start).as_secs();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        while recent.front().is_some_and(|second| second.number + SECONDS <= number) {
            recent.pop_front();
        }
        let mut now = match recent.pop_back() {
            // The clock is read before the lock is taken: another thread may have been later and faster.
            Some(last) if last.number >= number => last,
            earlier => {
                recent.extend(earlier);
                Second { number, calls: 0, repetitions: 0 }
            }
        };
        let answer = change(&recent, &mut now);
        recent.push_back(now);
        answer
    }
}
