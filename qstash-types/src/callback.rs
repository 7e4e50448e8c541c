//! The body of a callback: what a destination answered, reported to a callback URL.

mod decode;
mod lazy_headers;
mod own_mistakes;
mod parts;

use std::{fmt, time::SystemTime};

use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};

use lazy_headers::LazyHeaders;
pub use parts::CallbackParts;

use crate::{DlqId, EndpointName, Headers, MessageId, ScheduleId, UrlGroupName, without_secrets};

/// What QStash reports to a callback URL after each attempt to deliver a message.
///
/// Decoding takes every shape that the service has sent: header values as text or lists, times as numbers or text,
/// absent, `null`, empty and unknown fields. A body, a header map or a time that cannot be decoded never hides the other
/// fields: its accessor returns the error, the rest stays usable. [`from_json`](Self::from_json) is the fastest way.
///
/// ```
/// use qstash_types::Callback;
///
/// let callback: Callback = serde_json::from_str(
///     r#"{"status": 200, "body": "eyJwYWdlcyI6M30=", "sourceMessageId": "msg_1", "retried": 0, "maxRetries": 3}"#,
/// )?;
/// assert!(callback.is_success());
/// assert_eq!(callback.text()?, r#"{"pages":3}"#);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    status: u16,
    headers: LazyHeaders,
    body: Kept<Bytes>,
    retried: u32,
    max_retries: u32,
    dlq_id: Option<DlqId>,
    source_message_id: Option<MessageId>,
    url_group: Option<UrlGroupName>,
    endpoint: Option<EndpointName>,
    url: String,
    method: String,
    source_headers: LazyHeaders,
    source_body: Kept<Bytes>,
    not_before: Kept<Option<SystemTime>>,
    created_at: Kept<Option<SystemTime>>,
    schedule_id: Option<ScheduleId>,
    caller_ip: Option<String>,
}

/// A decoded field, or why it could not be decoded.
type Kept<T> = Result<T, FieldError>;

impl fmt::Debug for Callback {
    /// Leaves out bodies, headers, and the secret parts of the URL: all may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("source_message_id", &self.source_message_id)
            .field("url", &without_secrets(&self.url))
            .field("status", &self.status)
            .field("retried", &self.retried)
            .field("max_retries", &self.max_retries)
            .field("dlq_id", &self.dlq_id)
            .finish_non_exhaustive()
    }
}

impl Callback {
    /// The HTTP status of the attempt, 0 when no response came.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the destination took the message: a status from 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether no retry is left after this attempt.
    ///
    /// A destination may also end a message early with a non-retryable error; that attempt is the last one although
    /// retries were left. The failure callback tells of every final failure.
    pub fn is_last_attempt(&self) -> bool {
        self.retried >= self.max_retries
    }

    /// The headers of the destination's response.
    ///
    /// # Errors
    ///
    /// The field was no object of header values.
    pub fn headers(&self) -> Result<&Headers, FieldError> {
        self.headers.get()
    }

    /// The body of the destination's response, base64 undone. It may be cut off at the plan's largest message size.
    ///
    /// # Errors
    ///
    /// The field was not base64.
    pub fn body(&self) -> Result<&Bytes, FieldError> {
        self.body.as_ref().map_err(Clone::clone)
    }

    /// The body of the destination's response as text.
    ///
    /// # Errors
    ///
    /// The field was not base64, or the body is not UTF-8.
    pub fn text(&self) -> Result<&str, FieldError> {
        str::from_utf8(self.body()?).map_err(|error| FieldError::new("body", &error))
    }

