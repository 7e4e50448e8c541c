//! A message as it was accepted.

use std::{fmt, net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use qstash_types::{
    CallbackTarget, DeliveryHeaders, DeliveryOptions, EndpointName, FlowControl, Headers, Label, MessageId,
    MessageRecord, QueueName, Redaction, Region, RetryDelay, ScheduleId, Settings, Start, Url, UrlGroupName,
};

use super::{Millis, options, redacted};
use crate::compact;

/// The longest body of a message, as on the pay-as-you-go plan. Responses are read up to this length too.
pub const LONGEST_BODY: usize = 10 * 1024 * 1024;
/// Retries of a message that does not say how many.
const DEFAULT_RETRIES: u32 = 3;
/// The longest time that an attempt may take, as on the same plan.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(2 * 60 * 60);

/// A message as it was accepted. Nothing in here changes while it is being delivered.
///
/// A million of them may wait: what few messages have is in a box.
#[derive(Clone)]
#[non_exhaustive]
pub struct Message {
    /// The id, the same for all attempts.
    pub id: MessageId,
    /// Where the message goes.
    pub url: Url,
    /// The method of the delivery.
    pub method: Method,
    /// The content type and the forwarded headers: a list takes up a third of the memory of a map.
    pub(super) headers: Box<[(HeaderName, HeaderValue)]>,
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
    pub callback: Option<Box<CallbackTarget>>,
    /// Whom to tell when all attempts have failed.
    pub failure_callback: Option<Box<CallbackTarget>>,
    /// The URL group that the message was published to.
    pub url_group: Option<UrlGroupName>,
    /// The name of the endpoint in the URL group.
    pub endpoint: Option<EndpointName>,
    /// The queue that the message goes through.
    pub queue: Option<QueueName>,
    /// The schedule that has produced the message.
    pub schedule_id: Option<ScheduleId>,
    /// The message that this one reports about, if it is a callback.
    pub source: Option<MessageId>,
    /// The address that the message was published from.
    pub caller_ip: IpAddr,
    /// When the message was accepted.
    pub created_at: Millis,
    /// The earliest time of the first attempt.
    pub not_before: Millis,
}

impl Message {
    pub(super) fn published(
        id: MessageId,
        now: Millis,
        url: Url,
        options: DeliveryOptions,
        body: Bytes,
        caller_ip: IpAddr,
    ) -> Self {
        Self {
            not_before: match options.start {
                None => now,
                Some(Start::After(delay)) => now + delay,
                Some(Start::At(time)) => now.max(Millis::of(time)),
            },
            labels: options.labels.into(),
            redaction: options.redaction.map(Box::new),
            callback: options.callback.map(kept),
            failure_callback: options.failure_callback.map(kept),
            queue: options.queue,
            schedule_id: options.schedule_id,
            ..Self::new(id, now, url, options.settings, options.content_type, body, caller_ip)
        }
    }

    /// How much memory its texts, its headers and its body take up, more or less.
    pub(super) fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        let labels = self.labels.iter().map(|label| label.as_str().len());
        let callbacks = [&self.callback, &self.failure_callback].into_iter().flatten();
        let callbacks =
            callbacks.map(|target| target.url.as_str().len() + options::bytes(&target.settings.forward));
        self.url.as_str().len()
            + headers.chain(labels).chain(callbacks).sum::<usize>()
            + self.flow_control.as_ref().map_or(0, |flow_control| flow_control.key.as_str().len())
            + self.body.len()
    }

    /// A message that reports about this one. It has no callbacks of its own.
    pub(super) fn callback(&self, id: MessageId, now: Millis, target: &CallbackTarget, body: Bytes) -> Self {
        let json = HeaderValue::from_static("application/json");
        let settings = target.settings.clone();
        Self {
            max_retries: target.settings.retries.unwrap_or(self.max_retries),
            // The report holds what the source wants hidden.
            redaction: self.redaction.clone().map(|redaction| Box::new(redaction.and_body())),
            source: Some(self.id.clone()),
            ..Self::new(id, now, target.url.clone(), settings, Some(json), body, self.caller_ip)
        }
    }

    /// The same message once more, with these options on top of its own.
    pub(super) fn again(&self, id: MessageId, now: Millis, changes: DeliveryOptions) -> Self {
        let options = options::on_top_of(changes, &self.options());
        Self {
            url_group: self.url_group.clone(),
            endpoint: self.endpoint.clone(),
            ..Self::published(id, now, self.url.clone(), options, self.body.clone(), self.caller_ip)
        }
    }

    /// The options that make such a message.
    pub(super) fn options(&self) -> DeliveryOptions {
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

    fn new(
        id: MessageId,
        now: Millis,
        url: Url,
        settings: Settings,
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
            id,
            url,
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
            url_group: None,
            endpoint: None,
            queue: None,
            schedule_id: None,
            source: None,
            caller_ip,
            created_at: now,
            not_before: now,
        }
    }

    /// The content type and the forwarded headers.
    pub fn headers(&self) -> HeaderMap {
        self.headers.iter().cloned().collect()
    }

    /// The headers of an attempt, short of the signature, with the flow control in force.
    pub(super) fn delivery_headers(&self, retried: u32, flow_control: Option<FlowControl>) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + MOST_METADATA);
        headers.extend(self.headers.iter().cloned());
        headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static("Upstash-QStash"));
        let mut metadata = DeliveryHeaders::default();
        metadata.message_id = Some(self.id.clone());
        metadata.retried = Some(retried);
        metadata.max_retries = Some(self.max_retries);
        metadata.caller_ip = Some(self.caller_ip.to_string());
        metadata.region = Some(Region::EuCentral1);
        metadata.retry_delay = self.retry_delay.as_deref().cloned();
        metadata.flow_control = flow_control;
        metadata.url_group.clone_from(&self.url_group);
        metadata.schedule_id.clone_from(&self.schedule_id);
        metadata.labels = self.labels.to_vec();
        metadata.write(&mut headers);
        headers
    }

    /// The message as the API shows it.
    pub fn record(&self) -> MessageRecord {
        let limits = self.flow_control.as_ref().map(|flow_control| flow_control.limits);
        let mut record = MessageRecord::new(self.id.clone(), self.url.to_string(), self.created_at.into());
        record.url_group.clone_from(&self.url_group);
        record.endpoint.clone_from(&self.endpoint);
        record.method = self.method.to_string();
        record.headers = self.shown_headers();
        record.body = self.shown_body();
        record.max_retries = self.max_retries;
        record.retry_delay = self.retry_delay.as_ref().map(ToString::to_string);
        record.not_before = Some(self.not_before.into());
        record.callback = self.callback.as_ref().map(|target| target.url.to_string());
        record.callback_headers = self.shown_callback_headers(self.callback.as_deref());
        record.failure_callback = self.failure_callback.as_ref().map(|target| target.url.to_string());
        record.failure_callback_headers = self.shown_callback_headers(self.failure_callback.as_deref());
        record.queue.clone_from(&self.queue);
        record.schedule_id.clone_from(&self.schedule_id);
        record.caller_ip = Some(self.caller_ip.to_string());
        record.label = self.labels.first().cloned();
        record.labels = self.labels.to_vec();
        record.flow_control_key = self.flow_control.as_ref().map(|flow_control| flow_control.key.clone());
        record.parallelism = limits.and_then(|limits| limits.parallelism);
        record.rate = limits.and_then(|limits| limits.rate);
        record.period = limits.map(|limits| limits.period.unwrap_or(Duration::from_secs(1)));
        record
    }

    /// The headers as reads of the API show them.
    pub(super) fn shown_headers(&self) -> Headers {
        self.shown(Headers::record(&self.headers()))
    }

    fn shown_callback_headers(&self, target: Option<&CallbackTarget>) -> Headers {
        let forward = target.map(|target| Headers::record(&target.settings.forward));
        self.shown(forward.unwrap_or_default())
    }

    fn shown(&self, headers: Headers) -> Headers {
        match &self.redaction {
            Some(redaction) => redacted::headers(&headers, redaction),
            None => headers,
        }
    }

    /// The body as reads of the API show it.
    pub(super) fn shown_body(&self) -> Bytes {
        match &self.redaction {
            Some(redaction) if redaction.body => redacted::value(&self.body).into(),
            _ => self.body.clone(),
        }
    }
}

/// The target as it is kept with a message.
fn kept(mut target: CallbackTarget) -> Box<CallbackTarget> {
    target.settings.forward = compact::headers(&target.settings.forward);
    Box::new(target)
}

impl fmt::Debug for Message {
    /// Leaves out headers and body: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}

/// How many headers a delivery has beside those of its message, most of the time.
const MOST_METADATA: usize = 11;
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
