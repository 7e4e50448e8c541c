//! What QStash says about a delivery in its headers.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    FlowControl, FlowControlKey, Label, MessageId, Region, RetryDelay, ScheduleId, UrlGroupName, digits,
    duration,
    header::{self, MESSAGE_SETTINGS},
};

/// The `Upstash-*` headers of a delivery.
///
/// **They are not covered by the signature.** Whoever can alter a delivery on its way can alter them unnoticed; use
/// them for logs and for deduplication, not for decisions about rights or money.
///
/// A header that is absent or odd is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryHeaders {
    /// The message's id, the same for all attempts. Header: `Upstash-Message-Id`.
    pub message_id: Option<MessageId>,
    /// How many attempts came before this one. Header: `Upstash-Retried`.
    pub retried: Option<u32>,
    /// How many attempts may follow the first one. Header: `Upstash-Max-Retries`.
    pub max_retries: Option<u32>,
    /// The schedule that produced the message. Header: `Upstash-Schedule-Id`.
    pub schedule_id: Option<ScheduleId>,
    /// The URL group that the message was published to. Header: `Upstash-Topic-Name`.
    pub url_group: Option<UrlGroupName>,
    /// The address that the message was published from. Header: `Upstash-Caller-Ip`.
    pub caller_ip: Option<String>,
    /// The region that delivers. Header: `Upstash-Region`.
    pub region: Option<Region>,
    /// The wait before a retry, if the message sets one. Header: `Upstash-Retry-Delay`.
    pub retry_delay: Option<RetryDelay>,
    /// The flow control in force. Headers: `Upstash-Flow-Control-Key`, `Upstash-Flow-Control-Value`.
    pub flow_control: Option<FlowControl>,
    /// The message's labels. Header: `Upstash-Label`.
    pub labels: Vec<Label>,
}

impl DeliveryHeaders {
    /// Reads the headers through any lookup by lower-case name, so that every version of every HTTP library will do.
    pub fn from_lookup<'a>(lookup: impl Fn(&str) -> Option<&'a [u8]>) -> Self {
        let text = |name: &HeaderName| lookup(name.as_str()).and_then(|value| str::from_utf8(value).ok());
        let number = |name| text(name).and_then(digits::parse);
        let flow_control = || {
            let key =
                text(&MESSAGE_SETTINGS.flow_control_key).and_then(|key| FlowControlKey::new(key).ok())?;
            Some(FlowControl { key, limits: text(&MESSAGE_SETTINGS.flow_control_value)?.parse().ok()? })
        };
        let labels = text(&header::LABEL).unwrap_or_default().split(',');
        Self {
            message_id: text(&header::MESSAGE_ID).and_then(|id| id.parse().ok()),
            retried: number(&header::RETRIED),
            max_retries: number(&header::MAX_RETRIES),
            schedule_id: text(&header::SCHEDULE_ID).and_then(|id| id.parse().ok()),
            url_group: text(&header::TOPIC_NAME).and_then(|name| name.parse().ok()),
            caller_ip: text(&header::CALLER_IP).filter(|address| !address.is_empty()).map(Into::into),
            region: text(&header::REGION).and_then(|region| region.parse().ok()),
            retry_delay: text(&MESSAGE_SETTINGS.retry_delay).and_then(|delay| delay.parse().ok()),
            flow_control: flow_control(),
            labels: labels.filter_map(|label| Label::new(label.trim()).ok()).collect(),
        }
    }

    /// Writes the headers into a delivery, each replacing one of the same name.
    ///
    /// The number of earlier attempts goes out under both of its names, `Upstash-Retried` and `Upstash-Retries`.
    pub fn write(&self, headers: &mut HeaderMap) {
        let mut put = |name: &HeaderName, value: Option<HeaderValue>| {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        };
        // Ids and labels hold no control characters, so every text here is a header value.
        let text = |text: &str| HeaderValue::from_bytes(text.as_bytes()).ok();
        let retried = self.retried.map(HeaderValue::from);
        put(&header::MESSAGE_ID, self.message_id.as_ref().and_then(|id| text(id.as_str())));
        put(&header::RETRIED, retried.clone());
        put(&MESSAGE_SETTINGS.retries, retried);
        put(&header::MAX_RETRIES, self.max_retries.map(HeaderValue::from));
        put(&header::SCHEDULE_ID, self.schedule_id.as_ref().and_then(|id| text(id.as_str())));
        put(&header::TOPIC_NAME, self.url_group.as_ref().and_then(|name| text(name.as_str())));
        put(&header::CALLER_IP, self.caller_ip.as_deref().and_then(text));
        put(&header::REGION, self.region.as_ref().and_then(|region| text(&region.to_string())));
        put(&MESSAGE_SETTINGS.retry_delay, self.retry_delay.as_ref().and_then(|delay| text(delay.as_str())));
        if let Some(flow_control) = &self.flow_control {
            put(&MESSAGE_SETTINGS.flow_control_key, text(flow_control.key.as_str()));
            put(&MESSAGE_SETTINGS.flow_control_value, text(&flow_control_in_force(flow_control)));
        }
        if !self.labels.is_empty() {
            let labels = self.labels.iter().map(Label::as_str).collect::<Vec<_>>().join(",");
            put(&header::LABEL, text(&labels));
        }
    }
}

/// The server's own spelling: no blanks, the period always there, as a bare number of seconds.
fn flow_control_in_force(flow_control: &FlowControl) -> String {
    let limits = flow_control.limits;
    let parts = [
        limits.parallelism.map(|limit| format!("parallelism={limit}")),
        limits.rate.map(|limit| format!("rate={limit}")),
        Some(format!("period={}", limits.period.map_or(1, duration::whole_seconds))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(",")
}
