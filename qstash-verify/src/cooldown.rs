//! Doing something at most once in a while, on a clock that is an argument.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// When something was done last.
#[derive(Debug, Default)]
pub(crate) struct Cooldown {
    last: Option<SystemTime>,
}

impl Cooldown {
    /// Whether it may be done now. If so, the pause begins anew.
    pub(crate) fn is_due(&mut self, now: SystemTime, pause: Duration) -> bool {
        // A clock that was set back must not stop everything, hence an error counts as a pause that is over.
        let waiting =
            self.last.is_some_and(|last| now.duration_since(last).is_ok_and(|elapsed| elapsed < pause));
        if !waiting {
            self.last = Some(now);
        }
        !waiting
    }
}

/// Locks a mutex even if a thread panicked while it held it: nothing here is left half-changed by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
