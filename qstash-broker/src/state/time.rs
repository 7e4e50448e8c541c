//! Broker time.

use std::{
    ops::Add,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

/// A point in broker time, in milliseconds since the Unix epoch.
///
/// Time ends with the year 9999, which every platform can represent: a delay of a trillion days ends there too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Time(u64);

impl Time {
    /// The last millisecond of the year 9999.
    pub const LAST: Self = Self(253_402_300_799_999);

    /// This many milliseconds after the epoch.
    pub const fn new(since_epoch: u64) -> Self {
        if since_epoch < Self::LAST.0 { Self(since_epoch) } else { Self::LAST }
    }

    /// The number of milliseconds since the epoch.
    pub const fn since_epoch(self) -> u64 {
        self.0
    }

    /// The point in time in whole milliseconds; the epoch for times before it.
    pub fn of(time: SystemTime) -> Self {
        Self::new(whole(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()))
    }

    /// How long it is until a later time; nothing for an earlier one.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self::new(self.0.saturating_add(whole(span)))
    }
}

impl From<u64> for Time {
    fn from(since_epoch: u64) -> Self {
        Self::new(since_epoch)
    }
}

impl From<Time> for u64 {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl From<Time> for SystemTime {
    fn from(time: Time) -> Self {
        SystemTime::UNIX_EPOCH + Duration::from_millis(time.0)
    }
}

fn whole(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
