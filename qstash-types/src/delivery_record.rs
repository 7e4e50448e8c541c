//! What messages, dead letters, log entries and schedules say alike about a delivery.

mod members;

use bytes::Bytes;

pub(crate) use self::members::{
    CallerIp, LogDelivery, MessageDelivery, ResponseBody, ResponseHeaders, ScheduleDelivery,
};
use crate::{FlowControl, Headers, Label, QueueName};

/// What is delivered, and how: the part that messages, dead letters, log entries and schedules have in common.
///
/// What was redacted appears as `REDACTED:` and the SHA-256 of the value. A body in a log entry travels as base64, which
/// that text is not, so it is found among the [odd fields](crate::OddFields) of the entry.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryRecord {
    /// The method.
    pub method: String,
    /// The headers that are delivered.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
    /// How many attempts may follow the first one.
    pub retries: Option<u32>,
    /// The expression for the wait before a retry, as it was given.
    pub retry_delay: Option<String>,
    /// The callback URL.
    pub callback: Option<String>,
    /// The headers of the callback.
    pub callback_headers: Headers,
    /// The failure-callback URL.
    pub failure_callback: Option<String>,
    /// The headers of the failure callback.
    pub failure_callback_headers: Headers,
    /// The queue that messages go through.
    pub queue: Option<QueueName>,
    /// The labels. Servers that know only one label send that one.
    pub labels: Vec<Label>,
    /// The flow control.
    pub flow_control: Option<FlowControl>,
}

impl std::fmt::Debug for DeliveryRecord {
    /// Leaves out body, headers and URLs: all may hold credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeliveryRecord")
            .field("method", &self.method)
            .field("retries", &self.retries)
            .field("queue", &self.queue)
            .field("labels", &self.labels)
            .field("flow_control", &self.flow_control)
            .finish_non_exhaustive()
    }
}
