//! How each kind of record spells its delivery.

use std::num::NonZeroU32;

use bytes::Bytes;
use serde::{
    Deserialize,
    de::{self, value::StrDeserializer},
    ser::SerializeMap,
};

use super::DeliveryRecord;
use crate::{
    FlowControl, FlowControlKey, FlowLimits, Headers, Label, base64_bytes,
    record::{Codec, Fields, List, Members, Plain, WholeSeconds, record},
};

record! {
    MessageDelivery for DeliveryRecord {
        method: Plain("method"),
        headers: Plain("header"),
        body: Body(),
        retries: Plain("maxRetries"),
        retry_delay: Plain("retryDelayExpression"),
        callback: Plain("callback"),
        callback_headers: NotEmpty("callbackHeader"),
        failure_callback: Plain("failureCallback"),
        failure_callback_headers: NotEmpty("failureCallbackHeader"),
        queue: Plain("queueName"),
        labels: Labels(),
        flow_control: KeyAndLimits(),
    }
}

record! {
    ScheduleDelivery for DeliveryRecord {
        method: Plain("method"),
        headers: Plain("header"),
        body: Body(),
        retries: Plain("retries"),
        retry_delay: Plain("retryDelayExpression"),
        callback: Plain("callback"),
        callback_headers: NotEmpty("callbackHeader"),
        failure_callback: Plain("failureCallback"),
        failure_callback_headers: NotEmpty("failureCallbackHeader"),
        queue: Plain("queueName"),
        labels: Labels(),
        flow_control: KeyAndLimits(),
    }
}

record! {
    LogDelivery for DeliveryRecord {
        method: Plain("method"),
        headers: NotEmpty("header"),
        body: Base64("body"),
        retries: Plain("maxRetries"),
        retry_delay: RetryDelay(),
        callback: Plain("callback"),
        callback_headers: NotEmpty("callbackHeaders"),
        failure_callback: Plain("failureCallback"),
        failure_callback_headers: NotEmpty("failureCallbackHeaders"),
        queue: Plain("queueName"),
        labels: Labels(),
        flow_control: KeyAndLimits(),
    }
}

/// Bytes that stand in one of two fields: one for text, one for base64. Neither is there for an empty body.
macro_rules! text_or_base64 {
    ($($(#[$doc:meta])* $body:ident: $text:literal, $base64:literal;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $body;

        impl Members for $body {
            type Value = Bytes;

            const NAMES: &'static [&'static str] = &[$text, $base64];

            fn read<E: de::Error>(fields: &mut Fields) -> Result<Bytes, E> {
                let text: String = fields.read::<Plain, _>($text);
                let bytes: Bytes = fields.read::<crate::record::Base64, _>($base64);
                Ok(if bytes.is_empty() { text.into() } else { bytes })
            }

            fn write<M: SerializeMap>(bytes: &Bytes, map: &mut M) -> Result<(), M::Error> {
                match str::from_utf8(bytes) {
                    Ok("") => Ok(()),
                    Ok(text) => map.serialize_entry($text, text),
                    Err(_) => map.serialize_entry($base64, &base64_bytes::encode(bytes)),
                }
            }
        }
    )+};
}

text_or_base64! {
    Body: "body", "bodyBase64";
    /// The body of the last response to a dead letter.
    ResponseBody: "responseBody", "responseBodyBase64";
}

/// A value that official SDKs look for under two names: read from either, written under both.
macro_rules! two_spellings {
    ($($(#[$doc:meta])* $members:ident: $value:ty, $codec:ident, $first:literal, $second:literal;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $members;

        impl Members for $members {
            type Value = $value;

            const NAMES: &'static [&'static str] = &[$first, $second];

            fn read<E: de::Error>(fields: &mut Fields) -> Result<$value, E> {
                let first = fields.read::<crate::record::$codec, _>($first);
                let second = fields.read::<crate::record::$codec, $value>($second);
                Ok(if first == <$value>::default() { second } else { first })
            }

            fn write<M: SerializeMap>(value: &$value, map: &mut M) -> Result<(), M::Error> {
                crate::record::$codec::write(value, $first, map)?;
                crate::record::$codec::write(value, $second, map)
            }
        }
    )+};
}

