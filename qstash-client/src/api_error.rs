//! Answers with an error status.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use serde::Deserialize;

use crate::error::History;

/// Error texts are kept up to this many characters; a proxy may answer with a whole page.
const LONGEST_MESSAGE: usize = 1000;

/// QStash, or a proxy on the way, answered with an error status.
#[derive(Debug, thiserror::Error)]
#[error("QStash answered {status}{}", self.clause())]
pub struct ApiError {
    status: StatusCode,
    message: String,
    /// Whether the body was the error JSON of the API; a gateway answers with something else.
    is_genuine: bool,
    rate_limit: Option<RateLimit>,
    retry_after: Option<Duration>,
    pub(crate) history: History,
}

impl ApiError {
    /// Reads the answer as it arrived at the time `now`.
    pub(crate) fn new(response: &Response<Bytes>, now: SystemTime) -> Self {
        let headers = response.headers();
        let rate_limit =
            (response.status() == StatusCode::TOO_MANY_REQUESTS).then(|| RateLimit::read(headers));
        let reset = rate_limit.as_ref().and_then(RateLimit::reset);
        let genuine = genuine_message(response.body());
        Self {
            status: response.status(),
            is_genuine: genuine.is_some(),
            message: match genuine {
                Some(text) => one_line(&text),
                None => one_line(&String::from_utf8_lossy(response.body())),
            },
            retry_after: match reset {
                Some(reset) => Some(reset.duration_since(now).unwrap_or_default()),
                None => headers.get(RETRY_AFTER).and_then(|value| wait(value, now)),
            },
            rate_limit,
            history: History::default(),
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the server says is wrong: its error text or else the body, on one line and cut after 1,000 characters.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Which limit a 429 is about.
    pub fn rate_limit(&self) -> Option<&RateLimit> {
        self.rate_limit.as_ref()
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    pub(crate) fn is_retryable(&self) -> bool {
        self.is_ambiguous() || self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// A gateway may give up on a server that is about to succeed, and a server may fail after it has done the work.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::REQUEST_TIMEOUT
    }

    /// Whether there is nothing at this path, or not under this method, whatever the thing that it names.
    pub(crate) fn knows_no_such_method(&self) -> bool {
        match self.status {
            StatusCode::METHOD_NOT_ALLOWED => true,
            StatusCode::NOT_FOUND => !self.is_genuine,
            _ => false,
        }
    }

    fn clause(&self) -> String {
        match self.message.as_str() {
            "" => String::new(),
            message => format!(": {message}"),
        }
    }
}

fn genuine_message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorBody {
        error: String,
    }

    serde_json::from_slice(body).ok().map(|body: ErrorBody| body.error)
}

fn one_line(text: &str) -> String {
    text.trim().chars().take(LONGEST_MESSAGE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The limit that a 429 is about, as far as the server told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    kind: RateLimitKind,
    limit: Option<u64>,
    remaining: Option<u64>,
    reset: Option<SystemTime>,
}

/// What a rate limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitKind {
    /// Calls per second. Headers: `Burst-RateLimit-…`.
    Burst,
    /// The quota of a day. Headers: `RateLimit-…`.
    Daily,
    /// Requests to a language model, or its tokens. Headers: `x-ratelimit-…-requests`, `x-ratelimit-…-tokens`.
    Chat,
}

impl RateLimit {
    fn read(headers: &HeaderMap) -> Self {
        let (kind, prefix, suffix) = if headers.contains_key("x-ratelimit-limit-requests") {
            // Of the two limits, the one that is used up matters.
            match number(headers, "x-ratelimit-remaining-tokens") {
                Some(0) => (RateLimitKind::Chat, "x-ratelimit-", "-tokens"),
                _ => (RateLimitKind::Chat, "x-ratelimit-", "-requests"),
            }
        } else if headers.contains_key("ratelimit-limit") {
            (RateLimitKind::Daily, "ratelimit-", "")
        } else {
            (RateLimitKind::Burst, "burst-ratelimit-", "")
        };
        let read = |what: &str| number(headers, &format!("{prefix}{what}{suffix}"));
        Self {
            kind,
            limit: read("limit"),
            remaining: read("remaining"),
            reset: read("reset")
                .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))),
        }
    }

    /// What is limited.
    pub fn kind(&self) -> RateLimitKind {
        self.kind
    }

    /// How much is allowed.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// How much is left.
    pub fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    /// When the count starts again.
    pub fn reset(&self) -> Option<SystemTime> {
        self.reset
    }
}

/// `Retry-After` is a number of seconds, or a date.
fn wait(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let date = || httpdate::parse_http_date(text).ok();
    let until = || Some(date()?.duration_since(now).unwrap_or_default());
    text.parse().map(Duration::from_secs).ok().or_else(until)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
