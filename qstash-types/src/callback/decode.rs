//! The JSON of a callback in every shape that the service has sent.

use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{Callback, FieldError, Kept};
use crate::{DlqId, EndpointName, Headers, MessageId, ScheduleId, UrlGroupName, base64_bytes, timestamp};

impl<'de> Deserialize<'de> for Callback {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Ok(Self {
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
            caller_ip: wire.caller_ip.or(wire.caller_ip_in_camel_case).filter(|address| !address.is_empty()),
        })
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
    #[serde(deserialize_with = "crate::id::optional")]
    dlq_id: Option<DlqId>,
    #[serde(deserialize_with = "crate::id::optional")]
    source_message_id: Option<MessageId>,
    // A typing error of the documentation that some servers may have followed.
    #[serde(rename = "sourceMessasgeId", deserialize_with = "crate::id::optional")]
    misspelt_source_message_id: Option<MessageId>,
    #[serde(deserialize_with = "crate::id::optional")]
    topic_name: Option<UrlGroupName>,
    #[serde(deserialize_with = "crate::id::optional")]
    endpoint_name: Option<EndpointName>,
    url: Option<String>,
    method: Option<String>,
    source_header: Lenient<Headers>,
    source_body: Lenient<Bytes>,
    not_before: Lenient<Option<SystemTime>>,
    created_at: Lenient<Option<SystemTime>>,
    #[serde(deserialize_with = "crate::id::optional")]
    schedule_id: Option<ScheduleId>,
    #[serde(rename = "callerIP")]
    caller_ip: Option<String>,
    #[serde(rename = "callerIp")]
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
        lenient::<_, Headers>(deserializer)
    }
}

impl<'de> Deserialize<'de> for Lenient<Option<SystemTime>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Lenient(time) = lenient::<_, Option<timestamp::Millis>>(deserializer)?;
        Ok(Self(time.map(|time| time.map(|timestamp::Millis(time)| time))))
    }
}

/// Reads any JSON value first, so that a value of the wrong shape is consumed and the document goes on behind it.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Lenient<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(Lenient(T::deserialize(value).map_err(|error| error.to_string())))
}
