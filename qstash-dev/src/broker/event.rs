//! What the broker is told, and what it wants done.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use qstash_types::{MessageId, Url};

use super::{Answer, Command, Entry, LONGEST_BODY, Record, RecordKey, Refused, options};

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
    /// Must not be lost once a later effect is carried out, in place of an earlier record with the same key. A worker
    /// without a disk has nothing to do: the broker itself remembers.
    Keep(Record),
    /// Need not be kept any longer.
    Forget(RecordKey),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// An attempt to deliver a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl Response {
    /// How much memory the headers and the body take up, more or less.
    pub(super) fn bytes(&self) -> usize {
        options::bytes(&self.headers) + self.body.len()
    }
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
            Outcome::Answered(response) => {
                write!(f, "the destination answered {}", response.status.as_u16())?;
                if response.body.len() < LONGEST_BODY {
                    return Ok(());
                }
                write!(f, ", and of its body no more than {LONGEST_BODY} bytes are kept")
            }
            Outcome::Failed(reason) => f.write_str(reason),
        }
    }
}
