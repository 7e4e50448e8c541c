//! What a server answers when it has accepted a message.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{MessageId, tolerant, without_secrets};

/// The server has accepted a message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Receipt {
    /// The message's id. For a duplicate it is the id of the message that was accepted first.
    pub message_id: MessageId,
    /// The URL that the message goes to. Always there for an endpoint of a URL group.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether the message was recognised as a duplicate, and therefore not enqueued again.
    #[serde(default, deserialize_with = "tolerant::or_default", skip_serializing_if = "is_false")]
    pub deduplicated: bool,
}

impl Receipt {
    /// A receipt for a message that was enqueued.
    pub fn new(message_id: MessageId) -> Self {
        Self { message_id, url: None, deduplicated: false }
    }
}

impl fmt::Debug for Receipt {
    /// Leaves out the secret parts of the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("message_id", &self.message_id)
            .field("url", &self.url.as_deref().map(without_secrets))
            .field("deduplicated", &self.deduplicated)
            .finish()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_false(value: &bool) -> bool {
    !value
}
