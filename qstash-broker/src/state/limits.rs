//! What a caller may ask for: every text, list and number that is kept has a limit.

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderName, header::CONTENT_TYPE};
use qstash_types::{
    CallbackOptions, Deduplication, DeliveryOptions, DeliverySettings, Destination, RedactedHeaders, Start,
    Url,
    header::{self, MESSAGE_SETTINGS},
};

use super::{Publication, Refused, Time, size};

/// As on the pay-as-you-go plan.
const LONGEST_DELAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// As on the largest plans.
const MOST_RETRIES: u32 = 999;

/// The longest name, id, label, key or method, in bytes.
const LONGEST_NAME: usize = 1024;
/// The longest URL, in bytes.
const LONGEST_URL: usize = 16 * 1024;
const MOST_LABELS: usize = 100;
/// How many headers can be named to be redacted.
const MOST_REDACTED: usize = 100;
/// How many headers a message, or a callback, can have.
const MOST_HEADERS: usize = 100;
/// How many bytes the headers of a message, or of a callback, can have together.
const LONGEST_HEADERS: usize = 128 * 1024;

/// Refuses a publication that asks for more than there is.
pub(crate) fn check_publication(publication: &Publication, now: Time) -> Result<(), Refused> {
    match &publication.destination {
        Destination::Url(url) => check_url("destination", url)?,
        Destination::UrlGroup(name) => check_name("topic", name.as_ref())?,
        _ => {}
    }
    check_headers(Field::Headers(MESSAGE_SETTINGS.forward_prefix), &publication.headers)?;
    check_options(&publication.options, now)
}

/// Refuses what no plan allows, and what would take up too much memory.
pub(crate) fn check_options(options: &DeliveryOptions, now: Time) -> Result<(), Refused> {
    let is_too_late = match options.start {
        None => false,
        Some(Start::After(delay)) => delay > LONGEST_DELAY,
        Some(Start::At(time)) => Time::of(time) > now + LONGEST_DELAY,
    };
    if is_too_late {
        return Err(Refused::Quota("maxDelay", LONGEST_DELAY.as_secs()));
    }
    let names = [
        Field::Header(MESSAGE_SETTINGS.method.clone()),
        Field::Header(MESSAGE_SETTINGS.flow_control_key.clone()),
        Field::Headers(MESSAGE_SETTINGS.forward_prefix),
    ];
    check_settings(names, &options.settings)?;
    for (name, target) in
        [(&header::CALLBACK, &options.callback), (&header::FAILURE_CALLBACK, &options.failure_callback)]
    {
        check_callback(name, target.as_ref())?;
    }
    if let Some(content_type) = &options.content_type {
        check_length(CONTENT_TYPE, content_type.len(), LONGEST_NAME)?;
    }
    if let Some(Deduplication::Id(id)) = &options.deduplication {
        check_name(header::DEDUPLICATION_ID, id.as_ref())?;
    }
    check_count(header::LABEL, options.labels.len(), MOST_LABELS)?;
    for label in &options.labels {
        check_name(header::LABEL, label.as_ref())?;
    }
    if let Some(RedactedHeaders::Only(names)) = options.redaction.as_ref().map(|redaction| &redaction.headers)
    {
        check_count(header::REDACT_FIELDS, names.len(), MOST_REDACTED)?;
        for name in names {
            check_name(header::REDACT_FIELDS, name.as_str())?;
        }
    }
    if let Some(id) = &options.schedule_id {
        check_name(header::SCHEDULE_ID, id.as_ref())?;
    }
    if let Some(queue) = &options.queue {
        check_name("queueName", queue.as_ref())?;
    }
    Ok(())
}

fn check_callback(name: &HeaderName, target: Option<&CallbackOptions>) -> Result<(), Refused> {
    let Some(target) = target else { return Ok(()) };
    check_url(name.clone(), &target.url)?;
    check_settings([(); 3].map(|()| Field::Header(name.clone())), &target.settings)
}

fn check_settings(names: [Field; 3], settings: &DeliverySettings) -> Result<(), Refused> {
    let [method, key, headers] = names;
    if settings.retries.is_some_and(|retries| retries > MOST_RETRIES) {
        return Err(Refused::Quota("maxRetries", MOST_RETRIES.into()));
    }
    check_name(method, settings.method.as_ref().map_or("", |method| method.as_str()))?;
    check_name(key, settings.flow_control.as_ref().map_or("", |flow_control| flow_control.key.as_ref()))?;
    check_headers(headers, &settings.forward)
}

/// Refuses a name, an id or a key that is too long.
pub(crate) fn check_name(field: impl Into<Field>, name: &str) -> Result<(), Refused> {
    check_length(field, name.len(), LONGEST_NAME)
}

pub(crate) fn check_url(field: impl Into<Field>, url: &Url) -> Result<(), Refused> {
    check_length(field, url.as_str().len(), LONGEST_URL)
}

fn check_headers(field: impl Into<Field>, headers: &HeaderMap) -> Result<(), Refused> {
    let own = headers.contains_key(CONTENT_TYPE);
    let field = field.into();
    check_count(field.clone(), headers.len() - usize::from(own), MOST_HEADERS)?;
    check_length(field, size::headers(headers), LONGEST_HEADERS)
}

fn check_length(field: impl Into<Field>, length: usize, limit: usize) -> Result<(), Refused> {
    if length > limit { Err(Refused::TooLong { field: field.into().to_string(), limit }) } else { Ok(()) }
}

fn check_count(field: impl Into<Field>, count: usize, limit: usize) -> Result<(), Refused> {
    if count > limit { Err(Refused::TooMany { field: field.into().to_string(), limit }) } else { Ok(()) }
}

/// What a refusal is about.
#[derive(Clone)]
pub(crate) enum Field {
    Header(HeaderName),
    /// Every header whose name begins so.
    Headers(&'static str),
    /// A field of a body, or a part of a path.
    Other(&'static str),
}

impl From<HeaderName> for Field {
    fn from(name: HeaderName) -> Self {
        Self::Header(name)
    }
}

impl From<&'static str> for Field {
    fn from(name: &'static str) -> Self {
        Self::Other(name)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => f.write_str(&header::canonical(name.as_str())),
            Self::Headers(prefix) => write!(f, "{}*", header::canonical(prefix)),
            Self::Other(name) => f.write_str(name),
        }
    }
}
