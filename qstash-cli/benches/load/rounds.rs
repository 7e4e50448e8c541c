//! Figures from several rounds.

use std::time::Duration;

/// How many times everything takes its turn.
pub(crate) const ROUNDS: usize = 5;

/// What a number of messages has cost.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) per_second: f64,
    /// Microseconds of CPU time for each.
    pub(crate) cpu: f64,
}

impl Cost {
    pub(crate) fn new(messages: u64, elapsed: Duration, cpu: u64) -> Self {
        let messages = messages as f64;
        Self { per_second: messages / elapsed.as_secs_f64(), cpu: cpu as f64 / messages }
    }
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
