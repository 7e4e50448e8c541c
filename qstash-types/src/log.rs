//! The log of what happened to messages.

use std::{
    fmt,
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    EndpointName, FlowControlKey, Headers, Label, MessageId, QueueName, ScheduleId, UrlGroupName,
    base64_bytes,
    duration::{optional_millis, optional_seconds},
    timestamp::{optional_unix_millis, unix_millis},
    tolerant, without_secrets,
    words::words,
};

/// One line of the log: a message entered a state.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogEntry {
    /// When.
    #[serde(with = "unix_millis")]
    pub time: SystemTime,
    /// Which message.
    pub message_id: MessageId,
    /// The state that it entered.
    pub state: LogState,
    /// Where the message goes.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub url: String,
    /// The method of the delivery.
    #[serde(default, deserialize_with = "tolerant::or_default", skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The headers that are delivered.
    #[serde(rename = "header", default, skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
    /// The message's body.
    #[serde(default, with = "base64_bytes", skip_serializing_if = "Bytes::is_empty")]
    pub body: Bytes,
    /// Why the attempt failed, for [`LogState::Error`].
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the next attempt is due.
    #[serde(default, with = "optional_unix_millis", skip_serializing_if = "Option::is_none")]
    pub next_delivery_time: Option<SystemTime>,
    /// The URL group that the message was published to.
    #[serde(rename = "topicName", default, deserialize_with = "crate::id::optional")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_group: Option<UrlGroupName>,
    /// The endpoint's name inside the URL group.
    #[serde(rename = "endpointName", default, deserialize_with = "crate::id::optional")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointName>,
    /// The schedule that produced the message.
    #[serde(default, deserialize_with = "crate::id::optional", skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<ScheduleId>,
    /// The queue that the message goes through.
    #[serde(rename = "queueName", default, deserialize_with = "crate::id::optional")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueName>,
    /// The status of the response, for [`LogState::Error`]; absent when no response came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_status: Option<u16>,
    /// The headers of the response. Written under both spellings that are in use.
    #[serde(flatten, with = "response_headers")]
    pub response_headers: Option<Headers>,
    /// The body of the response.
    #[serde(default, with = "base64_bytes", skip_serializing_if = "Bytes::is_empty")]
    pub response_body: Bytes,
    /// The longest time that an attempt may take, in whole milliseconds.
    #[serde(default, with = "optional_millis", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// The callback URL.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// The headers of the callback.
    #[serde(default, skip_serializing_if = "Headers::is_empty")]
    pub callback_headers: Headers,
    /// The failure-callback URL.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub failure_callback: Option<String>,
    /// The headers of the failure callback.
    #[serde(default, skip_serializing_if = "Headers::is_empty")]
    pub failure_callback_headers: Headers,
    /// How many attempts may follow the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// The expression for the wait before a retry. Written under both spellings that are in use.
    #[serde(flatten, with = "retry_delay")]
    pub retry_delay: Option<String>,
    /// The first label.
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

impl LogEntry {
    /// An entry of which nothing else is known.
    pub fn new(time: SystemTime, message_id: MessageId, state: LogState) -> Self {
        Self {
            time,
            message_id,
            state,
            url: String::new(),
            method: String::new(),
            headers: Headers::default(),
            body: Bytes::new(),
            error: None,
            next_delivery_time: None,
            url_group: None,
            endpoint: None,
            schedule_id: None,
            queue: None,
            response_status: None,
            response_headers: None,
            response_body: Bytes::new(),
            timeout: None,
            callback: None,
            callback_headers: Headers::default(),
            failure_callback: None,
            failure_callback_headers: Headers::default(),
            max_retries: None,
            retry_delay: None,
            label: None,
            labels: Vec::new(),
            flow_control_key: None,
            parallelism: None,
            rate: None,
            period: None,
        }
    }
}

impl fmt::Debug for LogEntry {
    /// Leaves out bodies, headers, and the secret parts of the URL: all may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogEntry")
            .field("time", &self.time)
            .field("message_id", &self.message_id)
            .field("state", &self.state)
            .field("url", &without_secrets(&self.url))
            .field("response_status", &self.response_status)
            .finish_non_exhaustive()
    }
}

/// What the log says about one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MessageLog {
    /// Which message.
    pub message_id: MessageId,
    /// The states that it entered, the newest first.
    #[serde(rename = "events", default, deserialize_with = "tolerant::or_default")]
    pub entries: Vec<LogEntry>,
}

impl MessageLog {
    /// The entries of a message.
    pub fn new(message_id: MessageId, entries: Vec<LogEntry>) -> Self {
        Self { message_id, entries }
    }
}

/// A value that official SDKs look for under two names: written under both, read from either.
macro_rules! two_spellings {
    ($module:ident: $type:ty, $read:literal, $first:literal, $second:literal) => {
        mod $module {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            #[derive(Serialize, Deserialize)]
            struct Fields {
                #[serde(rename = $first, default, deserialize_with = $read)]
                #[serde(skip_serializing_if = "Option::is_none")]
                first: Option<$type>,
                #[serde(rename = $second, default, deserialize_with = $read)]
                #[serde(skip_serializing_if = "Option::is_none")]
                second: Option<$type>,
            }

            #[expect(clippy::ref_option, reason = "serde passes the field by reference")]
            pub(super) fn serialize<S: Serializer>(
                value: &Option<$type>,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                Fields { first: value.clone(), second: value.clone() }.serialize(serializer)
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Option<$type>, D::Error> {
                let Fields { first, second } = Fields::deserialize(deserializer)?;
                Ok(first.or(second))
            }
        }
    };
}

two_spellings!(response_headers: crate::Headers, "crate::tolerant::or_default", "responseHeader", "responseHeaders");
two_spellings!(retry_delay: String, "crate::tolerant::text", "retryDelayExpr", "retryDelayExpression");

words! {
    /// A state in the life of a message.
    LogState {
        /// Accepted.
        Created = "CREATED",
        /// An attempt is running.
        Active = "ACTIVE",
        /// Waiting for the next attempt.
        Retry = "RETRY",
        /// An attempt has failed.
        Error = "ERROR",
        /// The destination has taken the message.
        Delivered = "DELIVERED",
        /// Given up; the message is in the dead letter queue.
        Failed = "FAILED",
        /// Somebody asked to cancel it.
        CancelRequested = "CANCEL_REQUESTED",
        /// Cancelled. The wire has both spellings.
        Canceled = "CANCELED" | "CANCELLED",
        /// In filters alone: active, waiting for a retry, or in error.
        InProgress = "IN_PROGRESS",
    }
}
