//! A message as it was accepted.

use std::{fmt, net::IpAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use qstash_types::{
    CallbackOptions, DeliveryHeaders, DeliveryOptions, EndpointName, FlowControl, Host, MessageId, Start,
    Url, UrlGroupName,
};

use super::{Terms, Time};

/// How many headers a delivery has beside those of its message, most of the time.
const MOST_METADATA: usize = 11;

/// A message as it was accepted. Nothing in here changes while it is being delivered.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoredMessage {
    /// The id, the same for all attempts.
    pub id: MessageId,
    /// Where the message goes.
    pub url: Url,
    /// The URL group that the message was published to.
    pub url_group: Option<UrlGroupName>,
    /// The name of the endpoint in the URL group.
    pub endpoint: Option<EndpointName>,
    /// The message that this one reports about, if it is a callback.
    pub source: Option<MessageId>,
    /// The dead message that this one repeats, if it was made by a retry from the dead letter queue.
    pub repeats: Option<MessageId>,
    /// When the message was accepted.
    pub created_at: Time,
    /// The earliest time of the first attempt.
    pub not_before: Time,
    /// What is delivered, and on what terms.
    pub terms: Terms,
}

impl StoredMessage {
    pub(crate) fn published(
        id: MessageId,
        now: Time,
        url: Url,
        options: DeliveryOptions,
        body: Bytes,
        caller_ip: IpAddr,
    ) -> Self {
        let not_before = match options.start {
            None => now,
            Some(Start::After(delay)) => now + delay,
            Some(Start::At(time)) => now.max(Time::of(time)),
        };
        Self { not_before, ..Self::new(id, now, url, Terms::of(options, body, caller_ip)) }
    }

    /// A message that reports about this one.
    pub(crate) fn callback(&self, id: MessageId, now: Time, target: &CallbackOptions, body: Bytes) -> Self {
        let terms = Terms::of_callback(&self.terms, target, body);
        Self { source: Some(self.id.clone()), ..Self::new(id, now, target.url.clone(), terms) }
    }

    /// The same message once more, with these options on top of its own.
    pub(crate) fn again(&self, id: MessageId, now: Time, changes: DeliveryOptions) -> Self {
        let options = changes.or(&self.terms.options());
        Self {
            url_group: self.url_group.clone(),
            endpoint: self.endpoint.clone(),
            source: self.source.clone(),
            repeats: Some(self.id.clone()),
            ..Self::published(
                id,
                now,
                self.url.clone(),
                options,
                self.terms.body.clone(),
                self.terms.caller_ip,
            )
        }
    }

    fn new(id: MessageId, now: Time, url: Url, terms: Terms) -> Self {
        Self {
            id,
            url,
            url_group: None,
            endpoint: None,
            source: None,
            repeats: None,
            created_at: now,
            not_before: now,
            terms,
        }
    }

    /// The headers of an attempt, short of the signature and the region of the server, with the flow control in force.
    pub(crate) fn delivery_headers(&self, retried: u32, flow_control: Option<FlowControl>) -> HeaderMap {
        let own = self.terms.header_list();
        let mut headers = HeaderMap::with_capacity(own.len() + MOST_METADATA);
        headers.extend(own.iter().cloned());
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(qstash_types::header::USER_AGENT));
        let mut metadata = DeliveryHeaders::default();
        metadata.message_id = Some(self.id.clone());
        metadata.retried = Some(retried);
        metadata.max_retries = Some(self.terms.max_retries);
        metadata.caller_ip = Some(match self.terms.caller_ip {
            IpAddr::V4(address) => Host::Ipv4(address).to_string(),
            IpAddr::V6(address) => address.to_string(),
        });
        metadata.retry_delay = self.terms.retry_delay.as_deref().cloned();
        metadata.flow_control = flow_control;
        metadata.url_group.clone_from(&self.url_group);
        metadata.schedule_id.clone_from(&self.terms.schedule_id);
        metadata.labels = self.terms.labels.to_vec();
        metadata.write(&mut headers);
        headers
    }
}

impl fmt::Debug for StoredMessage {
    /// Leaves out headers and body: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredMessage").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}
