//! Which messages are the same.

use std::{collections::HashMap, time::Duration};

use qstash_types::{Deduplication, MessageId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Message, Refused};

/// How long a message keeps its likes out, from the moment it was accepted.
pub(super) const WINDOW: Duration = Duration::from_secs(10 * 60);
/// How many windows may be open at the same time. Each takes up some 250 bytes.
const MOST_WINDOWS: usize = 8_000_000;

/// The windows that are open: the first message of each fingerprint.
#[derive(Debug, Default)]
pub(super) struct Windows(HashMap<Fingerprint, MessageId>);

impl Windows {
    pub(super) fn first(&self, fingerprint: &Fingerprint) -> Option<&MessageId> {
        self.0.get(fingerprint)
    }

    pub(super) fn open(&mut self, fingerprint: Fingerprint, first: MessageId) {
        self.0.insert(fingerprint, first);
    }

    pub(super) fn close(&mut self, fingerprint: &Fingerprint) {
        self.0.remove(fingerprint);
    }

    /// Whether there is room for those of these windows that are not open yet.
    pub(super) fn check_room<'a>(
        &self,
        wanted: impl Iterator<Item = &'a Fingerprint>,
    ) -> Result<(), Refused> {
        self.check_room_among(MOST_WINDOWS, wanted)
    }

    fn check_room_among<'a>(
        &self,
        most: usize,
        wanted: impl Iterator<Item = &'a Fingerprint>,
    ) -> Result<(), Refused> {
        let fresh = wanted.filter(|fingerprint| !self.0.contains_key(fingerprint)).count();
        if fresh > 0 && self.0.len() + fresh > most {
            return Err(Refused::Quota("maxDeduplicationIds"));
        }
        Ok(())
    }
}

/// What messages that count as the same have in common: a digest, which takes up less memory than what it is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(message: &Message, deduplication: Deduplication) -> Self {
        let url = message.url.as_str().as_bytes();
        match deduplication {
            Deduplication::Id(id) => {
                // Messages to several endpoints of a URL group differ in where they go.
                let url = message.url_group.as_ref().map(|_| url);
                digest([b"id", id.as_str().as_bytes()].into_iter().chain(url))
            }
            Deduplication::ByContent => {
                let headers = message.headers.iter();
                let mut headers: Vec<_> =
                    headers.map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]).collect();
                headers.sort_unstable();
                digest([b"content", url, &message.body].into_iter().chain(headers.into_iter().flatten()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_for_which_there_is_no_room_is_refused_and_one_that_is_open_is_not() {
        let [known, fresh] = [1, 2].map(|byte| Fingerprint([byte; 32]));
        let mut windows = Windows::default();
        windows.open(known.clone(), MessageId::new("msg_1").expect("it is an id"));
        assert_eq!(windows.check_room_among(1, [&known].into_iter()), Ok(()));
        assert_eq!(
            windows.check_room_among(1, [&known, &fresh].into_iter()),
            Err(Refused::Quota("maxDeduplicationIds"))
        );
        windows.close(&known);
        assert_eq!(windows.check_room_among(1, [&fresh].into_iter()), Ok(()));
    }
}
