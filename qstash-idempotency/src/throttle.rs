//! Doing something at most once a minute.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const PAUSE: Duration = Duration::from_mins(1);

/// When something was done last, and how often it was not since.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<(Option<Instant>, u64)>);

impl Throttle {
    /// Whether it may be done now: if so, with the number of times that it was not.
    pub(crate) fn pass(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, suppressed) = &mut *state;
        let now = Instant::now();
        if last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            *suppressed += 1;
            return None;
        }
        *last = Some(now);
        Some(mem::take(suppressed))
    }
}
