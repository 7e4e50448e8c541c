//! What a server answers when it has accepted a message.

use serde::{Deserialize, Serialize};

use crate::{MessageId, tolerant};

/// The server has accepted a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_false(value: &bool) -> bool {
    !value
}
