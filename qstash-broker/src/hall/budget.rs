//! How much memory callers may make the broker use.

use crate::state::Refused;

/// The memory that is used by what callers have the broker keep, and its limit.
///
/// What is removed returns its bytes. The log, dead letters and recently delivered messages have limits of their own, beyond
/// which the oldest entries are dropped.
#[derive(Debug)]
pub(crate) struct Budget {
    most: u64,
    used: u64,
}

impl Budget {
    pub(super) fn new(most: u64) -> Self {
        Self { most, used: 0 }
    }

    /// Whether there is room for this many bytes more.
    pub(crate) fn check(&self, bytes: usize) -> Result<(), Refused> {
        if self.used + bytes as u64 > self.most {
            return Err(Refused::Memory(self.most));
        }
        Ok(())
    }

    /// Takes room, even where there is none: a callback is never refused.
    pub(crate) fn charge(&mut self, bytes: usize) {
        self.used += bytes as u64;
    }

    pub(crate) fn release(&mut self, bytes: usize) {
        self.used -= bytes as u64;
    }

    /// How many bytes are used, and how many may be.
    pub(crate) fn used(&self) -> (u64, u64) {
        (self.used, self.most)
    }

    /// How many bytes the log may take up. The dead letters have a limit of the same size.
    pub(crate) fn of_history(&self) -> usize {
        usize::try_from(self.most / 16).unwrap_or(usize::MAX)
    }

    /// How many bytes recently delivered messages may take up.
    pub(crate) fn of_delivered(&self) -> usize {
        usize::try_from(self.most / 64).unwrap_or(usize::MAX)
    }
}
