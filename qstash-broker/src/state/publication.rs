//! What somebody wants to have published, and what was accepted of it.

use std::{fmt, net::IpAddr};

use bytes::Bytes;
use http::HeaderMap;
use qstash_types::{DeliveryOptions, Destination, MessageId, Receipt};
use serde::{Deserialize, Serialize};

use super::form;

/// A publish request.
#[derive(Clone, Serialize, Deserialize)]
pub struct Publication {
    /// Where the message goes.
    #[serde(serialize_with = "form::write_text", deserialize_with = "form::read_destination")]
    pub destination: Destination,
    /// How it is delivered.
    #[serde(serialize_with = "form::write_options", deserialize_with = "form::read_options")]
    pub options: DeliveryOptions,
    /// The headers of the call, which are delivered as well if the options, or the defaults of a URL group, want it.
    #[serde(serialize_with = "form::write_headers", deserialize_with = "form::read_headers")]
    pub headers: HeaderMap,
    /// What is delivered.
    #[serde(skip)]
    pub body: Bytes,
    /// Who publishes.
    pub caller_ip: IpAddr,
}

impl fmt::Debug for Publication {
    /// Leaves out options, headers and body: all may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication").field("destination", &self.destination).finish_non_exhaustive()
    }
}

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Accepted {
    /// The message, or an earlier one that it repeats.
    One(Receipt),
    /// A message for each endpoint of a URL group.
    Each(Vec<Receipt>),
}

impl Accepted {
    /// Whether nothing was accepted but what had been before.
    pub fn is_duplicate(&self) -> bool {
        match self {
            Accepted::One(receipt) => receipt.deduplicated,
            Accepted::Each(receipts) => {
                !receipts.is_empty() && receipts.iter().all(|receipt| receipt.deduplicated)
            }
        }
    }

    /// The messages that had not been accepted before.
    pub(crate) fn fresh(self) -> impl Iterator<Item = MessageId> {
        let receipts = match self {
            Accepted::One(receipt) => vec![receipt],
            Accepted::Each(receipts) => receipts,
        };
        let fresh = receipts.into_iter().filter(|receipt| !receipt.deduplicated);
        fresh.map(|receipt| receipt.message_id)
    }
}
