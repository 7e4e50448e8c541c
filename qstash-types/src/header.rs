//! Header names and query parameters of QStash, each spelled once.
//!
//! Names of settings that also exist for callbacks (`Upstash-Callback-Retries`, …) come in three sets with one shape:
//! [`SettingNames`].

use http::{HeaderMap, HeaderName};

/// What the names of all headers of QStash begin with. Names of query parameters that begin so stand for headers.
pub const PREFIX: &str = "upstash-";

/// The query parameter that holds the token of a call when no header does.
pub const TOKEN_PARAMETER: &str = "qstash_token";

/// What the names begin with under which official SDKs say who they are.
pub const TELEMETRY_PREFIX: &str = "upstash-telemetry-";

/// What the names of the headers begin with by which a message is a step of a workflow.
pub const WORKFLOW_PREFIX: &str = "upstash-workflow-";

/// The `User-Agent` of a delivery, unless the publisher forwards another.
pub const USER_AGENT: &str = "Upstash-QStash";

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$doc])* pub const $name: HeaderName = HeaderName::from_static($text);)+

        /// Each of the names that are constants here.
        pub fn all() -> impl Iterator<Item = HeaderName> {
            [$($name),+].into_iter()
        }
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
    /// A delay for callbacks, which QStash does not know: `Upstash-Callback-Delay`.
    CALLBACK_DELAY = "upstash-callback-delay";
    /// A delay for failure callbacks, which QStash does not know: `Upstash-Failure-Callback-Delay`.
    FAILURE_CALLBACK_DELAY = "upstash-failure-callback-delay";
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
    /// The trace and the span that a message was published in: `traceparent` of W3C Trace Context, forwarded by the client.
    TRACEPARENT = "traceparent";
    /// What tracing systems add to it: `tracestate` of W3C Trace Context, forwarded by the client.
    TRACESTATE = "tracestate";
    /// When a message was published, in Unix milliseconds on the publisher's clock: `Qstash-Published-At`, forwarded by the client,
    /// since deliveries do not say it.
    PUBLISHED_AT = "qstash-published-at";
}

/// The names of the settings that a message, its callback and its failure callback have in common.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SettingNames {
    /// What all of the names begin with.
    pub prefix: &'static str,
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

impl SettingNames {
    /// Each of the names of headers.
    pub fn all(&self) -> [&HeaderName; 6] {
        let Self {
            method,
            timeout,
            retries,
            retry_delay,
            flow_control_key,
            flow_control_value,
            prefix: _,
            forward_prefix: _,
        } = self;
        [method, timeout, retries, retry_delay, flow_control_key, flow_control_value]
    }
}

macro_rules! setting_names {
    ($prefix:literal) => {
        SettingNames {
            prefix: $prefix,
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

/// The headers, with those of `defaults` whose names are not among them.
#[must_use]
pub fn or(mut headers: HeaderMap, defaults: &HeaderMap) -> HeaderMap {
    for name in defaults.keys() {
        if !headers.contains_key(name) {
            for value in defaults.get_all(name) {
                // A map that is full stays as it is.
                let _ = headers.try_append(name, value.clone());
            }
        }
    }
    headers
}

/// The spelling of a header name in the service's JSON and in texts for people: `x-trace-id` becomes `X-Trace-Id`.
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
