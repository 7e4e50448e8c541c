//! What is delivered, and on what terms.

use std::{fmt, net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use qstash_types::{
    CallbackOptions, DeliveryOptions, DeliverySettings, FlowControl, Label, QueueName, Redaction, RetryDelay,
    ScheduleId,
};

use super::compact;

/// The longest body of a message, as on the pay-as-you-go plan. Responses are read up to this length too.
pub const LONGEST_BODY: usize = 10 * 1024 * 1024;
/// Retries of a message that does not say how many.
const DEFAULT_RETRIES: u32 = 3;
/// The longest time that an attempt may take, as on the same plan.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(2 * 60 * 60);

/// What is delivered, and with which options: the part that a message and the schedule that publishes it have in common.
///
/// There may be a million of them at a time, so fields that few messages set are boxed.
#[derive(Clone)]
#[non_exhaustive]
pub struct Terms {
    /// The method of the delivery.
    pub method: Method,
    /// The content type and the forwarded headers: a list takes up a third of the memory of a map.
    headers: Box<[(HeaderName, HeaderValue)]>,
    /// What is delivered.
    pub body: Bytes,
    /// How many attempts may follow the first one.
    pub max_retries: u32,
    /// The wait before a retry, unless it is the default backoff.
    pub retry_delay: Option<Box<RetryDelay>>,
    /// The longest time that an attempt may take.
    pub timeout: Duration,
    /// The flow control that the message asks for.
    pub flow_control: Option<Box<FlowControl>>,
    /// Labels to find the message by.
    pub labels: Box<[Label]>,
    /// What reads of the API must not show.
    pub redaction: Option<Box<Redaction>>,
    /// Whom to tell about every attempt.
    pub callback: Option<Box<CallbackOptions>>,
    /// Whom to tell when all attempts have failed.
    pub failure_callback: Option<Box<CallbackOptions>>,
    /// The queue that the message goes through.
    pub queue: Option<QueueName>,
    /// The schedule that has produced the message.
    pub schedule_id: Option<ScheduleId>,
    /// The address that the message was published from.
    pub caller_ip: IpAddr,
    /// How much memory all of it takes up, more or less, without the body. It is asked for again and again.
    beside_body: u32,
}

impl Terms {
    /// The terms of what is published with these options.
    pub(crate) fn of(options: DeliveryOptions, body: Bytes, caller_ip: IpAddr) -> Self {
        Self {
            labels: options.labels.into(),
            redaction: options.redaction.map(Box::new),
            callback: options.callback.map(kept),
            failure_callback: options.failure_callback.map(kept),
            queue: options.queue,
            schedule_id: options.schedule_id,
            ..Self::plain(options.settings, options.content_type, body, caller_ip)
        }
        .measured()
    }

    /// The terms of a callback, which has no callbacks of its own.
    pub(crate) fn of_callback(source: &Self, target: &CallbackOptions, body: Bytes) -> Self {
        let json = HeaderValue::from_static("application/json");
        Self {
            max_retries: target.settings.retries.unwrap_or(source.max_retries),
            // The report holds what the source wants hidden.
            redaction: source.redaction.clone().map(|redaction| Box::new(redaction.and_body())),
            ..Self::plain(target.settings.clone(), Some(json), body, source.caller_ip)
        }
        .measured()
    }

    fn plain(
        settings: DeliverySettings,
        content_type: Option<HeaderValue>,
        body: Bytes,
        caller_ip: IpAddr,
    ) -> Self {
        let mut headers = settings.forward;
        for name in NOT_DELIVERED {
            headers.remove(name);
        }
        if let Some(content_type) = content_type {
            headers.entry(header::CONTENT_TYPE).or_insert(content_type);
        }
        Self {
            method: settings.method.unwrap_or(Method::POST),
            headers: headers.iter().map(|(name, value)| (name.clone(), compact::value(value))).collect(),
            body,
            max_retries: settings.retries.unwrap_or(DEFAULT_RETRIES),
            retry_delay: settings.retry_delay.map(Box::new),
            timeout: settings
                .timeout
                .filter(|timeout| !timeout.is_zero())
                .map_or(LONGEST_ATTEMPT, |timeout| timeout.min(LONGEST_ATTEMPT)),
            flow_control: settings.flow_control.map(Box::new),
            labels: Box::default(),
            redaction: None,
            callback: None,
            failure_callback: None,
            queue: None,
            schedule_id: None,
            caller_ip,
            beside_body: 0,
        }
    }

    fn measured(self) -> Self {
        Self { beside_body: u32::try_from(self.measure()).unwrap_or(u32::MAX), ..self }
    }

    /// How much memory they take up, more or less.
    pub(crate) fn bytes(&self) -> usize {
        self.beside_body as usize + self.body.len()
    }

    /// The options that make such terms.
    pub(crate) fn options(&self) -> DeliveryOptions {
        let mut options = DeliveryOptions::default();
        options.settings.method = Some(self.method.clone());
        options.settings.timeout = Some(self.timeout);
        options.settings.retries = Some(self.max_retries);
        options.settings.retry_delay = self.retry_delay.as_deref().cloned();
        options.settings.flow_control = self.flow_control.as_deref().cloned();
        options.settings.forward = self.headers();
        options.labels = self.labels.to_vec();
        options.redaction = self.redaction.as_deref().cloned();
        options.callback = self.callback.as_deref().cloned();
        options.failure_callback = self.failure_callback.as_deref().cloned();
        options.queue.clone_from(&self.queue);
        options.schedule_id.clone_from(&self.schedule_id);
        options
    }

    /// The content type and the forwarded headers.
    pub fn headers(&self) -> HeaderMap {
        self.headers.iter().cloned().collect()
    }

    /// The same, one after the other.
    pub(super) fn header_list(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }
}

impl fmt::Debug for Terms {
    /// Leaves out headers and body: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("method", &self.method).finish_non_exhaustive()
    }
}

/// The target as it is kept with a message.
fn kept(mut target: CallbackOptions) -> Box<CallbackOptions> {
    target.settings.forward = compact::headers(&target.settings.forward);
    Box::new(target)
}

/// Headers that belong to a connection and its framing, never to a message.
const NOT_DELIVERED: [HeaderName; 12] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
