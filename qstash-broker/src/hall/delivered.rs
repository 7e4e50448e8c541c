//! Messages that were delivered a moment ago, and can still be read.

use std::{collections::VecDeque, time::Duration};

use qstash_types::MessageId;

/// How long a message can be read after it was delivered.
pub(super) const READABLE: Duration = Duration::from_secs(10);

/// The messages, in the order in which they were delivered, each with its size.
#[derive(Debug)]
pub(super) struct Delivered {
    line: VecDeque<(MessageId, usize)>,
    bytes: usize,
    /// How many there may be. Under load, messages go earlier.
    most_bytes: usize,
}

impl Delivered {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { line: VecDeque::new(), bytes: 0, most_bytes }
    }

    pub(super) fn add(&mut self, id: MessageId, size: usize) {
        self.line.push_back((id, size));
        self.bytes += size;
    }

    /// The oldest message, taken out, if there are more than may be kept.
    pub(super) fn excess(&mut self) -> Option<MessageId> {
        if self.bytes > self.most_bytes { self.oldest() } else { None }
    }

    /// Takes a message out, unless it had to go earlier.
    pub(super) fn take(&mut self, id: &MessageId) -> Option<MessageId> {
        if self.line.front().is_some_and(|(oldest, _)| oldest == id) { self.oldest() } else { None }
    }

    fn oldest(&mut self) -> Option<MessageId> {
        let (id, size) = self.line.pop_front()?;
        self.bytes -= size;
        Some(id)
    }
}
