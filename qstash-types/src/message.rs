//! Messages as the API shows them.

use std::{
    fmt,
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    DlqId, EndpointName, FlowControlKey, Headers, Label, MessageId, QueueName, ScheduleId, UrlGroupName,
    duration::optional_seconds,
    timestamp::{optional_unix_millis, unix_millis},
    tolerant, without_secrets,
};

/// A message as `GET /v2/messages/{id}` and the dead letter queue show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MessageRecord {
    /// The message's id.
    pub message_id: MessageId,
    /// Where the message goes.
    pub url: String,
    /// The URL group that it was published to.
    #[serde(rename = "topicName", default, deserialize_with = "crate::id::optional")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_group: Option<UrlGroupName>,
    /// The endpoint's name inside the URL group.
    #[serde(rename = "endpointName", default, deserialize_with = "crate::id::optional")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointName>,
    /// The method of the delivery.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub method: String,
    /// The headers that are delivered.
    #[serde(rename = "header", default)]
    pub headers: Headers,
    /// The body. On the wire it is `body` when it is UTF-8, else `bodyBase64`.
    #[serde(flatten, with = "body")]
    pub body: Bytes,
    /// How many attempts may follow the first one.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub max_retries: u32,
    /// The expression for the wait before a retry, as it was given.
    #[serde(rename = "retryDelayExpression", default, deserialize_with = "tolerant::text")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<String>,
    /// The earliest time of the first attempt.
    #[serde(default, with = "optional_unix_millis", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<SystemTime>,
    /// When the message was accepted.
    #[serde(with = "unix_millis")]
    pub created_at: SystemTime,
    /// The callback URL.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// The headers of the callback.
    #[serde(rename = "callbackHeader", default, skip_serializing_if = "Headers::is_empty")]
    pub callback_headers: Headers,
    /// The failure-callback URL.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub failure_callback: Option<String>,
    /// The headers of the failure callback.
    #[serde(rename = "failureCallbackHeader", default, skip_serializing_if = "Headers::is_empty")]
    pub failure_callback_headers: Headers,
    /// The queue that the message goes through.
    #[serde(rename = "queueName", default, deserialize_with = "crate::id::optional")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueName>,
    /// The schedule that produced the message.
    #[serde(default, deserialize_with = "crate::id::optional", skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<ScheduleId>,
    /// The address that the message was published from.
    #[serde(flatten, with = "tolerant::caller_ip")]
    pub caller_ip: Option<String>,
    /// The first label. Servers that know only one label send this field alone.
    #[serde(default, deserialize_with = "crate::id::optional", skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// All labels.
    #[serde(default, deserialize_with = "tolerant::labels", skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// The flow-control key.
    #[serde(default, deserialize_with = "crate::id::optional", skip_serializing_if = "Option::is_none")]
    pub flow_control_key: Option<FlowControlKey>,
    /// The flow-control limit on deliveries at the same time.
    #[serde(default, deserialize_with = "tolerant::limit", skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<NonZeroU32>,
    /// The flow-control limit on deliveries in each period.
    #[serde(default, deserialize_with = "tolerant::limit", skip_serializing_if = "Option::is_none")]
    pub rate: Option<NonZeroU32>,
    /// The flow-control period, in whole seconds.
    #[serde(default, with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub period: Option<Duration>,
}

impl MessageRecord {
    /// A record of which nothing else is known.
    pub fn new(message_id: MessageId, url: impl Into<String>, created_at: SystemTime) -> Self {
        Self {
            message_id,
            url: url.into(),
            url_group: None,
            endpoint: None,
            method: String::new(),
            headers: Headers::default(),
            body: Bytes::new(),
            max_retries: 0,
            retry_delay: None,
            not_before: None,
            created_at,
            callback: None,
            callback_headers: Headers::default(),
            failure_callback: None,
            failure_callback_headers: Headers::default(),
            queue: None,
            schedule_id: None,
            caller_ip: None,
            label: None,
            labels: Vec::new(),
            flow_control_key: None,
            parallelism: None,
            rate: None,
            period: None,
        }
    }
}

impl fmt::Debug for MessageRecord {
    /// Leaves out body, headers, and the secret parts of the URL: all may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRecord")
            .field("message_id", &self.message_id)
            .field("url", &without_secrets(&self.url))
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// An entry of the dead letter queue: a message that has failed for good, and the last response to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DeadLetter {
    /// The entry's id.
    pub dlq_id: DlqId,
    /// The message.
    #[serde(flatten)]
    pub message: MessageRecord,
    /// The status of the last response; absent when no response came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_status: Option<u16>,
    /// The headers of the last response.
    #[serde(rename = "responseHeader", default, skip_serializing_if = "Headers::is_empty")]
    pub response_headers: Headers,
    /// The body of the last response. On the wire it is `responseBody` when it is UTF-8, else `responseBodyBase64`.
    #[serde(flatten, with = "response_body")]
    pub response_body: Bytes,
}

impl DeadLetter {
    /// An entry for a message that got no response.
    pub fn new(dlq_id: DlqId, message: MessageRecord) -> Self {
        Self {
            dlq_id,
            message,
            response_status: None,
            response_headers: Headers::default(),
            response_body: Bytes::new(),
        }
    }
}

impl fmt::Debug for DeadLetter {
    /// Leaves out headers and body of the response: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("dlq_id", &self.dlq_id)
            .field("message", &self.message)
            .field("response_status", &self.response_status)
            .finish_non_exhaustive()
    }
}

/// Bytes that stand in one of two fields: one for text, one for base64. Neither is there for an empty body.
macro_rules! text_or_base64 {
    ($module:ident, $text:literal, $base64:literal) => {
        pub(crate) mod $module {
            use bytes::Bytes;
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            #[derive(Serialize, Deserialize)]
            struct Fields {
                #[serde(rename = $text, default, skip_serializing_if = "Option::is_none")]
                text: Option<String>,
                #[serde(rename = $base64, default, skip_serializing_if = "Option::is_none")]
                base64: Option<String>,
            }

            pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
                let fields = match str::from_utf8(bytes) {
                    Ok("") => Fields { text: None, base64: None },
                    Ok(text) => Fields { text: Some(text.to_owned()), base64: None },
                    Err(_) => Fields { text: None, base64: Some(crate::base64_bytes::encode(bytes)) },
                };
                fields.serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
                let Fields { text, base64 } = Fields::deserialize(deserializer)?;
                match base64.filter(|base64| !base64.is_empty()) {
                    Some(base64) => {
                        crate::base64_bytes::decode(base64.as_bytes()).map_err(serde::de::Error::custom)
                    }
                    None => Ok(text.unwrap_or_default().into()),
                }
            }
        }
    };
}

text_or_base64!(body, "body", "bodyBase64");
text_or_base64!(response_body, "responseBody", "responseBodyBase64");
