//! The dead letter queue.

use std::{collections::BTreeMap, sync::Arc};

use qstash_types::{DeadLetter, DlqId};

use crate::{
    hall::Hall,
    state::{
        AttemptEnd, Cursor, Kept, KeptDeadLetter, Key, PageRequest, Refused, Response, Selector,
        StoredMessage, Time,
    },
};

/// How many entries are kept. When there are more, the oldest go.
const MOST_ENTRIES: usize = 100_000;

/// Messages that have failed for good, in the order in which they did.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    /// By the time of the failure, and how many there were before in the same millisecond.
    entries: BTreeMap<Cursor, Entry>,
    /// The newest key ever given, so that no id is given twice.
    newest: Option<Cursor>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    message: Arc<StoredMessage>,
    end: Arc<AttemptEnd>,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.message.bytes() + self.end.response().map_or(0, Response::bytes)
    }
}

impl DeadLetters {
    /// Takes in a message that has failed for good.
    pub(crate) fn bury(
        &mut self,
        hall: &mut Hall,
        now: Time,
        message: Arc<StoredMessage>,
        end: Arc<AttemptEnd>,
    ) -> DlqId {
        let key = match self.newest {
            Some(Cursor(time, count)) if time >= now => Cursor(time, count + 1),
            _ => Cursor(now, 0),
        };
        let letter = KeptDeadLetter { key, message, end };
        self.restore(letter.clone());
        hall.keep(Kept::DeadLetter(letter));
        while (self.entries.len() > MOST_ENTRIES || self.bytes > hall.budget().of_history())
            && let Some((&oldest, _)) = self.entries.first_key_value()
        {
            self.take(hall, oldest);
        }
        id(key)
    }

    pub(crate) fn restore(&mut self, letter: KeptDeadLetter) {
        let KeptDeadLetter { key, message, end } = letter;
        let entry = Entry { message, end };
        self.newest = self.newest.max(Some(key));
        self.bytes += entry.bytes();
        self.entries.insert(key, entry);
    }

    /// Takes an entry out, and gives its message back.
    pub(crate) fn take(&mut self, hall: &mut Hall, key: Cursor) -> Option<Arc<StoredMessage>> {
        let entry = self.entries.remove(&key)?;
        self.bytes -= entry.bytes();
        hall.forget(Key::DeadLetter(key));
        Some(entry.message)
    }

    /// The keys of a page of what matches, the newest first, and where it ends if another one follows.
    pub(crate) fn page(&self, selector: &Selector, page: PageRequest) -> (Vec<Cursor>, Option<Cursor>) {
        if !selector.dlq_ids.is_empty() {
            let mut keys: Vec<_> = named(selector).filter_map(Cursor::parse).collect();
            keys.retain(|key| self.entries.contains_key(key));
            keys.sort_unstable_by(|one, other| other.cmp(one));
            keys.dedup();
            return page.cut(keys.into_iter().map(|key| (key, key)));
        }
        let matching = self.entries.iter().rev().filter(|(key, entry)| {
            let status = entry.end.response().map(|response| response.status.as_u16());
            selector.matches_status(status) && selector.matches(&entry.message, key.0)
        });
        page.cut(matching.map(|(key, _)| (*key, *key)))
    }

    /// Whether there is an entry for each id that the selector names, short of those that earlier pages have dealt with.
    pub(crate) fn check_named(&self, selector: &Selector, page: PageRequest) -> Result<(), Refused> {
        let is_known = |key| self.entries.contains_key(&key) || page.after.is_some_and(|after| key >= after);
        let is_unknown = |id: &&str| !Cursor::parse(id).is_some_and(is_known);
        match named(selector).find(is_unknown) {
            Some(id) => Err(Refused::dead_letter(id)),
            None => Ok(()),
        }
    }

    pub(crate) fn message(&self, key: Cursor) -> Option<&Arc<StoredMessage>> {
        self.entries.get(&key).map(|entry| &entry.message)
    }

    /// The newest entries: the message of each, and how its last attempt ended.
    pub(crate) fn newest(&self, count: usize) -> (Vec<(DlqId, &StoredMessage, &AttemptEnd)>, Option<Cursor>) {
        let all = self.entries.iter().rev();
        let all = all.map(|(&key, entry)| (key, (id(key), &*entry.message, &*entry.end)));
        PageRequest { after: None, count }.cut(all)
    }

    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = DeadLetter> {
        self.entries.iter().rev().map(|(&key, entry)| entry.record(key))
    }

    pub(crate) fn record(&self, key: Cursor) -> Option<DeadLetter> {
        self.entries.get(&key).map(|entry| entry.record(key))
    }
}

impl Entry {
    fn record(&self, key: Cursor) -> DeadLetter {
        let response = self.end.response();
        let mut letter = DeadLetter::new(id(key), self.message.record());
        letter.response_status = response.map(|response| response.status.as_u16());
        (letter.response_headers, letter.response_body) =
            response.map(|response| self.message.shown_response(response)).unwrap_or_default();
        letter
    }
}

/// The ids that a selector names. Each text may be several, joined by commas.
fn named(selector: &Selector) -> impl Iterator<Item = &str> {
    selector.dlq_ids.iter().flat_map(|ids| ids.split(',')).map(str::trim)
}

fn id(key: Cursor) -> DlqId {
    DlqId::new(key.to_string()).expect("digits are legal in an id")
}
