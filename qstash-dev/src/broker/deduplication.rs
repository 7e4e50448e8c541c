//! Which messages are the same.

use std::{collections::HashMap, time::Duration};

use qstash_types::{Deduplication, DeduplicationId, MessageId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Message, Refused};

/// How long a message keeps its likes out, from the moment it was accepted.
pub(super) const WINDOW: Duration = Duration::from_secs(10 * 60);
/// How many bytes the windows may take up that are open at the same time: some eight million with ids of usual length.
const MOST_BYTES: usize = 2 * 1024 * 1024 * 1024;
/// What a window takes up beside its fingerprint.
const BESIDE: usize = 224;

/// The windows that are open: the first message of each fingerprint.
#[derive(Debug, Default)]
pub(super) struct Windows {
    first: HashMap<Fingerprint, MessageId>,
    bytes: usize,
}

impl Windows {
    pub(super) fn first(&self, fingerprint: &Fingerprint) -> Option<&MessageId> {
        self.first.get(fingerprint)
    }

    pub(super) fn open(&mut self, fingerprint: Fingerprint, first: MessageId) {
        self.bytes += fingerprint.bytes();
        self.first.insert(fingerprint, first);
    }

    pub(super) fn close(&mut self, fingerprint: &Fingerprint) {
        if self.first.remove(fingerprint).is_some() {
            self.bytes -= fingerprint.bytes();
        }
    }

    /// Whether there is room for those of these windows that are not open yet.
    pub(super) fn check_room<'a>(
        &self,
        wanted: impl Iterator<Item = &'a Fingerprint>,
    ) -> Result<(), Refused> {
        let fresh = wanted.filter(|fingerprint| !self.first.contains_key(fingerprint));
        let bytes: usize = fresh.map(Fingerprint::bytes).sum();
        if bytes > 0 && self.bytes + bytes > MOST_BYTES {
            return Err(Refused::Quota("maxDeduplicationIds"));
        }
        Ok(())
    }
}

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

    /// How much memory its window takes up, more or less: it is in the list of windows, and in that of what is due.
    fn bytes(&self) -> usize {
        BESIDE
            + match self {
                Self::Id(id, url) => id.as_str().len() + 2 * url.as_ref().map_or(0, String::len),
                Self::Content(digest) => digest.len(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_for_which_there_is_no_room_is_refused_and_one_that_is_open_is_not() {
        let [known, fresh] = [1, 2].map(|byte| Fingerprint::Content([byte; 32]));
        let mut windows = Windows::default();
        windows.open(known.clone(), MessageId::new("msg_1").expect("it is an id"));
        windows.bytes = MOST_BYTES;
        assert_eq!(windows.check_room([&known].into_iter()), Ok(()));
        assert_eq!(
            windows.check_room([&known, &fresh].into_iter()),
            Err(Refused::Quota("maxDeduplicationIds"))
        );
        windows.close(&known);
        assert_eq!(windows.check_room([&fresh].into_iter()), Ok(()));
    }
}
