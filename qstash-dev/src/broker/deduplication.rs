//! Which messages are the same.

use std::time::Duration;

use qstash_types::{Deduplication, DeduplicationId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Message;

/// How long a message keeps its likes out, from the moment it was accepted.
pub(super) const WINDOW: Duration = Duration::from_secs(10 * 60);

/// What messages that count as the same have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Fingerprint {
    /// The id that its publisher gave; messages to several endpoints of a URL group differ in where they go.
    Id(DeduplicationId, Option<String>),
    Content([u8; 32]),
}

impl Fingerprint {
    pub(super) fn of(message: &Message, deduplication: Deduplication) -> Self {
        match deduplication {
            Deduplication::Id(id) => {
                Self::Id(id, message.url_group.as_ref().map(|_| message.url.to_string()))
            }
            Deduplication::ByContent => Self::Content(digest(message)),
        }
    }
}

/// Hashes destination, headers and body, each behind its length, so that no two contents run together to the same text.
fn digest(message: &Message) -> [u8; 32] {
    let mut headers: Vec<_> =
        message.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
    headers.sort_unstable();
    let parts = [message.url.as_str().as_bytes(), &message.body]
        .into_iter()
        .chain(headers.into_iter().flat_map(|(name, value)| [name, value]));
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
