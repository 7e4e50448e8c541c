//! The answer to a publish.

use std::{fmt, slice};

use qstash_types::{MessageId, Receipt};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;

use crate::{error::Fault, observe};

/// A message was accepted: one receipt for a URL, one per endpoint for a URL group.
#[derive(Clone, PartialEq, Eq)]
pub struct Published(Receipts);

#[derive(Clone, PartialEq, Eq)]
enum Receipts {
    One(Receipt),
    /// At least two.
    Several(Vec<Receipt>),
}

impl Published {
    /// Reads the three shapes that the service and its descriptions know: an object, a list of them, and the list as
    /// `messages` of an object.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, Fault> {
        // Most messages go to one URL, and most receipts need not be read field by field.
        let published = match serde_json::from_slice(body) {
            Ok(Plain(published)) => published,
            Err(_) => Self::read(serde_json::from_slice(body)?)?,
        };
        observe::message_id(published.message_id());
        Ok(published)
    }

    pub(crate) fn read(answer: Value) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Group {
            messages: Vec<Receipt>,
        }

        let mut receipts = match answer {
            list @ Value::Array(_) => Vec::deserialize(list)?,
            group if group.get("messages").is_some() => Group::deserialize(group)?.messages,
            single => vec![Receipt::deserialize(single)?],
        };
        match receipts.pop() {
            None => Err(Fault::NoEndpoints),
            Some(receipt) if receipts.is_empty() => Ok(receipt.into()),
            Some(last) => {
                receipts.push(last);
                Ok(Self(Receipts::Several(receipts)))
            }
        }
    }

    /// The id of the message; the first one for a URL group.
    pub fn message_id(&self) -> &MessageId {
        &self.receipts()[0].message_id
    }

    /// Whether this publish enqueued nothing, because another publish of the same message was accepted within the last ten
    /// minutes. The message id is then that of the first one. For a URL group: whether this holds for every endpoint.
    ///
    /// Only a deduplication id of the message itself, or deduplication by content, makes a message the same as another. When an
    /// answer was lost and the client has repeated the call, QStash may have recognised the first attempt of this very publish:
    /// nobody can tell then, and it does not count as a duplicate.
    pub fn is_duplicate(&self) -> bool {
        self.receipts().iter().all(|receipt| receipt.deduplicated)
    }

    /// One receipt for a URL, one per endpoint for a URL group; at least one.
    pub fn receipts(&self) -> &[Receipt] {
        match &self.0 {
            Receipts::One(receipt) => slice::from_ref(receipt),
            Receipts::Several(receipts) => receipts,
        }
    }

    /// The same message, not known to be a duplicate of another one.
    pub(crate) fn maybe_original(mut self) -> Self {
        let receipts = match &mut self.0 {
            Receipts::One(receipt) => slice::from_mut(receipt),
            Receipts::Several(receipts) => receipts,
        };
        for receipt in receipts {
            receipt.deduplicated = false;
        }
        self
    }
}

impl From<Receipt> for Published {
    fn from(receipt: Receipt) -> Self {
        Self(Receipts::One(receipt))
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").field("receipts", &self.receipts()).finish()
    }
}

/// What one receipt says in which nothing is odd. An odd field is an error, where a [`Receipt`] keeps it.
pub(crate) struct Plain(pub(crate) Published);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainReceipt {
    message_id: MessageId,
    url: Option<String>,
    #[serde(default)]
    deduplicated: bool,
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PlainObject)
    }
}

/// Takes objects alone: a list, which serde would take for a struct as well, holds receipts itself.
struct PlainObject;

impl<'de> Visitor<'de> for PlainObject {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the object of a receipt")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Plain, A::Error> {
        let PlainReceipt { message_id, url, deduplicated } =
            PlainReceipt::deserialize(MapAccessDeserializer::new(map))?;
        let mut receipt = Receipt::new(message_id);
        receipt.url = url.filter(|url| !url.is_empty());
        receipt.deduplicated = deduplicated;
        Ok(Plain(receipt.into()))
    }
}
