//! The log of what happened to messages.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use crate::{
    DeliveryRecord, EndpointName, Headers, MessageId, OddFields, ScheduleId, UrlGroupName,
    delivery_record::{LogDelivery, ResponseHeaders},
    record::record,
    without_secrets,
    words::words,
};

/// One line of the log: a message entered a state.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// When.
    pub time: Option<SystemTime>,
    /// Which message.
    pub message_id: MessageId,
    /// The state that it entered; [`LogState::Unknown`] with an empty word when the entry names none.
    pub state: LogState,
    /// Where the message goes.
    pub url: String,
    /// What is delivered, and how.
    pub delivery: DeliveryRecord,
    /// Why the attempt failed, for [`LogState::Error`].
    pub error: Option<String>,
    /// When the next attempt is due.
    pub next_delivery_time: Option<SystemTime>,
    /// The URL group that the message was published to.
    pub url_group: Option<UrlGroupName>,
    /// The endpoint's name inside the URL group.
    pub endpoint: Option<EndpointName>,
    /// The schedule that produced the message.
    pub schedule_id: Option<ScheduleId>,
    /// The status of the response, for [`LogState::Error`]; absent when no response came.
    pub response_status: Option<u16>,
    /// The headers of the response. Written under both spellings that are in use.
    pub response_headers: Headers,
    /// The body of the response.
    pub response_body: Bytes,
    /// The longest time that an attempt may take, in whole milliseconds.
    pub timeout: Option<Duration>,
    /// The fields that could not be read.
    pub odd: OddFields,
}

record! {
    LogEntry {
        time: UnixMillis("time"),
        message_id: Id("messageId"),
        state: Plain("state"),
        url: Plain("url"),
        delivery: LogDelivery(),
        error: Plain("error"),
        next_delivery_time: UnixMillis("nextDeliveryTime"),
        url_group: Plain("topicName"),
        endpoint: Plain("endpointName"),
        schedule_id: Plain("scheduleId"),
        response_status: Plain("responseStatus"),
        response_headers: ResponseHeaders(),
        response_body: Base64("responseBody"),
        timeout: WholeMillis("timeout"),
    }
}

impl LogEntry {
    /// An entry of which nothing else is known.
    pub fn new(time: SystemTime, message_id: MessageId, state: LogState) -> Self {
        Self {
            time: Some(time),
            message_id,
            state,
            url: String::new(),
            delivery: DeliveryRecord::default(),
            error: None,
            next_delivery_time: None,
            url_group: None,
            endpoint: None,
            schedule_id: None,
            response_status: None,
            response_headers: Headers::default(),
            response_body: Bytes::new(),
            timeout: None,
            odd: OddFields::default(),
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageLog {
    /// Which message.
    pub message_id: MessageId,
    /// The states that it entered, the newest first.
    pub entries: Vec<LogEntry>,
    /// The fields that could not be read, such as the list when one of its entries has no id.
    pub odd: OddFields,
}

record! {
    MessageLog {
        message_id: Id("messageId"),
        entries: List("events"),
    }
}

impl MessageLog {
    /// The entries of a message.
    pub fn new(message_id: MessageId, entries: Vec<LogEntry>) -> Self {
        Self { message_id, entries, odd: OddFields::default() }
    }
}

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
