//! How many messages wait, and for what.

use super::stage::Stage;

/// How many messages wait for what. Those that were delivered wait for nothing, and are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// For a time: that of their publisher, or that of their next attempt.
    pub time: usize,
    /// For their turn in their queue.
    pub queue: usize,
    /// For their flow control.
    pub flow_control: usize,
    /// For a free attempt.
    pub free_attempt: usize,
    /// For the answer of their destination.
    pub answer: usize,
}

impl Census {
    pub(super) fn enter(&mut self, stage: Stage) {
        if let Some(count) = self.count(stage) {
            *count += 1;
        }
    }

    pub(super) fn leave(&mut self, stage: Stage) {
        if let Some(count) = self.count(stage) {
            *count -= 1;
        }
    }

    fn count(&mut self, stage: Stage) -> Option<&mut usize> {
        match stage {
            Stage::Waiting(_) => Some(&mut self.time),
            Stage::Lined => Some(&mut self.queue),
            Stage::Throttled => Some(&mut self.flow_control),
            Stage::Ready => Some(&mut self.free_attempt),
            Stage::Attempted => Some(&mut self.answer),
            Stage::Delivered => None,
        }
    }
}
