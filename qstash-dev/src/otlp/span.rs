//! A span, as OTLP writes it in JSON.

use std::{borrow::Cow, num::NonZero};

use http::HeaderMap;
use qstash_broker::Time;
use qstash_types::{MessageId, TraceParent};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::nanoseconds;

/// The header in which a publisher says which span a message belongs to.
const TRACEPARENT: &str = "traceparent";

/// The trace that a message belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace {
    pub(super) id: NonZero<u128>,
    pub(super) parent: Option<NonZero<u64>>,
}

impl Trace {
    /// The trace that the forwarded headers name, or else one of the message's own. None if the publisher does not record it.
    pub(super) fn of(message: &MessageId, headers: &HeaderMap) -> Option<Self> {
        let mut named = headers.get_all(TRACEPARENT).iter();
        // Twice is not at all (W3C Trace Context, 3.2.1).
        let named = named.next().filter(|_| named.next().is_none()).and_then(|value| value.to_str().ok());
        match named.and_then(|text| text.parse::<TraceParent>().ok()) {
            Some(parent) => {
                parent.is_sampled().then_some(Self { id: parent.trace_id, parent: Some(parent.span_id) })
            }
            None => Some(Self { id: trace_id(message), parent: None }),
        }
    }
}

fn trace_id(message: &MessageId) -> NonZero<u128> {
    let [high, low] = [span_id(message, "trace, first half"), span_id(message, "trace, second half")];
    NonZero::new(u128::from(high.get()) << 64 | u128::from(low.get())).expect("neither half is zero")
}

/// The id of one span of a message, the same each time.
pub(super) fn span_id(message: &MessageId, what: &str) -> NonZero<u64> {
    let digest = Sha256::new().chain_update(message.as_str()).chain_update([0]).chain_update(what).finalize();
    let first = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    NonZero::new(first).unwrap_or(NonZero::<u64>::MIN)
}

/// What a span is to its parent, by its number in OTLP.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Internal = 1,
    Client = 3,
}

#[derive(Clone, Debug)]
pub(crate) struct Span {
    name: Cow<'static, str>,
    kind: Kind,
    trace: NonZero<u128>,
    id: NonZero<u64>,
    pub(super) parent: Option<NonZero<u64>>,
    pub(super) start: Time,
    pub(super) end: Time,
    attributes: Vec<Value>,
    /// What went wrong.
    failure: Option<String>,
}

/// The number of the status of a span that failed.
const ERROR: u8 = 2;

impl Span {
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        trace: NonZero<u128>,
        id: NonZero<u64>,
    ) -> Self {
        let mut span = Self {
            name: name.into(),
            kind,
            trace,
            id,
            parent: None,
            start: Time::default(),
            end: Time::default(),
            attributes: Vec::new(),
            failure: None,
        };
        span.text("messaging.system", "qstash");
        span
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.attributes.push(attribute(name, value));
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        // JSON has no integers of 64 bits, so that OTLP writes them as texts.
        self.attributes.push(json!({ "key": name, "value": { "intValue": value.to_string() } }));
    }

    pub(super) fn fail(&mut self, kind: &str, why: &str) {
        self.text("error.type", kind);
        self.failure = Some(why.to_owned());
    }

    pub(super) fn to_json(&self) -> Value {
        let mut json = json!({
            "traceId": format!("{:032x}", self.trace),
            "spanId": format!("{:016x}", self.id),
            "name": self.name,
            "kind": self.kind as u8,
            "startTimeUnixNano": nanoseconds(self.start).to_string(),
            "endTimeUnixNano": nanoseconds(self.end).to_string(),
            "attributes": self.attributes,
        });
        if let Some(parent) = self.parent {
            json["parentSpanId"] = format!("{parent:016x}").into();
        }
        if let Some(why) = &self.failure {
            json["status"] = json!({ "code": ERROR, "message": why });
        }
        json
    }
}

/// A name with a text, as OTLP writes it.
pub(super) fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}
