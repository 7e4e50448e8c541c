//! Messages and dead letters as the API shows them.

use std::{fmt, time::SystemTime};

use bytes::Bytes;

use crate::{
    DeliveryRecord, DlqId, EndpointName, Headers, MessageId, OddFields, ScheduleId, UrlGroupName,
    delivery_record::{CallerIp, MessageDelivery, ResponseBody},
    record::record,
    without_secrets,
};

/// A message as `GET /v2/messages/{id}` and the dead letter queue show it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageRecord {
    /// The message's id.
    pub message_id: MessageId,
    /// Where the message goes.
    pub url: String,
    /// The URL group that it was published to.
    pub url_group: Option<UrlGroupName>,
    /// The endpoint's name inside the URL group.
    pub endpoint: Option<EndpointName>,
    /// What is delivered, and how.
    pub delivery: DeliveryRecord,
    /// The earliest time of the first attempt.
    pub not_before: Option<SystemTime>,
    /// When the message was accepted.
    pub created_at: Option<SystemTime>,
    /// The schedule that produced the message.
    pub schedule_id: Option<ScheduleId>,
    /// The address that the message was published from.
    pub caller_ip: Option<String>,
    /// The fields that could not be read.
    pub odd: OddFields,
}

record! {
    MessageRecord {
        message_id: Id("messageId"),
        url: Plain("url"),
        url_group: Plain("topicName"),
        endpoint: Plain("endpointName"),
        delivery: MessageDelivery(),
        not_before: UnixMillis("notBefore"),
        created_at: UnixMillis("createdAt"),
        schedule_id: Plain("scheduleId"),
        caller_ip: CallerIp(),
    }
}

impl MessageRecord {
    /// A record of which nothing else is known.
    pub fn new(message_id: MessageId, url: impl Into<String>, created_at: SystemTime) -> Self {
        Self {
            message_id,
            url: url.into(),
            url_group: None,
            endpoint: None,
            delivery: DeliveryRecord::default(),
            not_before: None,
            created_at: Some(created_at),
            schedule_id: None,
            caller_ip: None,
            odd: OddFields::default(),
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
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The entry's id.
    pub dlq_id: DlqId,
    /// The message, with those of its fields that could not be read.
    pub message: MessageRecord,
    /// The status of the last response; absent when no response came.
    pub response_status: Option<u16>,
    /// The headers of the last response.
    pub response_headers: Headers,
    /// The body of the last response. On the wire it is `responseBody` when it is UTF-8, else `responseBodyBase64`.
    pub response_body: Bytes,
    /// The other fields that could not be read.
    pub odd: OddFields,
}

record! {
    DeadLetter {
        dlq_id: Id("dlqId"),
        message: MessageRecord(),
        response_status: Plain("responseStatus"),
        response_headers: NotEmpty("responseHeader"),
        response_body: ResponseBody(),
    }
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
            odd: OddFields::default(),
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
