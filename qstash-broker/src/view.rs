//! What can be read of a broker.

use std::sync::Arc;

use qstash_types::{
    DeadLetter, DlqId, FlowControlRecord, LogEntry, LogState, MessageId, MessageRecord, QueueRecord,
    ScheduleRecord, UrlGroupRecord,
};

use crate::{
    hall::{Census, Entry, Stage, Tracked},
    life::Broker,
    state::{AttemptEnd, Cursor, PageRequest, Selector, StoredMessage, Time},
};

/// A message that has not come to its end, and what it waits for.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// How many messages were accepted before it.
    pub number: u64,
    /// The message.
    pub message: Arc<StoredMessage>,
    /// How many of its attempts have failed.
    pub retried: u32,
    /// What it waits for.
    pub awaited: Awaited,
}

/// What a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A time: that of its publisher, or that of its next attempt.
    Time(Time),
    /// Its turn in its queue.
    Queue,
    /// Its flow control.
    FlowControl,
    /// A free attempt.
    FreeAttempt,
    /// The answer of its destination.
    Answer,
}

impl Unfinished {
    fn of(tracked: &Tracked) -> Option<Self> {
        let awaited = match tracked.stage() {
            Stage::Waiting(place) => Awaited::Time(place.time()),
            Stage::Lined => Awaited::Queue,
            Stage::Throttled => Awaited::FlowControl,
            Stage::Ready => Awaited::FreeAttempt,
            Stage::Attempted => Awaited::Answer,
            Stage::Delivered => return None,
        };
        let (number, message) = (tracked.number(), tracked.message().clone());
        Some(Self { number, message, retried: tracked.retried(), awaited })
    }
}

impl Broker {
    /// A message that is on its way, or was delivered a moment ago.
    pub fn message(&self, id: &str) -> Option<MessageRecord> {
        self.hall.find(id).map(|tracked| tracked.message().record())
    }

    /// The messages that have not come to their end, the oldest first: those from the one on with this number, as many as this.
    pub fn unfinished(&self, from: u64, most: usize) -> Vec<Unfinished> {
        let mut unfinished: Vec<_> =
            self.hall.all().filter(|tracked| tracked.number() >= from).filter_map(Unfinished::of).collect();
        unfinished.sort_unstable_by_key(|message| message.number);
        unfinished.truncate(most);
        unfinished
    }

    /// How many attempts are running, and how many may.
    pub fn parallelism(&self) -> (usize, usize) {
        self.hall.parallelism()
    }

    /// How many messages wait, and for what.
    pub fn census(&self) -> Census {
        self.hall.census()
    }

    /// How many dead letters there are.
    pub fn dead_letter_count(&self) -> usize {
        self.dead_letters.count()
    }

    /// How many bytes messages and settings take up, and how many they may.
    pub fn memory(&self) -> (u64, u64) {
        self.hall.budget().used()
    }

    /// All queues, by name.
    pub fn queues(&self) -> impl Iterator<Item = QueueRecord> {
        self.queues.records()
    }

    /// A queue.
    pub fn queue(&self, name: &str) -> Option<QueueRecord> {
        self.queues.record(name)
    }

    /// All URL groups, by name.
    pub fn url_groups(&self) -> impl Iterator<Item = UrlGroupRecord> {
        self.url_groups.records()
    }

    /// A URL group.
    pub fn url_group(&self, name: &str) -> Option<UrlGroupRecord> {
        self.url_groups.record(name)
    }

    /// All schedules, by id.
    pub fn schedules(&self) -> impl Iterator<Item = ScheduleRecord> {
        self.schedules.records()
    }

    /// A schedule.
    pub fn schedule(&self, id: &str) -> Option<ScheduleRecord> {
        self.schedules.record(id)
    }

    /// All flow-control keys that hold the text, as they stand now.
    pub fn flow_controls(&self, now: Time, text: &str) -> impl Iterator<Item = FlowControlRecord> {
        self.flow_controls.records(now, text)
    }

    /// A flow-control key, as it stands now.
    pub fn flow_control(&self, now: Time, key: &str) -> Option<FlowControlRecord> {
        self.flow_controls.record(now, key)
    }

    /// The dead letter queue, the newest entry first.
    pub fn dead_letters(&self) -> impl Iterator<Item = DeadLetter> {
        self.dead_letters.records()
    }

    /// An entry of the dead letter queue.
    pub fn dead_letter(&self, id: &str) -> Option<DeadLetter> {
        self.dead_letters.record(Cursor::parse(id)?)
    }

    /// A page of the dead letter queue, the newest entry first, and where it ends if another one follows.
    pub fn dead_letter_page(
        &self,
        selector: &Selector,
        page: PageRequest,
    ) -> (Vec<DeadLetter>, Option<Cursor>) {
        let (keys, cursor) = self.dead_letters.page(selector, page);
        (keys.into_iter().filter_map(|key| self.dead_letters.record(key)).collect(), cursor)
    }

    /// The newest dead letters: the message of each, how its last attempt ended, and where the list ends if there are more.
    pub fn newest_dead_letters(
        &self,
        count: usize,
    ) -> (Vec<(DlqId, &StoredMessage, &AttemptEnd)>, Option<Cursor>) {
        self.dead_letters.newest(count)
    }

    /// The log, the newest entry first.
    pub fn log(&self) -> impl Iterator<Item = LogEntry> {
        self.entries().map(Entry::render)
    }

    /// The log as it is kept, the newest entry first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.hall.journal().entries()
    }

    /// A page of the log, the newest entry first, and where it ends if another one follows.
    pub fn log_page(&self, selector: &Selector, page: PageRequest) -> (Vec<LogEntry>, Option<Cursor>) {
        let (entries, cursor) = self.hall.journal().page(selector, page);
        (entries.into_iter().map(Entry::render).collect(), cursor)
    }

    /// A page of messages, the newest first, with what the log says about each.
    pub fn log_by_message(
        &self,
        selector: &Selector,
        page: PageRequest,
    ) -> (Vec<(MessageId, Vec<LogEntry>)>, Option<Cursor>) {
        let (groups, cursor) = self.hall.journal().by_message(selector, page);
        let render = |entries: Vec<&Entry>| entries.into_iter().map(Entry::render).collect();
        (groups.into_iter().map(|(id, entries)| (id, render(entries))).collect(), cursor)
    }

    /// Whether a message has entered a state, as far as the log goes back.
    pub fn has_entered(&self, message: &str, state: &LogState) -> bool {
        self.hall.journal().has_entered(message, state)
    }
}
