//! Answers with an error status.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use qstash_types::Help;
use serde::Deserialize;

use super::{History, text::one_line};
use crate::api::Api;

/// QStash, or a proxy on the way, answered with an error status.
#[derive(thiserror::Error)]
#[error("QStash answered {status}{}", self.clause())]
pub struct ApiError {
    status: StatusCode,
    message: String,
    advice: Option<String>,
    /// Whether the body was the error JSON of the API; a gateway answers with something else.
    is_genuine: bool,
    rate_limit: Option<RateLimit>,
    retry_after: Option<Duration>,
    pub(super) history: History,
}

impl ApiError {
    /// Reads the answer of an API as it arrived at the time `now`.
    pub(crate) fn new(response: &Response<Bytes>, api: &Api, now: SystemTime) -> Self {
        let headers = response.headers();
        let is_limited = response.status() == StatusCode::TOO_MANY_REQUESTS;
        let rate_limit = is_limited.then(|| RateLimit::read(headers)).flatten();
        let reset = rate_limit.as_ref().and_then(RateLimit::reset);
        let genuine = genuine_message(response.body());
        Self {
            status: response.status(),
            is_genuine: genuine.is_some(),
            message: match genuine {
                Some(text) => one_line(&api.without_token(&text)),
                None => one_line(&api.without_token(&String::from_utf8_lossy(response.body()))),
            },
            advice: (response.status() == StatusCode::UNAUTHORIZED).then(|| api.where_tokens_come_from()),
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

    /// Which limit a 429 is about; `None` if the headers do not say.
    pub fn rate_limit(&self) -> Option<&RateLimit> {
        self.rate_limit.as_ref()
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    pub(super) fn is_retryable(&self) -> bool {
        self.is_ambiguous() || self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// A gateway may give up on a server that is about to succeed, and a server may fail after it has done the work.
    pub(super) fn is_ambiguous(&self) -> bool {
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

    /// Whether the API knows the path, but not the thing that it names.
    pub(crate) fn says_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && self.is_genuine
    }

    fn clause(&self) -> String {
        let texts = [Some(&self.message), self.advice.as_ref()].into_iter().flatten();
        let clause =
            texts.filter(|text| !text.is_empty()).fold(String::new(), |clause, text| clause + ": " + text);
        match self.help() {
            Some(help) => format!("{clause} ({help})"),
            None => clause,
        }
    }

    fn help(&self) -> Option<Help> {
        Some(match self.status.as_u16() {
            401 => Help::UnknownToken,
            412 => Help::Quota,
            413 => Help::LargeMessage,
            429 => Help::RateLimit,
            500.. => Help::ServerError,
            _ => return None,
        })
    }
}

fn genuine_message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorBody {
        error: String,
    }

    serde_json::from_slice(body).ok().map(|body: ErrorBody| body.error)
}

/// The limit that a 429 is about, as far as the headers say.
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
    fn read(headers: &HeaderMap) -> Option<Self> {
        let (kind, prefix, suffix) = if headers.contains_key("x-ratelimit-limit-requests") {
            // Of the two limits, the one that is used up matters.
            match number(headers, "x-ratelimit-remaining-tokens") {
                Some(0) => (RateLimitKind::Chat, "x-ratelimit-", "-tokens"),
                _ => (RateLimitKind::Chat, "x-ratelimit-", "-requests"),
            }
        } else if headers.contains_key("ratelimit-limit") {
            (RateLimitKind::Daily, "ratelimit-", "")
        } else if headers.keys().any(|name| name.as_str().starts_with("burst-ratelimit-")) {
            (RateLimitKind::Burst, "burst-ratelimit-", "")
        } else {
            return None;
        };
        let read = |what: &str| number(headers, &format!("{prefix}{what}{suffix}"));
        Some(Self {
            kind,
            limit: read("limit"),
            remaining: read("remaining"),
            reset: read("reset")
                .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))),
        })
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
