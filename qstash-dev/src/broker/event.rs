//! What the broker is told, and what it wants done.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use qstash_types::{DlqId, MessageId, Url};

use super::{Answer, Command, Entry, Message, Millis, Refused};

/// Something that happens to the broker.
#[derive(Debug)]
pub enum Event {
    /// Somebody calls the API, and waits for the answer.
    Call {
        /// Which call [`Effect::Answer`] is to answer.
        call: CallId,
        /// What is wanted.
        command: Box<Command>,
    },
    /// An attempt has ended. An attempt that the broker has given up already is ignored.
    AttemptEnded {
        /// Which one.
        attempt: AttemptId,
        /// How.
        outcome: Outcome,
    },
    /// Time has passed, and nothing else has happened.
    Due,
}

/// Something that must be done, in the order in which the broker says so.
#[derive(Debug)]
pub enum Effect {
    /// Must not be lost once a later effect is carried out. A worker without a disk has nothing to do: the broker
    /// itself remembers.
    Keep(Record),
    /// Answers an API call.
    Answer {
        /// The call.
        call: CallId,
        /// The answer.
        answer: Result<Answer, Refused>,
    },
    /// Starts an attempt; [`Event::AttemptEnded`] tells the broker how it went.
    Deliver(Delivery),
    /// Stops an attempt, which has taken too long; its outcome is of no interest any more.
    Abandon(AttemptId),
    /// A line for whoever watches.
    Log(Entry),
}

/// A call of the API that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId(pub u64);

/// An attempt to deliver a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptId(pub u64);

/// A request to send to a destination.
#[derive(Clone)]
pub struct Delivery {
    /// The attempt that this is.
    pub attempt: AttemptId,
    /// The message.
    pub message: MessageId,
    /// Where to, byte for byte.
    pub url: Url,
    /// The method.
    pub method: Method,
    /// Every header but the signature.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The id of the token that signs the request.
    pub token_id: String,
}

impl fmt::Debug for Delivery {
    /// Leaves out headers and body: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("attempt", &self.attempt)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The destination answered.
    Answered(Response),
    /// It did not; this is why.
    Failed(String),
}

/// What a destination answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, perhaps cut off.
    pub body: Bytes,
}

impl Outcome {
    /// The response, if there was one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Outcome::Answered(response) => Some(response),
            Outcome::Failed(_) => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Answered(response) => write!(f, "the destination answered {}", response.status.as_u16()),
            Outcome::Failed(reason) => f.write_str(reason),
        }
    }
}

/// A step in the life of a message, or another change of what the broker remembers. All records, in order, say how
/// everything stands.
#[derive(Debug)]
pub enum Record {
    /// The message was accepted.
    Accepted(Arc<Message>),
    /// An attempt failed, and another one follows.
    Waiting {
        /// The message.
        message: MessageId,
        /// How many attempts it has had.
        retried: u32,
        /// When the next one is due.
        due: Millis,
    },
    /// The message was delivered.
    Delivered(MessageId),
    /// The message failed for good, and is in the dead letter queue now.
    Dead {
        /// The message.
        message: MessageId,
        /// The entry that it has become.
        dlq_id: DlqId,
        /// How its last attempt ended.
        outcome: Arc<Outcome>,
    },
    /// The message was cancelled. An attempt that is running may still deliver it.
    Cancelled(MessageId),
    /// A dead letter is on its way again, and no longer in the dead letter queue.
    Revived(DlqId),
    /// Something else than a message has changed, as this command says.
    Changed(Box<Command>),
}
