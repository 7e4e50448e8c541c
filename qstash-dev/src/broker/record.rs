//! What the broker wants kept, and the form in which it is.

use std::sync::Arc;

use bytes::Bytes;
use qstash_types::{FlowControlKey, MessageId, QueueName, ScheduleId, UrlGroupName};
use serde::{Deserialize, Serialize};

use super::{
    Cursor, Message, Millis, Outcome,
    deduplication::Fingerprint,
    flow_control::FlowState,
    kept,
    queues::{QueueState, Slot},
    schedules::{Definition, Run},
    url_groups::UrlGroup,
};

/// How one thing stands that the broker remembers. It takes the place of an earlier record with the same key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(pub(super) Kept);

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RecordKey(pub(super) Key);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Kept {
    /// A message that has not come to its end, as it was accepted.
    Message(KeptMessage),
    /// How far it has come, unless it waits for its first attempt.
    Progress(Progress),
    DeadLetter(KeptDeadLetter),
    Window(Window),
    Queue(QueueName, QueueState),
    UrlGroup(UrlGroupName, Box<UrlGroup>),
    Schedule(ScheduleId, Box<Definition>),
    /// What has become of the schedule so far.
    Run(ScheduleId, Run),
    FlowControl(FlowControlKey, FlowState),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(super) enum Key {
    Message(u64),
    Progress(u64),
    DeadLetter(Cursor),
    Window(Fingerprint),
    Queue(QueueName),
    UrlGroup(UrlGroupName),
    Schedule(ScheduleId),
    Run(ScheduleId),
    FlowControl(FlowControlKey),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptMessage {
    /// How many messages were accepted before.
    pub(super) number: u64,
    #[serde(serialize_with = "kept::write_message", deserialize_with = "kept::read_message")]
    pub(super) message: Arc<Message>,
    /// The slot that a callback has taken together with the message that it reports about.
    pub(super) slot: Option<Slot>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Of the message.
    pub(super) number: u64,
    pub(super) retried: u32,
    /// When the next attempt is due, or was.
    pub(super) due: Millis,
    pub(super) cancelled: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptDeadLetter {
    pub(super) key: Cursor,
    #[serde(serialize_with = "kept::write_message", deserialize_with = "kept::read_message")]
    pub(super) message: Arc<Message>,
    #[serde(serialize_with = "kept::write_outcome", deserialize_with = "kept::read_outcome")]
    pub(super) outcome: Arc<Outcome>,
}

/// A deduplication window that is open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) fingerprint: Fingerprint,
    pub(super) first: MessageId,
    pub(super) closes: Millis,
}

impl Record {
    /// What the record is about.
    pub fn key(&self) -> RecordKey {
        RecordKey(match &self.0 {
            Kept::Message(kept) => Key::Message(kept.number),
            Kept::Progress(progress) => Key::Progress(progress.number),
            Kept::DeadLetter(kept) => Key::DeadLetter(kept.key),
            Kept::Window(window) => Key::Window(window.fingerprint.clone()),
            Kept::Queue(name, _) => Key::Queue(name.clone()),
            Kept::UrlGroup(name, _) => Key::UrlGroup(name.clone()),
            Kept::Schedule(id, _) => Key::Schedule(id.clone()),
            Kept::Run(id, _) => Key::Run(id.clone()),
            Kept::FlowControl(key, _) => Key::FlowControl(key.clone()),
        })
    }

    /// The body of the message and that of the response, which the serialised form leaves out.
    pub fn bodies(&self) -> [Bytes; 2] {
        match &self.0 {
            Kept::Message(kept) => [kept.message.body.clone(), Bytes::new()],
            Kept::DeadLetter(kept) => {
                let response = kept.outcome.response().map(|response| response.body.clone());
                [kept.message.body.clone(), response.unwrap_or_default()]
            }
            Kept::Schedule(_, definition) => [definition.publication.body.clone(), Bytes::new()],
            _ => [Bytes::new(), Bytes::new()],
        }
    }

    /// The record with its bodies, after it was read without them.
    pub fn with_bodies(mut self, [body, response_body]: [Bytes; 2]) -> Self {
        match &mut self.0 {
            Kept::Message(kept) => Arc::make_mut(&mut kept.message).body = body,
            Kept::DeadLetter(kept) => {
                Arc::make_mut(&mut kept.message).body = body;
                if let Outcome::Answered(response) = Arc::make_mut(&mut kept.outcome) {
                    response.body = response_body;
                }
            }
            Kept::Schedule(_, definition) => definition.publication.body = body,
            _ => {}
        }
        self
    }
}
