//! A batch on the wire: a document of messages, and a document of answers.

use std::{borrow::Cow, mem, str::Utf8Error};

use http::{HeaderMap, HeaderName, Method};
use qstash_types::QueueName;
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap},
};
use serde_json::Value;

use super::BatchLimits;
use crate::{
    InvalidInput, Published,
    error::Fault,
    message::MessageParts,
    request::{Call, Repeat},
};

/// Messages that go into one call, and the body of that call as far as it is written.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<MessageParts>,
    /// Items, each with a comma before it. The last one may still wait for its message to be kept.
    document: Vec<u8>,
    /// Where the last item starts.
    last: usize,
}

impl Batch {
    /// Writes the item of a message. The document is as before when the message has a mistake.
    pub(crate) fn write(&mut self, message: &mut MessageParts) -> Result<(), InvalidInput> {
        self.last = self.document.len();
        // The item has a field for the queue; the header of the same meaning is for schedules.
        let queue = message.options.queue.take();
        let written = write_item(message, queue.as_ref(), &mut self.document);
        message.options.queue = queue;
        if written.is_err() {
            self.document.truncate(self.last);
        }
        written
    }

    /// Keeps the message whose item was written last, and gives out the batch that is full by then, if one is.
    pub(crate) fn keep(&mut self, message: MessageParts, limits: BatchLimits) -> Option<Self> {
        if self.last > 0 && self.document.len() > limits.bytes {
            let document = self.document.split_off(self.last);
            return Some(mem::replace(self, Self { messages: vec![message], document, last: 0 }));
        }
        self.messages.push(message);
        let full = self.messages.len() >= limits.messages || self.document.len() >= limits.bytes;
        if full { self.take() } else { None }
    }

    /// The messages so far, if there are any.
    pub(crate) fn take(&mut self) -> Option<Self> {
        (!self.messages.is_empty()).then(|| mem::take(self))
    }

    /// The call that carries the messages. It can be made once.
    pub(crate) fn call(&mut self) -> Call {
        let mut document = mem::take(&mut self.document);
        document[0] = b'[';
        document.push(b']');
        let call = Call::new(Method::POST, &["batch"]).document(document.into());
        // An item can be repeated if it is deduplicated; the whole, if every item can.
        if self.messages.iter().all(|message| message.options.deduplication.is_some()) {
            call
        } else {
            call.repeat(Repeat::UnlessDone)
        }
    }
}

fn write_item(
    message: &MessageParts,
    queue: Option<&QueueName>,
    document: &mut Vec<u8>,
) -> Result<(), InvalidInput> {
    #[derive(Serialize)]
    struct Item<'a> {
        destination: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        queue: Option<&'a QueueName>,
        #[serde(serialize_with = "headers")]
        headers: &'a HeaderMap,
        #[serde(skip_serializing_if = "str::is_empty")]
        body: &'a str,
    }

    let body = str::from_utf8(&message.body)
        .map_err(|fault| InvalidInput::new("body", format!("a batch carries text alone: {fault}")))?;
    let headers = message.to_headers()?;
    document.push(b',');
    let item = Item { destination: message.destination.as_str(), queue, headers: &headers, body };
    serde_json::to_writer(document, &item).map_err(|fault| InvalidInput::new("header", fault))
}

/// Writes a header map as names with one text each.
fn headers<S: Serializer>(headers: &HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(headers.keys_len()))?;
    for name in headers.keys() {
        let text = joined(headers, name).map_err(|_| {
            S::Error::custom(format_args!("the value of {name} is not UTF-8, and a batch carries text alone"))
        })?;
        map.serialize_entry(name.as_str(), &text)?;
    }
    map.end()
}

/// The values of a header as one, which means the same in HTTP.
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Cow<'a, str>, Utf8Error> {
    let mut texts = headers.get_all(name).iter().map(|value| str::from_utf8(value.as_bytes()));
    let first = Cow::Borrowed(texts.next().transpose()?.unwrap_or_default());
    texts.try_fold(first, |joined, text| Ok(Cow::Owned(format!("{joined}, {}", text?))))
}

/// What the server says about one message.
pub(crate) enum Answer {
    Accepted(Published),
    Refused(String),
    NotUnderstood(Fault),
}

/// Reads one answer per message.
pub(crate) fn answers(body: &[u8], expected: usize) -> Result<Vec<Answer>, Fault> {
    let answers = match serde_json::from_slice(body)? {
        Value::Array(answers) => answers,
        single => vec![single],
    };
    if answers.len() != expected {
        return Err(Fault::AnswerCount { expected, found: answers.len() });
    }
    Ok(answers.into_iter().map(answer).collect())
}

fn answer(answer: Value) -> Answer {
    let text = |field: &str| answer[field].as_str().filter(|text| !text.is_empty());
    if let (Some(why), None) = (text("error"), text("messageId")) {
        return Answer::Refused(why.to_owned());
    }
    Published::read(answer).map_or_else(Answer::NotUnderstood, Answer::Accepted)
}
