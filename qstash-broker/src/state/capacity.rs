//! How much there is of what all messages share.

use std::num::NonZeroUsize;

/// How much there is of what all messages share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// How many bytes messages and settings may take up. The log and the dead letters have a sixteenth each beside it. The
    /// default is 4 GiB.
    pub memory: u64,
    /// How many attempts may run at the same time. The default is 256.
    pub attempts: NonZeroUsize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { memory: 4 * 1024 * 1024 * 1024, attempts: const { NonZeroUsize::new(256).unwrap() } }
    }
}
