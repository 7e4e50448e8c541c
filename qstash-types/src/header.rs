//! Every `Upstash-*` header name, spelled once.
//!
//! Names of settings that also exist for callbacks (`Upstash-Callback-Retries`, …) come in three sets with one shape:
//! [`SettingNames`].

use http::HeaderName;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$doc])* pub const $name: HeaderName = HeaderName::from_static($text);)+
    };
}

names! {
    /// The JWT that proves a delivery: `Upstash-Signature`.
    SIGNATURE = "upstash-signature";
    /// The region that delivered the message: `Upstash-Region`.
    REGION = "upstash-region";
    /// The message's id, the same for all of its attempts: `Upstash-Message-Id`.
    MESSAGE_ID = "upstash-message-id";
    /// How many attempts came before this one: `Upstash-Retried`.
    RETRIED = "upstash-retried";
    /// The message's retry limit, on a delivery: `Upstash-Max-Retries`.
    MAX_RETRIES = "upstash-max-retries";
    /// The URL group that the message was published to: `Upstash-Topic-Name`.
    TOPIC_NAME = "upstash-topic-name";
    /// The publisher's address: `Upstash-Caller-Ip`.
    CALLER_IP = "upstash-caller-ip";
    /// The schedule, on a delivery, or its wanted id, on creation: `Upstash-Schedule-Id`.
    SCHEDULE_ID = "upstash-schedule-id";
    /// When a schedule fires: `Upstash-Cron`.
    CRON = "upstash-cron";
    /// The queue that a schedule delivers through: `Upstash-Queue-Name`.
    QUEUE_NAME = "upstash-queue-name";
    /// Relative delay before the first attempt: `Upstash-Delay`.
    DELAY = "upstash-delay";
    /// Earliest time of the first attempt, Unix seconds: `Upstash-Not-Before`.
    NOT_BEFORE = "upstash-not-before";
    /// The callback URL: `Upstash-Callback`.
    CALLBACK = "upstash-callback";
    /// The failure-callback URL: `Upstash-Failure-Callback`.
    FAILURE_CALLBACK = "upstash-failure-callback";
    /// A caller's own deduplication id: `Upstash-Deduplication-Id`.
    DEDUPLICATION_ID = "upstash-deduplication-id";
    /// Deduplication by content: `Upstash-Content-Based-Deduplication`.
    CONTENT_BASED_DEDUPLICATION = "upstash-content-based-deduplication";
    /// Labels, joined by commas: `Upstash-Label`.
    LABEL = "upstash-label";
    /// What the API must not show: `Upstash-Redact-Fields`.
    REDACT_FIELDS = "upstash-redact-fields";
    /// Deliver every header of the publish request: `Upstash-Header-Forward`.
    HEADER_FORWARD = "upstash-header-forward";
    /// With status 489: give up at once: `Upstash-NonRetryable-Error`.
    NON_RETRYABLE_ERROR = "upstash-nonretryable-error";
}

/// The names of the settings that a message, its callback and its failure callback have in common.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SettingNames {
    /// HTTP method.
    pub method: HeaderName,
    /// Longest time to wait for a response, a duration.
    pub timeout: HeaderName,
    /// Attempts after the first.
    pub retries: HeaderName,
    /// Milliseconds before a retry, an expression.
    pub retry_delay: HeaderName,
    /// Flow-control key.
    pub flow_control_key: HeaderName,
    /// Flow-control limits.
    pub flow_control_value: HeaderName,
    /// What stands before the name of a forwarded header.
    pub forward_prefix: &'static str,
}

macro_rules! setting_names {
    ($prefix:literal) => {
        SettingNames {
            method: HeaderName::from_static(concat!($prefix, "method")),
            timeout: HeaderName::from_static(concat!($prefix, "timeout")),
            retries: HeaderName::from_static(concat!($prefix, "retries")),
            retry_delay: HeaderName::from_static(concat!($prefix, "retry-delay")),
            flow_control_key: HeaderName::from_static(concat!($prefix, "flow-control-key")),
            flow_control_value: HeaderName::from_static(concat!($prefix, "flow-control-value")),
            forward_prefix: concat!($prefix, "forward-"),
        }
    };
}

/// `Upstash-Method`, `Upstash-Timeout`, … of the message itself.
pub static MESSAGE_SETTINGS: SettingNames = setting_names!("upstash-");
/// `Upstash-Callback-Method`, …
pub static CALLBACK_SETTINGS: SettingNames = setting_names!("upstash-callback-");
/// `Upstash-Failure-Callback-Method`, …
pub static FAILURE_CALLBACK_SETTINGS: SettingNames = setting_names!("upstash-failure-callback-");

/// The spelling of a header name in the service's JSON: `x-trace-id` becomes `X-Trace-Id`.
pub fn canonical(name: &str) -> String {
    let mut capital = true;
    name.chars()
        .map(|c| {
            let c = if capital { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            capital = c == '-';
            c
        })
        .collect()
}
