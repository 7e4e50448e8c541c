//! A batch on the wire: a document of messages, and a document of answers.

use std::mem;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use memchr::memchr2_iter;
use qstash_types::{HeaderSink, HeaderText, InvalidHeader, QueueName};
use serde::Serialize;
use serde_json::Value;

use super::BatchLimits;
use crate::{
    Published,
    error::{Fault, InvalidInput},
    message::MessageParts,
    observe::{Created, Facts, TraceHeaders},
    published::Plain,
    request::{Call, Repeat},
};

/// Messages that go into one call, and the body of that call as far as it is written.
#[derive(Default)]
pub(crate) struct Batch {
    #[expect(clippy::vec_box, reason = "they come and go one by one, and are large")]
    pub(crate) messages: Vec<Box<MessageParts>>,
    /// Items, each with a comma before it. The last one may still wait for its message to be kept.
    document: Vec<u8>,
    /// Where the last item starts.
    last: usize,
    /// How many messages there will be, as far as that can be guessed.
    likely_messages: usize,
    facts: Facts,
}

impl Batch {
    /// A batch that is likely to have so many messages.
    pub(crate) fn of(likely_messages: usize) -> Self {
        Self { likely_messages, ..Self::default() }
    }

    /// Writes the item of a message. When the message has a mistake, the document is left as it was.
    pub(crate) fn write(
        &mut self,
        message: &mut MessageParts,
        trace: &TraceHeaders,
    ) -> Result<(), InvalidInput> {
        self.last = self.document.len();
        // The item has a field for the queue; the header of the same meaning is for schedules.
        let queue = message.options.queue.take();
        let written = write_item(message, queue.as_ref(), trace, &mut self.document);
        message.options.queue = queue;
        if written.is_err() {
            self.document.truncate(self.last);
        }
        written
    }

    /// Adds the message whose item was written last. Returns the batch that is full now, if one is.
    pub(crate) fn keep(
        &mut self,
        message: Box<MessageParts>,
        created: Created,
        limits: BatchLimits,
    ) -> Option<Self> {
        if self.last > 0 && self.document.len() > limits.bytes {
            let mut next = Self { document: self.document.split_off(self.last), ..Self::default() };
            next.messages.push(message);
            next.facts.add(created);
            return Some(mem::replace(self, next));
        }
        if self.messages.is_empty() {
            // The messages of a batch are mostly of one kind.
            let likely_length = self.document.len().saturating_mul(self.likely_messages).min(limits.bytes);
            self.document.reserve(likely_length);
            self.messages.reserve(self.likely_messages.min(limits.messages));
        }
        self.messages.push(message);
        self.facts.add(created);
        let full = self.messages.len() >= limits.messages || self.document.len() >= limits.bytes;
        if full { self.take() } else { None }
    }

    /// The messages so far, if there are any.
    pub(crate) fn take(&mut self) -> Option<Self> {
        if self.messages.is_empty() {
            return None;
        }
        let next = Self::of(self.messages.len());
        Some(mem::replace(self, next))
    }

