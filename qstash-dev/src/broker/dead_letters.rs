//! The dead letter queue.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use qstash_types::{DeadLetter, DeliveryOptions, DlqId, Headers, Receipt};

use super::{
    Answer, Broker, Cursor, Filter, Message, Millis, Outcome, Page, Refused, Response, options,
    record::{Kept, KeptDeadLetter, Key},
};

/// How many entries are kept. When there are more, the oldest go.
const MOST_ENTRIES: usize = 100_000;
/// How many bytes of headers and bodies they may hold on to.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Messages that have failed for good, in the order in which they did.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    /// By the time of the failure, and how many there were before in the same millisecond.
    entries: BTreeMap<Cursor, Entry>,
    /// The newest key ever given, so that no id is given twice.
    newest: Option<Cursor>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    message: Arc<Message>,
    outcome: Arc<Outcome>,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.message.bytes() + self.outcome.response().map_or(0, Response::bytes)
    }
}

impl DeadLetters {
    fn next_key(&self, now: Millis) -> Cursor {
        match self.newest {
            Some(Cursor(time, count)) if time >= now => Cursor(time, count + 1),
            _ => Cursor(now, 0),
        }
    }

    pub(super) fn add(&mut self, key: Cursor, message: Arc<Message>, outcome: Arc<Outcome>) {
        let entry = Entry { message, outcome };
        self.newest = self.newest.max(Some(key));
        self.bytes += entry.bytes();
        self.entries.insert(key, entry);
    }

    /// The keys of a page of what matches, the newest first, and where it ends if another one follows.
    fn page(&self, filter: &Filter, page: Page) -> (Vec<Cursor>, Option<Cursor>) {
        if !filter.dlq_ids.is_empty() {
            let named = filter.dlq_ids.iter().flat_map(|ids| ids.split(','));
            let mut keys: Vec<_> = named.filter_map(|id| Cursor::parse(id.trim())).collect();
            keys.retain(|key| self.entries.contains_key(key));
            keys.sort_unstable_by(|one, other| other.cmp(one));
            keys.dedup();
            return page.cut(keys.into_iter().map(|key| (key, key)));
        }
        let matching = self.entries.iter().rev().filter(|(key, entry)| {
            let status = entry.outcome.response().map(|response| response.status.as_u16());
            filter.matches_status(status) && filter.matches(&entry.message, key.0)
        });
        page.cut(matching.map(|(key, _)| (*key, *key)))
    }

    fn has(&self, id: &str) -> bool {
        Cursor::parse(id.trim()).is_some_and(|key| self.entries.contains_key(&key))
    }

    fn show(&self, key: Cursor) -> Option<DeadLetter> {
        let entry = self.entries.get(&key)?;
        let response = entry.outcome.response();
        let mut letter = DeadLetter::new(id(key), entry.message.record());
        letter.response_status = response.map(|response| response.status.as_u16());
        letter.response_headers =
            response.map_or_else(Headers::default, |response| Headers::record(&response.headers));
        letter.response_body = response.map_or_else(Bytes::new, |response| response.body.clone());
        Some(letter)
    }
}

fn id(key: Cursor) -> DlqId {
    DlqId::new(key.to_string()).expect("digits are legal in an id")
}

impl Broker {
    /// The dead letter queue, the newest entry first.
    pub fn dead_letters(&self) -> impl Iterator<Item = DeadLetter> {
        self.dead_letters.entries.keys().rev().filter_map(|key| self.dead_letters.show(*key))
    }

    /// The newest dead letters: the message of each, how its last attempt ended, and where the list ends if there are more.
    pub(crate) fn newest_dead_letters(
        &self,
        count: usize,
    ) -> (Vec<(DlqId, &Message, &Outcome)>, Option<Cursor>) {
        let (keys, cursor) = self.dead_letters.page(&Filter::default(), Page { after: None, count });
        let entry = |key| (id(key), &self.dead_letters.entries[&key]);
        let letters = keys.into_iter().map(entry);
        (letters.map(|(id, entry)| (id, &*entry.message, &*entry.outcome)).collect(), cursor)
    }

    /// An entry of the dead letter queue.
    pub fn dead_letter(&self, id: &str) -> Option<DeadLetter> {
        self.dead_letters.show(Cursor::parse(id)?)
    }

    /// A page of the dead letter queue, the newest entry first, and where it ends if another one follows.
    pub fn dead_letter_page(&self, filter: &Filter, page: Page) -> (Vec<DeadLetter>, Option<Cursor>) {
        let (keys, cursor) = self.dead_letters.page(filter, page);
        (keys.into_iter().filter_map(|key| self.dead_letters.show(key)).collect(), cursor)
    }

    /// Takes in a message that has failed for good.
    pub(super) fn bury(&mut self, now: Millis, message: Arc<Message>, outcome: Arc<Outcome>) -> DlqId {
        let key = self.dead_letters.next_key(now);
        self.dead_letters.add(key, message.clone(), outcome.clone());
        self.keep(Kept::DeadLetter(KeptDeadLetter { key, message, outcome }));
        while (self.dead_letters.entries.len() > MOST_ENTRIES || self.dead_letters.bytes > MOST_BYTES)
            && let Some((&oldest, _)) = self.dead_letters.entries.first_key_value()
        {
            self.remove_dead_letter(oldest);
        }
        id(key)
    }

    pub(super) fn delete_dead_letters(&mut self, filter: &Filter, page: Page) -> Answer {
        let (keys, cursor) = self.dead_letters.page(filter, page);
        for &key in &keys {
            self.remove_dead_letter(key);
        }
        Answer::Counted(keys.len(), cursor)
    }

    fn remove_dead_letter(&mut self, key: Cursor) {
        if let Some(entry) = self.dead_letters.entries.remove(&key) {
            self.dead_letters.bytes -= entry.bytes();
        }
        self.forget(Key::DeadLetter(key));
    }

    /// Publishes dead letters once more. If an id is unknown or there is no room, nothing is.
    pub(super) fn retry_dead_letters(
        &mut self,
        now: Millis,
        filter: &Filter,
        page: Page,
        changes: &DeliveryOptions,
    ) -> Result<Answer, Refused> {
        let mut named = filter.dlq_ids.iter().flat_map(|ids| ids.split(','));
        if let Some(unknown) = named.find(|id| !self.dead_letters.has(id)) {
            return Err(Refused::dead_letter(unknown));
        }
        options::check(changes, now)?;
        let (keys, cursor) = self.dead_letters.page(filter, page);
        if let Some(flow_control) = &changes.settings.flow_control {
            self.flow_controls.check_room(&flow_control.key)?;
        }
        self.check_room(keys.iter().map(|key| &self.dead_letters.entries[key].message.body))?;
        for key in &keys {
            let source = self.dead_letters.entries[key].message.clone();
            if let Some(queue) = changes.queue.as_ref().or(source.queue.as_ref()) {
                self.ensure_queue(now, queue)?;
            }
        }
        let mut receipts = Vec::with_capacity(keys.len());
        for key in keys {
            let source = self.dead_letters.entries[&key].message.clone();
            let message = source.again(self.ids.message(), now, changes.clone());
            self.remove_dead_letter(key);
            receipts.push(Receipt::new(message.id.clone()));
            self.accept(now, message, None);
        }
        Ok(Answer::Retried(receipts, cursor))
    }
}
