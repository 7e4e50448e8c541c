//! Broker time: real time, plus what a test has skipped.

use std::time::{Duration, Instant, SystemTime};

use qstash_broker::Time;

/// Runs with the monotonic clock of the system, and never backwards.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// What time it was at the origin, or would have been had the skipped time passed before.
    at_origin: Time,
    /// How far that was ahead of the clock of the machine.
    ahead: Duration,
}

impl Clock {
    /// A clock that shows the time of the system, or the instant after this time if that is later.
    pub(crate) fn start_after(latest: Time) -> Self {
        let after = latest + Duration::from_millis(1);
        let machine = Time::of(SystemTime::now());
        let at_origin = machine.max(after);
        Self { origin: Instant::now(), at_origin, ahead: machine.until(at_origin) }
    }

    pub(crate) fn now(&self) -> Time {
        self.at_origin + self.origin.elapsed()
    }

    /// How far it is ahead of the clock of the machine, as long as nobody sets that one.
    pub(crate) fn ahead(&self) -> Duration {
        self.ahead
    }

    /// When the clock shows this, unless that is later than the system can tell.
    pub(crate) fn shows(&self, time: Time) -> Option<Instant> {
        self.origin.checked_add(self.at_origin.until(time))
    }

    /// Skips the time until then.
    pub(crate) fn skip_to(&mut self, time: Time) {
        let skipped = self.now().until(time);
        self.at_origin = self.at_origin + skipped;
        self.ahead += skipped;
    }
}
