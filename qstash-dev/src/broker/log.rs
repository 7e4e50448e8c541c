//! The log: what happened to messages.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use qstash_types::{Headers, LogEntry, LogState, MessageId};

use super::{Broker, Cursor, Effect, Filter, Message, Millis, Outcome, Page, Response};

/// How many entries the log keeps.
const MOST_ENTRIES: usize = 100_000;
/// How many bytes of headers and bodies the entries may hold on to. Those of a message count once for each of its entries.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// A message entered a state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// When.
    pub time: Millis,
    /// Which message.
    pub message: Arc<Message>,
    /// The state.
    pub state: LogState,
    /// How the attempt ended, if the message entered the state because one did.
    pub outcome: Option<Arc<Outcome>>,
    /// When the next attempt is due, if the attempt was not the last one.
    pub next_attempt: Option<Millis>,
}

impl Entry {
    /// The entry as the API shows it: the response to an attempt only if it failed.
    pub fn render(&self) -> LogEntry {
        let message = &*self.message;
        let shown = message.record();
        let outcome = self.outcome.as_ref().filter(|_| self.state == LogState::Error);
        let response = outcome.and_then(|outcome| outcome.response());
        let mut entry = LogEntry::new(self.time.into(), shown.message_id, self.state.clone());
        entry.url = shown.url;
        entry.method = shown.method;
        entry.headers = shown.headers;
        entry.body = shown.body;
        entry.error = outcome.map(ToString::to_string);
        entry.next_delivery_time = self.next_attempt.map(Into::into);
        entry.url_group = shown.url_group;
        entry.endpoint = shown.endpoint;
        entry.schedule_id = shown.schedule_id;
        entry.queue = shown.queue;
        entry.response_status = response.map(|response| response.status.as_u16());
        entry.response_headers = response.map(|response| Headers::record(&response.headers));
        entry.response_body = response.map_or_else(Bytes::new, |response| response.body.clone());
        entry.timeout = Some(message.timeout);
        entry.callback = shown.callback;
        entry.callback_headers = shown.callback_headers;
        entry.failure_callback = shown.failure_callback;
        entry.failure_callback_headers = shown.failure_callback_headers;
        entry.max_retries = Some(shown.max_retries);
        entry.retry_delay = shown.retry_delay;
        entry.label = shown.label;
        entry.labels = shown.labels;
        entry.flow_control_key = shown.flow_control_key;
        entry.parallelism = shown.parallelism;
        entry.rate = shown.rate;
        entry.period = shown.period;
        entry
    }

    /// How many bytes of headers and bodies the entry holds on to.
    fn bytes(&self) -> usize {
        let response = self.outcome.as_ref().and_then(|outcome| outcome.response());
        self.message.bytes() + response.map_or(0, Response::bytes)
    }
}

/// The newest entries, as many as the limits allow.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// How many entries came before the oldest one that is kept.
    dropped: u64,
    bytes: usize,
}

impl Log {
    pub(super) fn add(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > MOST_ENTRIES || self.bytes > MOST_BYTES {
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

impl Broker {
    /// The log, the newest entry first.
    pub fn log(&self) -> impl Iterator<Item = LogEntry> {
        self.entries().map(Entry::render)
    }

    /// The log as it is kept, the newest entry first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.log.entries.iter().rev()
    }

    /// A page of the log, the newest entry first, and where it ends if another one follows.
    pub fn log_page(&self, filter: &Filter, page: Page) -> (Vec<LogEntry>, Option<Cursor>) {
        let (entries, cursor) = page.cut(self.matching(filter));
        (entries.into_iter().map(Entry::render).collect(), cursor)
    }

    /// A page of messages with what the log says about each, ordered by the newest entry of each.
    pub fn log_by_message(
        &self,
        filter: &Filter,
        page: Page,
    ) -> (Vec<(MessageId, Vec<LogEntry>)>, Option<Cursor>) {
        let mut groups: Vec<(Cursor, (MessageId, Vec<&Entry>))> = Vec::new();
        let mut places = HashMap::new();
        for (cursor, entry) in self.matching(filter) {
            let place = *places.entry(&entry.message.id).or_insert_with(|| {
                groups.push((cursor, (entry.message.id.clone(), Vec::new())));
                groups.len() - 1
            });
            groups[place].1.1.push(entry);
        }
        let (groups, cursor) = page.cut(groups.into_iter());
        let rendered = |entries: Vec<&Entry>| entries.into_iter().map(Entry::render).collect();
        (groups.into_iter().map(|(id, entries)| (id, rendered(entries))).collect(), cursor)
    }

    /// Whether a message has entered a state, as far as the log goes back.
    pub fn has_entered(&self, message: &str, state: &LogState) -> bool {
        let mut entries = self.log.entries.iter();
        entries.any(|entry| entry.message.id.as_str() == message && entry.state == *state)
    }

    fn matching(&self, filter: &Filter) -> impl Iterator<Item = (Cursor, &Entry)> {
        self.log.iter().filter(|(_, entry)| {
            filter.matches_state(&entry.state) && filter.matches(&entry.message, entry.time)
        })
    }

    pub(super) fn enter(&mut self, now: Millis, message: &Arc<Message>, state: LogState) {
        let message = message.clone();
        self.note(Entry { time: now, message, state, outcome: None, next_attempt: None });
    }

    pub(super) fn enter_after(
        &mut self,
        now: Millis,
        message: &Arc<Message>,
        state: LogState,
        outcome: &Arc<Outcome>,
        next_attempt: Option<Millis>,
    ) {
        let (message, outcome) = (message.clone(), Some(outcome.clone()));
        self.note(Entry { time: now, message, state, outcome, next_attempt });
    }

    fn note(&mut self, entry: Entry) {
        self.log.add(entry.clone());
        self.effects.push(Effect::Log(entry));
    }
}
