//! The plain content of a callback, and its JSON.

use std::{fmt, time::SystemTime};

use bytes::Bytes;
use serde::Serialize;

use super::{Callback, FailureCallback, LazyHeaders};
use crate::{DlqId, EndpointName, Headers, MessageId, ScheduleId, UrlGroupName, base64_bytes, timestamp};

/// The plain content of a callback: what a server fills in and sends, or a test hands to a handler.
///
/// ```
/// use qstash_types::{Callback, CallbackParts};
///
/// let callback = Callback::from(CallbackParts { status: 503, retried: 3, max_retries: 3, ..Default::default() });
/// assert!(callback.is_last_attempt());
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallbackParts {
    /// The HTTP status of the attempt, 0 when no response came.
    pub status: u16,
    /// The headers of the response.
    #[serde(rename = "header")]
    pub headers: Headers,
    /// The body of the response.
    #[serde(with = "base64_bytes")]
    pub body: Bytes,
    /// How many attempts came before this one.
    pub retried: u32,
    /// How many attempts may follow the first one.
    pub max_retries: u32,
    /// The entry in the dead letter queue, on a failure callback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dlq_id: Option<DlqId>,
    /// The id of the message that was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_message_id: Option<MessageId>,
    /// The URL group that the message was published to.
    #[serde(rename = "topicName", skip_serializing_if = "Option::is_none")]
    pub url_group: Option<UrlGroupName>,
    /// The endpoint's name inside the URL group.
    #[serde(rename = "endpointName", skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointName>,
    /// The URL that the message was delivered to.
    pub url: String,
    /// The method of the delivery.
    pub method: String,
    /// The headers that the message was delivered with.
    #[serde(rename = "sourceHeader")]
    pub source_headers: Headers,
    /// The body of the message that was delivered.
    #[serde(with = "base64_bytes")]
    pub source_body: Bytes,
    /// The earliest time of the first attempt.
    #[serde(with = "timestamp::optional_unix_millis", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<SystemTime>,
    /// When the message was accepted.
    #[serde(with = "timestamp::optional_unix_millis", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<SystemTime>,
    /// The schedule that produced the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<ScheduleId>,
    /// The address that the message was published from.
    #[serde(rename = "callerIP", skip_serializing_if = "Option::is_none")]
    pub caller_ip: Option<String>,
}

impl CallbackParts {
    /// The body of the request by which QStash reports this, for a test that hands it to a handler.
    ///
    /// ```
    /// use qstash_types::{Callback, CallbackParts};
    ///
    /// let parts = CallbackParts { status: 200, body: "{\"pages\":3}".into(), ..Default::default() };
    /// let callback = Callback::from_json(&parts.to_json())?;
    /// assert_eq!(callback.text()?, r#"{"pages":3}"#);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Bytes {
        serde_json::to_vec(self).expect("texts and numbers serialise").into()
    }
}

impl fmt::Debug for CallbackParts {
    /// Shows what the [`Callback`] shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Callback::from(self.clone()).fmt(f)
    }
}

impl From<CallbackParts> for Callback {
    fn from(parts: CallbackParts) -> Self {
        Self {
            status: parts.status,
            headers: LazyHeaders::of("header", Ok(parts.headers)),
            body: Ok(parts.body),
            retried: parts.retried,
            max_retries: parts.max_retries,
            dlq_id: parts.dlq_id,
            source_message_id: parts.source_message_id,
            url_group: parts.url_group,
            endpoint: parts.endpoint,
            url: parts.url,
            method: parts.method,
            source_headers: LazyHeaders::of("sourceHeader", Ok(parts.source_headers)),
            source_body: Ok(parts.source_body),
            not_before: Ok(parts.not_before),
            created_at: Ok(parts.created_at),
            schedule_id: parts.schedule_id,
            caller_ip: parts.caller_ip,
        }
    }
}

impl From<CallbackParts> for FailureCallback {
    fn from(parts: CallbackParts) -> Self {
        Self(parts.into())
    }
}
