//! The dead letter queue.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use qstash_types::{DeadLetter, DlqId, Headers};

use super::{Message, Millis, Outcome};

/// Messages that have failed for good, in the order in which they did.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    entries: BTreeMap<Key, Entry>,
    /// The newest key ever given, so that no id is given twice.
    newest: Option<Key>,
}

/// When a message failed, and how many did before it in the same millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(Millis, u32);

#[derive(Debug)]
struct Entry {
    message: Arc<Message>,
    outcome: Arc<Outcome>,
}

impl DeadLetters {
    pub(super) fn add(&mut self, now: Millis, message: Arc<Message>, outcome: Arc<Outcome>) -> DlqId {
        let key = match self.newest {
            Some(Key(time, count)) if time >= now => Key(time, count + 1),
            _ => Key(now, 0),
        };
        self.newest = Some(key);
        self.entries.insert(key, Entry { message, outcome });
        key.id()
    }

    /// The entries as the API shows them, the newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = DeadLetter> {
        self.entries.iter().rev().map(|(key, entry)| {
            let response = entry.outcome.response();
            DeadLetter {
                dlq_id: key.id(),
                message: entry.message.record(),
                response_status: response.map(|response| response.status.as_u16()),
                response_headers: response
                    .map_or_else(Headers::default, |response| Headers::record(&response.headers)),
                response_body: response.map_or_else(Bytes::new, |response| response.body.clone()),
            }
        })
    }
}

impl Key {
    fn id(self) -> DlqId {
        let Self(time, count) = self;
        DlqId::new(format!("{}-{count}", time.since_epoch())).expect("digits are legal in an id")
    }
}
