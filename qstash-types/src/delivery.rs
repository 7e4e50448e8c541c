//! How a message is delivered: every publish header, typed, in both directions.

mod codec;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderValue, Method};

pub use codec::{HeaderSink, HeaderText, InvalidHeader};

use crate::{DeduplicationId, FlowControl, Label, QueueName, Redaction, RetryDelay, ScheduleId, Url, header};

/// How a message is to be delivered: the typed form of the headers that publish, enqueue, batch and schedules take.
///
/// A plain value: every field may be set or left at its default, which stands for "let the server decide".
/// [`to_headers`](Self::to_headers) and [`from_headers`](Self::from_headers) are the two directions of the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryOptions {
    /// Method, timeout, retries, forwarded headers and flow control of the delivery itself.
    pub settings: DeliverySettings,
    /// The media type of the body. Header: `Content-Type`, delivered as it is.
    pub content_type: Option<HeaderValue>,
    /// Deliver every header of the publish request under its own name. Header: `Upstash-Header-Forward`.
    pub forward_all_headers: bool,
    /// When the first attempt may start. Headers: `Upstash-Delay`, `Upstash-Not-Before`.
    pub start: Option<Start>,
    /// Which messages count as the same. Headers: `Upstash-Deduplication-Id`, `Upstash-Content-Based-Deduplication`.
    pub deduplication: Option<Deduplication>,
    /// Whom to tell about every attempt. Headers: `Upstash-Callback` and `Upstash-Callback-…`.
    pub callback: Option<CallbackOptions>,
    /// Whom to tell when all attempts have failed. Headers: `Upstash-Failure-Callback` and
    /// `Upstash-Failure-Callback-…`.
    pub failure_callback: Option<CallbackOptions>,
    /// Labels to find the message by. Header: `Upstash-Label`, joined by commas.
    pub labels: Vec<Label>,
    /// What the API must not show. Header: `Upstash-Redact-Fields`.
    pub redaction: Option<Redaction>,
    /// The caller's own id for a schedule. Header: `Upstash-Schedule-Id`.
    pub schedule_id: Option<ScheduleId>,
    /// The queue that a schedule delivers through. Header: `Upstash-Queue-Name`.
    pub queue: Option<QueueName>,
}

impl DeliveryOptions {
    /// The options, with those of `defaults` where they say nothing.
    ///
    /// Headers are joined by name. Labels are not joined: any of its own replace those of `defaults`.
    #[must_use]
    pub fn or(self, defaults: &Self) -> Self {
        // In full, so that no new field is forgotten here.
        let Self {
            settings,
            content_type,
            forward_all_headers,
            start,
            deduplication,
            callback,
            failure_callback,
            labels,
            redaction,
            schedule_id,
            queue,
        } = self;
        Self {
            settings: settings.or(&defaults.settings),
            content_type: content_type.or_else(|| defaults.content_type.clone()),
            forward_all_headers: forward_all_headers || defaults.forward_all_headers,
            start: start.or(defaults.start),
            deduplication: deduplication.or_else(|| defaults.deduplication.clone()),
            callback: callback.or_else(|| defaults.callback.clone()),
            failure_callback: failure_callback.or_else(|| defaults.failure_callback.clone()),
            labels: if labels.is_empty() { defaults.labels.clone() } else { labels },
            redaction: redaction.or_else(|| defaults.redaction.clone()),
            schedule_id: schedule_id.or_else(|| defaults.schedule_id.clone()),
            queue: queue.or_else(|| defaults.queue.clone()),
        }
    }
}

/// What a message, its callback and its failure callback can all have set.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliverySettings {
    /// HTTP method, `POST` unless set. Header: `Upstash-Method`.
    pub method: Option<Method>,
    /// Longest time to wait for the response; it can only shorten the plan's. Header: `Upstash-Timeout`.
    pub timeout: Option<Duration>,
    /// Attempts after the first; the server's default is 3. Header: `Upstash-Retries`.
    pub retries: Option<u32>,
    /// Wait before a retry; the server's default is an exponential backoff. Header: `Upstash-Retry-Delay`.
    pub retry_delay: Option<RetryDelay>,
    /// Limits shared with other messages. Headers: `Upstash-Flow-Control-Key`, `Upstash-Flow-Control-Value`.
    pub flow_control: Option<FlowControl>,
    /// Headers to deliver, under their own names. Header: `Upstash-Forward-<Name>`.
    pub forward: HeaderMap,
}

impl DeliverySettings {
    /// The settings, with those of `defaults` where they say nothing. Forwarded headers are joined by name.
    #[must_use]
    pub fn or(self, defaults: &Self) -> Self {
        let Self { method, timeout, retries, retry_delay, flow_control, forward } = self;
        Self {
            method: method.or_else(|| defaults.method.clone()),
            timeout: timeout.or(defaults.timeout),
            retries: retries.or(defaults.retries),
            retry_delay: retry_delay.or_else(|| defaults.retry_delay.clone()),
            flow_control: flow_control.or_else(|| defaults.flow_control.clone()),
            forward: header::or(forward, &defaults.forward),
        }
    }
}

impl fmt::Debug for DeliverySettings {
    /// Shows the names of forwarded headers alone: their values are often credentials for the destination.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, timeout, retries, retry_delay, flow_control, forward } = self;
        f.debug_struct("DeliverySettings")
            .field("method", method)
            .field("timeout", timeout)
            .field("retries", retries)
            .field("retry_delay", retry_delay)
            .field("flow_control", flow_control)
            .field("forward", &forward.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// When the first attempt may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// This long after the message was accepted, in whole seconds, rounded up. Header: `Upstash-Delay`.
    After(Duration),
    /// Not before this time, in whole seconds, rounded up. Header: `Upstash-Not-Before`.
    At(SystemTime),
}

/// Which messages count as the same within the deduplication window of ten minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deduplication {
    /// Those with the same id. Header: `Upstash-Deduplication-Id`.
    Id(DeduplicationId),
    /// Those with the same destination, body, content type and forwarded headers.
    /// Header: `Upstash-Content-Based-Deduplication`.
    ByContent,
}

/// Where a callback or failure callback goes, and how.
///
/// Unset settings take the server's defaults: method `POST`, and as many retries as the message itself has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallbackOptions {
    /// The URL to call.
    pub url: Url,
    /// Method, timeout, retries, retry delay, flow control and forwarded headers of the callback.
    pub settings: DeliverySettings,
}

impl CallbackOptions {
    /// A callback to a URL with the server's default settings.
    pub fn new(url: Url) -> Self {
        Self { url, settings: DeliverySettings::default() }
    }
}

impl From<Url> for CallbackOptions {
    fn from(url: Url) -> Self {
        Self::new(url)
    }
}