two_spellings! {
    /// The headers of the response in a log entry.
    ResponseHeaders: Headers, NotEmpty, "responseHeader", "responseHeaders";
    RetryDelay: Option<String>, Plain, "retryDelayExpr", "retryDelayExpression";
}

/// The address of a publisher. Descriptions of the API have two spellings, and an answer may have both.
pub(crate) struct CallerIp;

impl Members for CallerIp {
    type Value = Option<String>;

    const NAMES: &'static [&'static str] = &["callerIP", "callerIp"];

    fn read<E: de::Error>(fields: &mut Fields) -> Result<Option<String>, E> {
        let usual: Option<String> = fields.read::<Plain, _>("callerIP");
        let other = fields.read::<Plain, _>("callerIp");
        Ok(usual.or(other))
    }

    fn write<M: SerializeMap>(address: &Option<String>, map: &mut M) -> Result<(), M::Error> {
        Plain::write(address, "callerIP", map)
    }
}

/// All labels, and the first one for clients that know only one.
struct Labels;

impl Members for Labels {
    type Value = Vec<Label>;

    const NAMES: &'static [&'static str] = &["label", "labels"];

    fn read<E: de::Error>(fields: &mut Fields) -> Result<Vec<Label>, E> {
        let one: Vec<Label> = fields.read::<Self, _>("label");
        let all: Vec<Label> = fields.read::<Self, _>("labels");
        Ok(if all.is_empty() { one } else { all })
    }

    fn write<M: SerializeMap>(labels: &Vec<Label>, map: &mut M) -> Result<(), M::Error> {
        if let Some(first) = labels.first() {
            map.serialize_entry("label", first)?;
        }
        <Self as Codec<_>>::write(labels, "labels", map)
    }
}

/// A text or a list of texts. In either, commas separate labels, as they do in the header that sets them.
impl Codec<Vec<Label>> for Labels {
    fn absent() -> Vec<Label> {
        Vec::new()
    }

    fn read(json: &str) -> Result<Vec<Label>, Vec<Label>> {
        let (texts, mut is_odd): (Vec<String>, bool) = if json.starts_with('"') {
            (vec![serde_json::from_str(json).map_err(|_| Vec::new())?], false)
        } else {
            match <List as Codec<_>>::read(json) {
                Ok(texts) => (texts, false),
                Err(texts) => (texts, true),
            }
        };
        let mut labels = Vec::new();
        for text in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
            if !text.is_empty() {
                let label = Label::deserialize(StrDeserializer::<de::value::Error>::new(text));
                label.map_or_else(|_| is_odd = true, |label| labels.push(label));
            }
        }
        if is_odd { Err(labels) } else { Ok(labels) }
    }

    fn write<M: SerializeMap>(labels: &Vec<Label>, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        if labels.is_empty() { Ok(()) } else { map.serialize_entry(name, labels) }
    }
}

/// The key, and beside it the limits.
struct KeyAndLimits;

impl Members for KeyAndLimits {
    type Value = Option<FlowControl>;

    const NAMES: &'static [&'static str] = &["flowControlKey", "parallelism", "rate", "period"];

    fn read<E: de::Error>(fields: &mut Fields) -> Result<Option<FlowControl>, E> {
        let key: Option<FlowControlKey> = fields.read::<Plain, _>("flowControlKey");
        let Some(key) = key else {
            for limit in &Self::NAMES[1..] {
                fields.leave(limit);
            }
            return Ok(None);
        };
        let limits = FlowLimits {
            parallelism: NonZeroU32::new(fields.read::<Plain, _>("parallelism")),
            rate: NonZeroU32::new(fields.read::<Plain, _>("rate")),
            period: fields.read::<WholeSeconds, _>("period"),
        };
        Ok(Some(FlowControl { key, limits }))
    }

    fn write<M: SerializeMap>(flow_control: &Option<FlowControl>, map: &mut M) -> Result<(), M::Error> {
        let Some(FlowControl { key, limits }) = flow_control else { return Ok(()) };
        let FlowLimits { parallelism, rate, period } = limits;
        map.serialize_entry("flowControlKey", key)?;
        Plain::write(parallelism, "parallelism", map)?;
        Plain::write(rate, "rate", map)?;
        WholeSeconds::write(period, "period", map)
    }
}
