//! Where a message stands.

use super::due::Place;

/// What a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A time.
    Waiting(Place),
    /// Its turn in its queue.
    Lined,
    /// Its flow control.
    Throttled,
    /// A free attempt.
    Ready,
    /// The end of its attempt.
    Attempted,
    /// Nothing: it was delivered.
    Delivered,
}
