//! What the broker wants kept, and the form in which it is.

use std::sync::Arc;

use bytes::Bytes;
use qstash_types::{FlowControlKey, QueueName, ScheduleId, UrlGroupName};
use serde::{Deserialize, Serialize};

use super::{
    AttemptEnd, Cursor, Definition, Fingerprint, FlowState, QueueState, Run, Slot, StoredMessage, Time,
    UrlGroup, Window, form,
};

/// How one thing stands that the broker remembers. It takes the place of an earlier record with the same key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(pub(crate) Kept);

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RecordKey(pub(crate) Key);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Kept {
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
pub(crate) enum Key {
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
pub(crate) struct KeptMessage {
    /// How many messages were accepted before.
    pub(crate) number: u64,
    #[serde(serialize_with = "form::write_message", deserialize_with = "form::read_message")]
    pub(crate) message: Arc<StoredMessage>,
    /// The slot that a callback has taken together with the message that it reports about.
    pub(crate) slot: Option<Slot>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Of the message.
    pub(crate) number: u64,
    pub(crate) retried: u32,
    /// When the next attempt is due, or was.
    pub(crate) due: Time,
    pub(crate) cancelled: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptDeadLetter {
    pub(crate) key: Cursor,
    #[serde(serialize_with = "form::write_message", deserialize_with = "form::read_message")]
    pub(crate) message: Arc<StoredMessage>,
    #[serde(
        rename = "outcome",
        serialize_with = "form::write_attempt_end",
        deserialize_with = "form::read_attempt_end"
    )]
    pub(crate) end: Arc<AttemptEnd>,
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
            Kept::Message(kept) => [kept.message.terms.body.clone(), Bytes::new()],
            Kept::DeadLetter(kept) => {
                let response = kept.end.response().map(|response| response.body.clone());
                [kept.message.terms.body.clone(), response.unwrap_or_default()]
            }
            Kept::Schedule(_, definition) => [definition.publication.body.clone(), Bytes::new()],
            _ => [Bytes::new(), Bytes::new()],
        }
    }

    /// The record with its bodies, after it was read without them.
    pub fn with_bodies(mut self, [body, response_body]: [Bytes; 2]) -> Self {
        match &mut self.0 {
            Kept::Message(kept) => Arc::make_mut(&mut kept.message).terms.body = body,
            Kept::DeadLetter(kept) => {
                Arc::make_mut(&mut kept.message).terms.body = body;
                if let AttemptEnd::Answered(response) = Arc::make_mut(&mut kept.end) {
                    response.body = response_body;
                }
            }
            Kept::Schedule(_, definition) => definition.publication.body = body,
            _ => {}
        }
        self
    }
}
