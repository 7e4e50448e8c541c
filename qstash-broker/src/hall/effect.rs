//! What the broker wants done.

use std::{convert::Infallible, fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method};
use qstash_types::{MessageId, Url};

use super::Entry;
use crate::state::{Record, RecordKey, Time};

/// Something that must be done, in the order in which the broker says so. Only a [call](crate::Broker::call) has an answer.
#[derive(Debug)]
pub enum Effect<A = Infallible> {
    /// Must not be lost once a later effect is carried out, in place of an earlier record with the same key. A worker
    /// without a disk has nothing to do: the broker itself remembers.
    Keep(Record),
    /// Need not be kept any longer.
    Forget(RecordKey),
    /// Answers the call.
    Answer(A),
    /// Starts an attempt; [`Event::AttemptEnded`](crate::Event::AttemptEnded) tells the broker how it went.
    Send(Box<Dispatch>),
    /// Stops an attempt that has timed out; its result is ignored.
    Abandon(AttemptId),
    /// Logs an entry.
    Log(Entry),
}

impl<A> Effect<A> {
    /// The same effect with another form of answer.
    pub fn map_answer<B>(self, map: impl FnOnce(A) -> B) -> Effect<B> {
        match self {
            Effect::Keep(record) => Effect::Keep(record),
            Effect::Forget(key) => Effect::Forget(key),
            Effect::Answer(answer) => Effect::Answer(map(answer)),
            Effect::Send(dispatch) => Effect::Send(dispatch),
            Effect::Abandon(attempt) => Effect::Abandon(attempt),
            Effect::Log(entry) => Effect::Log(entry),
        }
    }
}

impl Effect {
    /// Converts an effect that cannot be an answer, so that it fits into a list with effects that can.
    pub fn among<A>(self) -> Effect<A> {
        self.map_answer(|never| match never {})
    }
}

/// An attempt to deliver a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// A request to send to a destination.
#[derive(Clone)]
pub struct Dispatch {
    /// The attempt that this is.
    pub attempt: AttemptId,
    /// The message.
    pub message: MessageId,
    /// How many attempts have failed before.
    pub retried: u32,
    /// Since when the message has waited for it: its acceptance, or the end of the attempt before.
    pub since: Time,
    /// Since when it was to be sent.
    pub due: Time,
    /// Where to, byte for byte.
    pub url: Url,
    /// The method.
    pub method: Method,
    /// Every header but the signature and the region, which are those of the server.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The id of the token that signs the request.
    pub token_id: String,
    /// How long ago the message was accepted, on the broker's clock.
    pub age: Duration,
}

impl fmt::Debug for Dispatch {
    /// Leaves out headers and body: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatch")
            .field("attempt", &self.attempt)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
