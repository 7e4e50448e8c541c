//! The JSON of a callback in every shape that the service has sent.

use std::{fmt, time::SystemTime};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{
        self,
        value::{MapAccessDeserializer, StrDeserializer},
    },
};
use serde_json::Value;

use super::{Callback, FieldError, Kept};
use crate::{
    DlqId, EndpointName, Headers, MessageId, ScheduleId, UrlGroupName, base64_bytes, timestamp, tolerant,
};

impl<'de> Deserialize<'de> for Callback {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> de::Visitor<'de> for Object {
            type Value = Wire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the object of a callback")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Wire, A::Error> {
                Wire::deserialize(MapAccessDeserializer::new(map))
            }
        }

        // Derived code would also take an array, in the order of the fields below.
        deserializer.deserialize_map(Object).map(Self::from)
    }
}

impl From<Wire> for Callback {
    fn from(wire: Wire) -> Self {
        Self {
            status: wire.status.unwrap_or(0),
            headers: wire.header.named("header"),
            body: wire.body.named("body"),
            retried: wire.retried.unwrap_or(0),
            max_retries: wire.max_retries.unwrap_or(0),
            dlq_id: wire.dlq_id,
            source_message_id: wire.source_message_id.or(wire.misspelt_source_message_id),
            url_group: wire.topic_name,
            endpoint: wire.endpoint_name,
            url: wire.url.unwrap_or_default(),
            method: wire.method.unwrap_or_default(),
            source_headers: wire.source_header.named("sourceHeader"),
            source_body: wire.source_body.named("sourceBody"),
            not_before: wire.not_before.named("notBefore"),
            created_at: wire.created_at.named("createdAt"),
            schedule_id: wire.schedule_id,
            caller_ip: wire.caller_ip.or(wire.caller_ip_in_camel_case),
        }
    }
}

/// The JSON object, every field of it optional.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Wire {
    status: Option<u16>,
    header: Lenient<Headers>,
    body: Lenient<Bytes>,
    retried: Option<u32>,
    max_retries: Option<u32>,
    #[serde(deserialize_with = "usable_or_number")]
    dlq_id: Option<DlqId>,
    #[serde(deserialize_with = "usable")]
    source_message_id: Option<MessageId>,
    // A typing error of the documentation that some servers may have followed.
    #[serde(rename = "sourceMessasgeId", deserialize_with = "usable")]
    misspelt_source_message_id: Option<MessageId>,
    #[serde(deserialize_with = "usable")]
    topic_name: Option<UrlGroupName>,
    #[serde(deserialize_with = "usable")]
    endpoint_name: Option<EndpointName>,
    url: Option<String>,
    method: Option<String>,
    source_header: Lenient<Headers>,
    source_body: Lenient<Bytes>,
    not_before: Lenient<Option<SystemTime>>,
    created_at: Lenient<Option<SystemTime>>,
    #[serde(deserialize_with = "usable")]
    schedule_id: Option<ScheduleId>,
    #[serde(rename = "callerIP", deserialize_with = "tolerant::text")]
    caller_ip: Option<String>,
    #[serde(rename = "callerIp", deserialize_with = "tolerant::text")]
    caller_ip_in_camel_case: Option<String>,
}

/// A field whose mistakes are its own: the document around it still decodes.
struct Lenient<T>(Result<T, String>);

impl<T> Lenient<T> {
    fn named(self, field: &'static str) -> Kept<T> {
        self.0.map_err(|problem| FieldError::new(field, &problem))
    }
}

impl<T: Default> Default for Lenient<T> {
    fn default() -> Self {
        Self(Ok(T::default()))
    }
}

impl<'de> Deserialize<'de> for Lenient<Bytes> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text(Result<Bytes, base64_bytes::InvalidBase64>);

        impl<'de> Deserialize<'de> for Text {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                base64_bytes::read(deserializer).map(Self)
            }
        }

        let text = <Option<Text>>::deserialize(deserializer)?;
        Ok(text.map_or_else(Self::default, |Text(bytes)| Self(bytes.map_err(|error| error.to_string()))))
    }
}

impl<'de> Deserialize<'de> for Lenient<Headers> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Headers::read(deserializer).map(|headers| Self(headers.map_err(|error| error.to_string())))
    }
}

impl<'de> Deserialize<'de> for Lenient<Option<SystemTime>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Any value first, so that one of the wrong shape is consumed and the document goes on behind it.
        let value = Value::deserialize(deserializer)?;
        let time = timestamp::optional_unix_millis::deserialize(value);
        Ok(Self(time.map_err(|error| error.to_string())))
    }
}

/// Reads an optional id. One that cannot be used, such as `" "`, is none: the report around it counts more.
fn usable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    Ok(tolerant::text(deserializer)?.and_then(|text| id(&text)))
}

/// Like [`usable`], and takes a number for its digits: the documentation has shown this id without quotation marks.
fn usable_or_number<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    match Value::deserialize(deserializer)? {
        Value::Number(number) if number.is_u64() => Ok(id(&number.to_string())),
        value => usable(value).map_err(de::Error::custom),
    }
}

fn id<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<de::value::Error>::new(text)).ok()
}
