//! The journal: what happened to messages, for as long as there is room. The API calls it the log.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use qstash_types::{LogEntry, LogState, MessageId};

use crate::state::{AttemptEnd, Cursor, PageRequest, Response, Selector, StoredMessage, Time};

/// How many entries are kept.
const MOST_ENTRIES: usize = 100_000;

/// A message entered a state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// When.
    pub time: Time,
    /// How many messages were accepted before this one.
    pub(super) number: u64,
    /// Which message.
    pub message: Arc<StoredMessage>,
    /// The state.
    pub state: LogState,
    /// How the attempt ended, if the message entered the state because one did.
    pub end: Option<Arc<AttemptEnd>>,
    /// When the next attempt is due, if the attempt was not the last one.
    pub next_attempt: Option<Time>,
}

impl Entry {
    /// The entry as the API shows it: the response to an attempt only if it failed.
    pub fn render(&self) -> LogEntry {
        let message = &*self.message;
        let shown = message.record();
        let end = self.end.as_ref().filter(|_| self.state == LogState::Error);
        let response = end.and_then(|end| end.response());
        let mut entry = LogEntry::new(self.time.into(), shown.message_id, self.state.clone());
        entry.url = shown.url;
        entry.delivery = shown.delivery;
        entry.error = end.map(ToString::to_string);
        entry.next_delivery_time = self.next_attempt.map(Into::into);
        entry.url_group = shown.url_group;
        entry.endpoint = shown.endpoint;
        entry.schedule_id = shown.schedule_id;
        entry.response_status = response.map(|response| response.status.as_u16());
        (entry.response_headers, entry.response_body) =
            response.map(|response| message.shown_response(response)).unwrap_or_default();
        entry.timeout = Some(message.terms.timeout);
        entry
    }

    /// How many bytes of headers and bodies the entry holds on to.
    fn bytes(&self) -> usize {
        let response = self.end.as_ref().and_then(|end| end.response());
        self.message.bytes() + response.map_or(0, Response::bytes)
    }
}

/// The newest entries, as many as the limits allow.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    /// How many entries came before the oldest one that is kept.
    dropped: u64,
    bytes: usize,
    /// How many bytes the entries may hold on to. Those of a message count once for each of its entries.
    most_bytes: usize,
}

impl Journal {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), dropped: 0, bytes: 0, most_bytes }
    }

    pub(super) fn add(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > MOST_ENTRIES || self.bytes > self.most_bytes {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.dropped += 1;
        }
    }

    /// The entries, the newest first, each with its place.
    fn iter(&self) -> impl Iterator<Item = (Cursor, &Entry)> {
        let last = self.dropped + self.entries.len() as u64;
        let numbers = (self.dropped..last).rev();
        numbers.zip(self.entries.iter().rev()).map(|(number, entry)| (Cursor(entry.time, number), entry))
    }
}

impl Journal {
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    pub(crate) fn page(&self, selector: &Selector, page: PageRequest) -> (Vec<&Entry>, Option<Cursor>) {
        page.cut(self.matching(selector))
    }

    /// A page of messages, the newest first, with the entries of each. A message keeps its place when more happens to it.
    pub(crate) fn by_message(
        &self,
        selector: &Selector,
        page: PageRequest,
    ) -> (Vec<(MessageId, Vec<&Entry>)>, Option<Cursor>) {
        let mut groups: BTreeMap<Cursor, (MessageId, Vec<&Entry>)> = BTreeMap::new();
        for (_, entry) in self.matching(selector) {
            let place = Cursor(entry.message.created_at, entry.number);
            let (_, entries) = groups.entry(place).or_insert_with(|| (entry.message.id.clone(), Vec::new()));
            entries.push(entry);
        }
        page.cut(groups.into_iter().rev())
    }

    pub(crate) fn has_entered(&self, message: &str, state: &LogState) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.message.id.as_str() == message && entry.state == *state)
    }

    fn matching(&self, selector: &Selector) -> impl Iterator<Item = (Cursor, &Entry)> {
        self.iter().filter(|(_, entry)| {
            selector.matches_state(&entry.state) && selector.matches(&entry.message, entry.time)
        })
    }
}