    /// The body of the destination's response, read as JSON.
    ///
    /// # Errors
    ///
    /// The field was not base64, or the body is not such JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, FieldError> {
        serde_json::from_slice(self.body()?).map_err(|error| FieldError::new("body", &error))
    }

    /// How many attempts came before this one.
    pub fn retried(&self) -> u32 {
        self.retried
    }

    /// How many attempts may follow the first one.
    pub fn max_retries(&self) -> u32 {
        self.max_retries
    }

    /// The entry in the dead letter queue; only a failure callback has one.
    pub fn dlq_id(&self) -> Option<&DlqId> {
        self.dlq_id.as_ref()
    }

    /// The id of the message that was delivered.
    ///
    /// # Errors
    ///
    /// The body names none, so it is perhaps no callback at all.
    pub fn source_message_id(&self) -> Result<&MessageId, FieldError> {
        self.source_message_id.as_ref().ok_or_else(|| FieldError::new("sourceMessageId", &"missing"))
    }

    /// The URL group that the message was published to.
    pub fn url_group(&self) -> Option<&UrlGroupName> {
        self.url_group.as_ref()
    }

    /// The endpoint's name inside the URL group.
    pub fn endpoint(&self) -> Option<&EndpointName> {
        self.endpoint.as_ref()
    }

    /// The URL that the message was delivered to; empty when the body names none.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The method of the delivery; empty when the body names none.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The headers that the message was delivered with.
    ///
    /// # Errors
    ///
    /// The field was no object of header values.
    pub fn source_headers(&self) -> Result<&Headers, FieldError> {
        self.source_headers.get()
    }

    /// The body of the message that was delivered, base64 undone.
    ///
    /// # Errors
    ///
    /// The field was not base64.
    pub fn source_body(&self) -> Result<&Bytes, FieldError> {
        self.source_body.as_ref().map_err(Clone::clone)
    }

    /// The body of the message that was delivered, read as JSON.
    ///
    /// # Errors
    ///
    /// The field was not base64, or the body is not such JSON.
    pub fn source_json<T: DeserializeOwned>(&self) -> Result<T, FieldError> {
        serde_json::from_slice(self.source_body()?).map_err(|error| FieldError::new("sourceBody", &error))
    }

    /// The earliest time of the first attempt.
    ///
    /// # Errors
    ///
    /// The field was not a time.
    pub fn not_before(&self) -> Result<Option<SystemTime>, FieldError> {
        self.not_before.clone()
    }

    /// When the message was accepted.
    ///
    /// # Errors
    ///
    /// The field was not a time.
    pub fn created_at(&self) -> Result<Option<SystemTime>, FieldError> {
        self.created_at.clone()
    }

    /// The schedule that produced the message.
    pub fn schedule_id(&self) -> Option<&ScheduleId> {
        self.schedule_id.as_ref()
    }

    /// The address that the message was published from, as the service wrote it.
    pub fn caller_ip(&self) -> Option<&str> {
        self.caller_ip.as_deref()
    }
}

/// What QStash reports to a failure-callback URL, once, when a message has failed for good.
///
/// The same report as the [`Callback`] of the last attempt, with the entry that the message has become in the dead
/// letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct FailureCallback(Callback);

impl FailureCallback {
    /// The report of the last attempt.
    pub fn callback(&self) -> &Callback {
        &self.0
    }

    /// The report of the last attempt, by value.
    pub fn into_callback(self) -> Callback {
        self.0
    }

    /// The entry in the dead letter queue. Absent only if the service left it out.
    pub fn dlq_id(&self) -> Option<&DlqId> {
        self.0.dlq_id()
    }
}

/// A text is not a callback.
#[derive(thiserror::Error)]
#[error("not a callback")]
pub struct InvalidCallback(#[source] serde_json::Error);

/// One field of a callback could not be decoded.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} of the callback: {problem}")]
pub struct FieldError {
    field: &'static str,
    problem: Box<str>,
}

impl FieldError {
    fn new(field: &'static str, problem: &dyn fmt::Display) -> Self {
        Self { field, problem: problem.to_string().into() }
    }

    /// The field, as the wire calls it.
    pub fn field(&self) -> &'static str {
        self.field
    }
}
