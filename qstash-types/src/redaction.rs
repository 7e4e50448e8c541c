//! What the API and the console must not show.

use std::{fmt, str::FromStr};

use http::HeaderName;

/// Parts of a message that reads of messages, logs and dead letters replace by a digest. Deliveries are not affected.
///
/// ```
/// use qstash_types::{HeaderName, Redaction};
///
/// let redaction = Redaction::body().and_header(HeaderName::from_static("authorization"));
/// assert_eq!(redaction.to_string(), "body,header[authorization]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redaction {
    /// Whether the body is redacted.
    pub body: bool,
    /// Which forwarded headers are redacted.
    pub headers: RedactedHeaders,
}

/// The headers that a [`Redaction`] covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedactedHeaders {
    /// The headers with these names; there may be no name.
    Only(Vec<HeaderName>),
    /// Every forwarded header.
    All,
}

impl Redaction {
    const NOTHING: Redaction = Redaction { body: false, headers: RedactedHeaders::Only(Vec::new()) };

    /// Redacts the body.
    pub fn body() -> Self {
        Self { body: true, ..Self::NOTHING }
    }

    /// Redacts every forwarded header.
    pub fn all_headers() -> Self {
        Self::NOTHING.and_all_headers()
    }

    /// Redacts one forwarded header.
    pub fn header(name: HeaderName) -> Self {
        Self::NOTHING.and_header(name)
    }

    /// Redacts the body as well.
    pub fn and_body(mut self) -> Self {
        self.body = true;
        self
    }

    /// Redacts every forwarded header as well.
    pub fn and_all_headers(mut self) -> Self {
        self.headers = RedactedHeaders::All;
        self
    }

    /// Redacts one more forwarded header.
    pub fn and_header(mut self, name: HeaderName) -> Self {
        if let RedactedHeaders::Only(names) = &mut self.headers {
            names.push(name);
        }
        self
    }

    /// Whether the header is covered.
    pub fn covers(&self, name: &str) -> bool {
        match &self.headers {
            RedactedHeaders::All => true,
            RedactedHeaders::Only(names) => names.iter().any(|own| own.as_str().eq_ignore_ascii_case(name)),
        }
    }
}

impl fmt::Display for Redaction {
    /// Writes the grammar of `Upstash-Redact-Fields`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body.then(|| "body".to_owned());
        let headers = match &self.headers {
            RedactedHeaders::All => vec!["header".to_owned()],
            RedactedHeaders::Only(names) => names.iter().map(|name| format!("header[{name}]")).collect(),
        };
        f.write_str(&body.into_iter().chain(headers).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Redaction {
    type Err = InvalidRedaction;

    /// Reads `body`, `header` or `headers`, `header[Name]` or `headers[Name]`, joined by commas.
    fn from_str(text: &str) -> Result<Self, InvalidRedaction> {
        text.split(',').try_fold(Self::NOTHING, |redaction, entry| {
            let entry = entry.trim().to_ascii_lowercase();
            match entry.as_str() {
                "body" => Ok(redaction.and_body()),
                "header" | "headers" => Ok(redaction.and_all_headers()),
                _ => entry
                    .strip_prefix("headers[")
                    .or_else(|| entry.strip_prefix("header["))
                    .and_then(|rest| rest.strip_suffix(']'))
                    .and_then(|name| name.parse().ok())
                    .map(|name| redaction.and_header(name))
                    .ok_or(InvalidRedaction),
            }
        })
    }
}

/// A text is not a list of fields to redact.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of fields to redact, expected body, header or header[Name]")]
pub struct InvalidRedaction;
