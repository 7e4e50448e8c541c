//! How long things took.

use std::time::Duration;

/// The upper bounds of the buckets, as they are written and in microseconds: from a call of this machine to a day of retries.
pub(super) const BOUNDS: [(&str, u64); 14] = [
    ("0.001", 1_000),
    ("0.005", 5_000),
    ("0.01", 10_000),
    ("0.05", 50_000),
    ("0.1", 100_000),
    ("0.5", 500_000),
    ("1", 1_000_000),
    ("5", 5_000_000),
    ("10", 10_000_000),
    ("60", 60_000_000),
    ("300", 300_000_000),
    ("900", 900_000_000),
    ("3600", 3_600_000_000),
    ("86400", 86_400_000_000),
];

/// Durations, counted in buckets.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// How many there were up to a bound and above the one before it. What lies above the last one is in none.
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl Histogram {
    pub(super) fn record(&mut self, duration: Duration) {
        let bucket = BOUNDS.partition_point(|&(_, most)| Duration::from_micros(most) < duration);
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(duration);
    }

    /// How many there were up to each bound.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let bounds = BOUNDS.iter().zip(self.buckets);
        bounds.scan(0, |sum, (&(bound, _), count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn sum(&self) -> Duration {
        self.sum
    }
}
