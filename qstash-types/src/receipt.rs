//! What a server answers when it has accepted a message.

use std::fmt;

use crate::{MessageId, OddFields, record::record, without_secrets};

/// The server has accepted a message.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The message's id. For a duplicate it is the id of the message that was accepted first.
    pub message_id: MessageId,
    /// The URL that the message goes to. Always there for an endpoint of a URL group.
    pub url: Option<String>,
    /// Whether the message was recognised as a duplicate, and therefore not enqueued again.
    pub deduplicated: bool,
    /// The fields that could not be read.
    pub odd: OddFields,
}

record! {
    Receipt {
        message_id: Id("messageId"),
        url: Plain("url"),
        deduplicated: IfTrue("deduplicated"),
    }
}

impl Receipt {
    /// A receipt for a message that was enqueued.
    pub fn new(message_id: MessageId) -> Self {
        Self { message_id, url: None, deduplicated: false, odd: OddFields::default() }
    }
}

impl fmt::Debug for Receipt {
    /// Leaves out the secret parts of the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("message_id", &self.message_id)
            .field("url", &self.url.as_deref().map(without_secrets))
            .field("deduplicated", &self.deduplicated)
            .field("odd", &self.odd)
            .finish()
    }
}
