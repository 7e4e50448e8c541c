//! Broker time: real time, plus what a test has skipped.

use std::time::{Duration, Instant, SystemTime};

use crate::broker::Millis;

/// Runs with the monotonic clock of the system, and never backwards.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// What time it was at the origin, or would have been had the skipped time passed before.
    at_origin: Millis,
}

impl Clock {
    /// A clock that shows the time of the system, or the instant after this time if that is later.
    pub(crate) fn start_after(latest: Millis) -> Self {
        let after = latest + Duration::from_millis(1);
        Self { origin: Instant::now(), at_origin: Millis::of(SystemTime::now()).max(after) }
    }

    pub(crate) fn now(&self) -> Millis {
        self.at_origin + self.origin.elapsed()
    }

    /// How long it takes, in real time, until the clock shows this.
    pub(crate) fn wait_until(&self, time: Millis) -> Duration {
        self.now().until(time)
    }

    /// Skips the time until then.
    pub(crate) fn skip_to(&mut self, time: Millis) {
        self.at_origin = self.at_origin + self.wait_until(time);
    }
}
