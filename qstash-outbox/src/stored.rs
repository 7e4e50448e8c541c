//! A message as a row keeps it: a destination, header lines as they are sent, and a body.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use qstash_client::{
    Message,
    messages::MessageParts,
    types::{Deduplication, DeduplicationId, DeliveryOptions, Destination, Label, Start},
};

use crate::OutboxError;

/// What a row keeps of a message.
#[derive(Clone, PartialEq, Eq)]
#[expect(
    unnameable_types,
    missing_debug_implementations,
    reason = "a part of the trait that nobody else implements"
)]
pub struct StoredForm {
    /// A URL, or the name of a URL group.
    pub(crate) destination: String,
    /// Lines of `name: value`.
    pub(crate) headers: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// A row is not what this crate wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(&'static str);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the row cannot be read: {}", self.0)
    }
}

/// The text that is both the label and the deduplication id of a staged message. It has 128 random bits.
pub(crate) fn fresh_label() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    format!("outbox-{:032x}", u128::from_ne_bytes(bytes))
}

impl StoredForm {
    /// Writes a message that is staged at the time `now`.
    pub(crate) fn write(message: &Message, label: &str, now: SystemTime) -> Result<Self, OutboxError> {
        let mut parts = message.parts().map_err(|mistake| OutboxError::Message(mistake.clone()))?.clone();
        if parts.options.deduplication.is_some() {
            return Err(OutboxError::Deduplication);
        }
        parts.check().map_err(OutboxError::Message)?;
        if let Some(Start::After(delay)) = parts.options.start {
            // A time that the clock cannot tell is as far away on the day that the message is sent.
            parts.options.start = Some(now.checked_add(delay).map_or(Start::After(delay), Start::At));
        }
        // Labels that were written as a plain header are labels as well.
        let sent = parts.to_headers().map_err(OutboxError::Message)?;
        let mut labels = DeliveryOptions::from_headers(&sent).map(|read| read.labels).unwrap_or_default();
        labels.push(Label::new(label).expect("hexadecimal digits are a legal label"));
        parts.options.labels = labels;
        let id = DeduplicationId::new(label).expect("hexadecimal digits are a legal id");
        parts.options.deduplication = Some(Deduplication::Id(id));
        parts.check().map_err(OutboxError::Message)?;
        Ok(Self {
            destination: parts.destination.as_str().to_owned(),
            headers: lines(&parts.to_headers().map_err(OutboxError::Message)?),
            body: parts.body.to_vec(),
        })
    }

    /// Makes the message again.
    pub(crate) fn read(self) -> Result<MessageParts, Unreadable> {
        let destination = Destination::received(&self.destination).map_err(|_| Unreadable("destination"))?;
        let mut headers = header_map(&self.headers).ok_or(Unreadable("headers"))?;
        let options = DeliveryOptions::from_headers(&headers).map_err(|_| Unreadable("headers"))?;
        if !matches!(options.deduplication, Some(Deduplication::Id(_))) {
            return Err(Unreadable("there is no deduplication id"));
        }
        for name in options.to_headers().map_err(|_| Unreadable("headers"))?.keys() {
            headers.remove(name);
        }
        let message = Message::to(destination);
        let mut parts = message.parts().map_err(|_| Unreadable("destination"))?.clone();
        parts.body = Bytes::from(self.body);
        parts.options = options;
        parts.headers = headers;
        Ok(parts)
    }
}

fn lines(headers: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in headers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        // Has no line break.
        lines.extend_from_slice(value.as_bytes());
        lines.push(b'\n');
    }
    lines
}

fn header_map(lines: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let mut value = HeaderValue::from_bytes(line[colon + 1..].strip_prefix(b" ")?).ok()?;
        // Such values are often credentials.
        value.set_sensitive(true);
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
}

#[cfg(test)]
mod tests;
