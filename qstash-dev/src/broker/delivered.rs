//! Messages that were delivered a moment ago, and can still be read.

use std::{collections::VecDeque, time::Duration};

use qstash_types::MessageId;

use super::{Broker, Message, Millis, due::Wake};

/// How long a message can be read after it was delivered.
const READABLE: Duration = Duration::from_secs(10);
/// How many bytes may be kept for that. Under load, messages go earlier.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// What a message takes up beside its headers and its body.
const BESIDE: usize = 1024;

/// The messages, in the order in which they were delivered, each with its size.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    line: VecDeque<(MessageId, usize)>,
    bytes: usize,
}

impl Broker {
    /// Keeps a message that was delivered for a moment.
    pub(super) fn keep_readable(&mut self, now: Millis, message: &Message) {
        let size = message.bytes() + BESIDE;
        self.delivered.line.push_back((message.id.clone(), size));
        self.delivered.bytes += size;
        self.due.add(now + READABLE, Wake::Forget(message.id.clone()));
        while self.delivered.bytes > MOST_BYTES {
            self.forget_oldest();
        }
    }

    /// Forgets a message, unless it had to go earlier.
    pub(super) fn forget_delivered(&mut self, id: &MessageId) {
        if self.delivered.line.front().is_some_and(|(oldest, _)| oldest == id) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((id, size)) = self.delivered.line.pop_front() {
            self.delivered.bytes -= size;
            self.messages.remove(&id);
        }
    }
}