    /// The call that carries the messages. It can be made once.
    pub(crate) fn call(&mut self) -> Call {
        let mut document = mem::take(&mut self.document);
        document[0] = b'[';
        document.push(b']');
        let call =
            Call::new(Method::POST, &["batch"]).document(document.into()).facts(mem::take(&mut self.facts));
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
    trace: &TraceHeaders,
    document: &mut Vec<u8>,
) -> Result<(), InvalidInput> {
    let body = str::from_utf8(&message.body)
        .map_err(|fault| InvalidInput::new("body", format!("a batch carries text alone: {fault}")))?;
    document.extend_from_slice(br#",{"destination":"#);
    write_text(document, message.destination.as_str());
    if let Some(queue) = queue {
        document.extend_from_slice(br#","queue":"#);
        write_text(document, queue.as_str());
    }
    document.extend_from_slice(br#","headers":{"#);
    let mut headers = Headers { document, is_first: true };
    let written = if has_one_value_each(message) {
        message.options.write_to(&mut headers).and_then(|()| trace.write_to(message, &mut headers))
    } else {
        let mut map = message.to_headers()?;
        trace.write_to(message, &mut map).and_then(|()| headers.write(&map))
    };
    written.map_err(|fault| InvalidInput::new("header", fault))?;
    document.push(b'}');
    if !body.is_empty() {
        document.extend_from_slice(br#","body":"#);
        write_text(document, body);
    }
    document.push(b'}');
    Ok(())
}

/// Whether the options alone say what the headers are, each with one value, and there are not too many of them.
fn has_one_value_each(message: &MessageParts) -> bool {
    let callbacks = [&message.options.callback, &message.options.failure_callback];
    let settings = callbacks.into_iter().flatten().map(|callback| &callback.settings);
    let mut forwarded = settings.chain([&message.options.settings]).map(|settings| &settings.forward);
    message.headers.is_empty()
        && forwarded.all(|headers| headers.len() == headers.keys_len() && headers.len() < 1000)
}

/// The headers of an item: an object of names with one text each.
struct Headers<'a> {
    document: &'a mut Vec<u8>,
    is_first: bool,
}

impl Headers<'_> {
    /// Several values of a name become one, which means the same in HTTP.
    fn write(&mut self, headers: &HeaderMap) -> Result<(), InvalidHeader> {
        for name in headers.keys() {
            let values: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            self.begin("", name)?;
            write_text(self.document, utf8(name, &values.join(&b", "[..]))?);
        }
        Ok(())
    }

    /// Writes a name, which has no character that JSON escapes.
    fn begin(&mut self, prefix: &str, name: &HeaderName) -> Result<(), InvalidHeader> {
        if prefix.len() + name.as_str().len() > LONGEST_NAME {
            return Err(InvalidHeader::new(name, &"the name is too long"));
        }
        self.document.extend_from_slice(if self.is_first { b"\"" } else { b",\"" });
        self.is_first = false;
        self.document.extend_from_slice(prefix.as_bytes());
        self.document.extend_from_slice(name.as_str().as_bytes());
        self.document.extend_from_slice(b"\":");
        Ok(())
    }
}

impl HeaderSink for Headers<'_> {
    fn put(&mut self, prefix: &str, name: &HeaderName, text: HeaderText<'_>) -> Result<(), InvalidHeader> {
        self.begin(prefix, name)?;
        match text {
            HeaderText::Text(text) if has(text, |byte| byte.is_ascii_control() && byte != b'\t') => {
                return Err(InvalidHeader::new(name, &"contains a control character"));
            }
            HeaderText::Text(text) => write_text(self.document, text),
            HeaderText::Number(number) => {
                self.document.push(b'"');
                write_json(self.document, &number);
                self.document.push(b'"');
            }
            HeaderText::Value(value) => write_text(self.document, utf8(name, value.as_bytes())?),
        }
        Ok(())
    }
}

/// The limit of the `http` crate.
const LONGEST_NAME: usize = u16::MAX as usize;

fn utf8<'a>(name: &HeaderName, value: &'a [u8]) -> Result<&'a str, InvalidHeader> {
    str::from_utf8(value)
        .map_err(|_| InvalidHeader::new(name, &"the value is not UTF-8, and a batch carries text alone"))
}

/// Whether a text has such a byte, by a loop without branches, which takes many bytes at a time.
fn has(text: &str, is_it: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |found, byte| found | is_it(byte))
}

fn write_json(document: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(document, value).expect("it is plain data, and a buffer takes everything");
}

/// Writes a JSON string.
fn write_text(document: &mut Vec<u8>, text: &str) {
    document.reserve(text.len() + 2);
    if !has(text, |byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        document.push(b'"');
        document.extend_from_slice(text.as_bytes());
        document.push(b'"');
        return;
    }
    // Control characters are rare. Quotes are not: most bodies are JSON themselves.
    if has(text, |byte| byte < b' ') {
        return write_json(document, text);
    }
    document.push(b'"');
    let (text, mut written) = (text.as_bytes(), 0);
    for place in memchr2_iter(b'"', b'\\', text) {
        document.extend_from_slice(&text[written..place]);
        document.push(b'\\');
        written = place;
    }
    document.extend_from_slice(&text[written..]);
    document.push(b'"');
}

/// What the server says about one message.
pub(crate) enum ItemReply {
    Accepted(Published),
    Refused(String),
    NotUnderstood(Fault),
}

/// Reads one answer per message.
pub(crate) fn answers(body: &[u8], expected: usize) -> Result<Vec<ItemReply>, Fault> {
    let replies = match serde_json::from_slice::<Vec<Plain>>(body) {
        Ok(receipts) => receipts.into_iter().map(|Plain(published)| ItemReply::Accepted(published)).collect(),
        // Not a list of plain receipts: some items were refused, or went to URL groups and have a list of receipts each.
        Err(_) => one_by_one(body)?,
    };
    if replies.len() != expected {
        return Err(Fault::AnswerCount { expected, found: replies.len() });
    }
    Ok(replies)
}

fn one_by_one(body: &[u8]) -> Result<Vec<ItemReply>, Fault> {
    let answers = match serde_json::from_slice(body)? {
        Value::Array(answers) => answers,
        single => vec![single],
    };
    Ok(answers.into_iter().map(answer).collect())
}

fn answer(answer: Value) -> ItemReply {
    let text = |field: &str| answer[field].as_str().filter(|text| !text.is_empty());
    if let (Some(why), None) = (text("error"), text("messageId")) {
        return ItemReply::Refused(why.to_owned());
    }
    Published::read(answer).map_or_else(ItemReply::NotUnderstood, ItemReply::Accepted)
}
