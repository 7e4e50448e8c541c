//! Deduplication windows.

use qstash_types::{Deduplication, MessageId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{StoredMessage, Time};

/// A deduplication window that is open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) first: MessageId,
    pub(crate) closes: Time,
}

/// What messages that count as the same have in common: a digest, which takes up less memory than what it is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(message: &StoredMessage, deduplication: Deduplication) -> Self {
        let url = message.url.as_str().as_bytes();
        match deduplication {
            Deduplication::Id(id) => {
                // Messages to several endpoints of a URL group differ in where they go.
                let url = message.url_group.as_ref().map(|_| url);
                digest([b"id", id.as_str().as_bytes()].into_iter().chain(url))
            }
            Deduplication::ByContent => {
                let headers = message.terms.header_list().iter();
                let mut headers: Vec<_> =
                    headers.map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]).collect();
                headers.sort_unstable();
                digest(
                    [b"content", url, &message.terms.body].into_iter().chain(headers.into_iter().flatten()),
                )
            }
        }
    }
}

/// Hashes each part behind its length, so that no two lists of parts run together to the same text.
fn digest<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Fingerprint {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Fingerprint(hasher.finalize().into())
}
