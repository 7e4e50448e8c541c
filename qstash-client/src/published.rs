//! What the server says about an accepted message.

use qstash_types::{MessageId, Receipt};
use serde::Deserialize;
use serde_json::Value;

use crate::{error::Fault, trace};

/// A message was accepted: one receipt for a URL, one per endpoint for a URL group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Never empty.
    receipts: Vec<Receipt>,
}

impl Published {
    /// Reads the three shapes that the service and its descriptions know: an object, a list of them, and the list as
    /// `messages` of an object.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, Fault> {
        let published = Self::read(serde_json::from_slice(body)?)?;
        trace::message_id(published.message_id());
        Ok(published)
    }

    pub(crate) fn read(answer: Value) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Group {
            messages: Vec<Receipt>,
        }

        let receipts = match answer {
            list @ Value::Array(_) => Vec::deserialize(list)?,
            group if group.get("messages").is_some() => Group::deserialize(group)?.messages,
            single => vec![Receipt::deserialize(single)?],
        };
        if receipts.is_empty() {
            return Err(Fault::NoEndpoints);
        }
        Ok(Self { receipts })
    }

    /// The id of the message; the first one for a URL group.
    pub fn message_id(&self) -> &MessageId {
        &self.receipts[0].message_id
    }

    /// Whether nothing new was enqueued, because the same message was accepted within the last ten minutes. Its id is
    /// then that of the first one. For a URL group: whether this holds for every endpoint.
    ///
    /// It takes a deduplication id of the message itself, or deduplication by content. What the client's own id has
    /// prevented is not reported, since it was this very message.
    pub fn is_duplicate(&self) -> bool {
        self.receipts.iter().all(|receipt| receipt.deduplicated)
    }

    /// One receipt for a URL, one per endpoint for a URL group; at least one.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// The same message, known to be no duplicate of another one.
    pub(crate) fn original(mut self) -> Self {
        for receipt in &mut self.receipts {
            receipt.deduplicated = false;
        }
        self
    }
}
