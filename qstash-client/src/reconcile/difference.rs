//! Differences between a schedule as it is and as it should be.

use std::{collections::BTreeSet, fmt, time::Duration};

use bytes::Bytes;
use qstash_types::{
    DeliveryOptions, FlowControl, Headers, Label, Method, QueueName, RetryDelay, ScheduleRecord, Start,
    duration, header, without_secrets,
};

use crate::{error::InvalidInput, message::MessageParts};

/// The retries of a message that sets none.
const DEFAULT_RETRIES: u32 = 3;
/// The period of a rate that sets none.
const DEFAULT_PERIOD: Duration = Duration::from_secs(1);
/// The API shows this and a digest in place of a redacted value.
const REDACTED: &str = "REDACTED:";

/// A field of a schedule that is not as it should be.
///
/// `Display` shows both values in one line. Neither bodies nor values of headers are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    field: String,
    /// The value as it is, and as it is wanted, if they may be shown.
    values: Option<(String, String)>,
}

impl Difference {
    /// The field, such as `cron` or `header X-Tenant`.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &str| match value {
            "" => "none".to_owned(),
            value => value.escape_debug().to_string(),
        };
        match &self.values {
            Some((is, wanted)) if is != wanted => {
                write!(f, "{} {} -> {}", self.field, shown(is), shown(wanted))
            }
            _ => write!(f, "{}", self.field.escape_debug()),
        }
    }
}

/// The settings that the headers of a schedule mean, including plain headers of the caller; all spellings of a value become
/// the same.
pub(super) fn meaning(wanted: &MessageParts) -> Result<DeliveryOptions, InvalidInput> {
    DeliveryOptions::from_headers(&wanted.to_headers()?).map_err(|fault| InvalidInput::new("header", fault))
}

/// Compares a schedule of the account with one that is wanted, and its [`meaning`].
pub(super) fn between(
    record: &ScheduleRecord,
    wanted: &MessageParts,
    options: &DeliveryOptions,
) -> Vec<Difference> {
    let cron = wanted.headers.get(header::CRON).and_then(|cron| cron.to_str().ok()).unwrap_or_default();
    let settings = &options.settings;
    let shown = &record.delivery;
    let mut found = Findings::default();

    found.text("cron", words(&record.cron), words(cron));
    found.url("destination", &record.destination, wanted.destination.as_str());
    let method = if shown.method.is_empty() { Method::POST.as_str() } else { &shown.method };
    found.text(
        "method",
        method.to_uppercase(),
        settings.method.as_ref().unwrap_or(&Method::POST).to_string(),
    );
    // Zero may be left out.
    if let Some(retries) = shown.retries {
        found.text("retries", retries.to_string(), settings.retries.unwrap_or(DEFAULT_RETRIES).to_string());
    }
    found.text(
        "retry delay",
        without_blanks(shown.retry_delay.as_deref().unwrap_or_default()),
        without_blanks(settings.retry_delay.as_ref().map_or("", RetryDelay::as_str)),
    );
    let delay = match options.start {
        Some(Start::After(delay)) => Some(delay),
        _ => None,
    };
    found.text("delay", seconds(record.delay), seconds(delay));
    // The server shows the limit of the plan, or nothing, where the message leaves it open.
    if let (Some(is), Some(wanted)) = (record.timeout, settings.timeout) {
        found.text("timeout", seconds(Some(is)), seconds(Some(wanted)));
    }
    for (field, is, headers, wanted) in [
        ("callback", &shown.callback, &shown.callback_headers, &options.callback),
        (
            "failure callback",
            &shown.failure_callback,
            &shown.failure_callback_headers,
            &options.failure_callback,
        ),
    ] {
        let url = wanted.as_ref().map_or("", |target| target.url.as_str());
        found.url(field, is.as_deref().unwrap_or_default(), url);
        if let Some(wanted) = wanted {
            found.callback_headers(field, headers, &Headers::record(&wanted.settings.forward));
        }
    }
    found.text("labels", labels(&shown.labels), labels(&options.labels));
    found.text(
        "queue",
        shown.queue.as_ref().map_or("", QueueName::as_str),
        options.queue.as_ref().map_or("", QueueName::as_str),
    );
    found.text(
        "flow control",
        flow_control(shown.flow_control.as_ref()),
        flow_control(settings.flow_control.as_ref()),
    );
    found.body(&shown.body, wanted, options);
    found.headers(&shown.headers, options);
    found.0
}

#[derive(Default)]
struct Findings(Vec<Difference>);

impl Findings {
    fn text(&mut self, field: &str, is: impl Into<String>, wanted: impl Into<String>) {
        let (is, wanted) = (is.into(), wanted.into());
        if is != wanted {
            self.0.push(Difference { field: field.to_owned(), values: Some((is, wanted)) });
        }
    }

    fn url(&mut self, field: &str, is: &str, wanted: &str) {
        if is != wanted {
            let values = Some((without_secrets(is), without_secrets(wanted)));
            self.0.push(Difference { field: field.to_owned(), values });
        }
    }

    fn hidden(&mut self, field: String, is_same: impl FnOnce() -> bool) {
        if !is_same() {
            self.0.push(Difference { field, values: None });
        }
    }

    fn body(&mut self, shown: &Bytes, wanted: &MessageParts, options: &DeliveryOptions) {
        let is_redacted = shown.starts_with(REDACTED.as_bytes());
        let is_covered = options.redaction.as_ref().is_some_and(|redaction| redaction.body);
        self.hidden("body".to_owned(), || {
            is_covered && is_redacted || *shown == wanted.body && (!is_covered || wanted.body.is_empty())
        });
    }

    /// Not every server shows the headers of callbacks: one that is not shown may be set all the same.
    fn callback_headers(&mut self, callback: &str, shown: &Headers, wanted: &Headers) {
        for (name, _) in wanted.iter() {
            let (is, wanted) = (values(shown, name), values(wanted, name));
            let may_be_same = is.is_empty() || is_redacted(&is);
            self.hidden(format!("{callback} header {name}"), || may_be_same || is == wanted);
        }
    }

    fn headers(&mut self, shown: &Headers, options: &DeliveryOptions) {
        let wanted = delivered(options);
        let names = |headers: &Headers| {
            headers.iter().map(|(name, _)| header::canonical(name)).collect::<BTreeSet<_>>()
        };
        for name in names(shown).union(&names(&wanted)) {
            let (is, wanted) = (values(shown, name), values(&wanted, name));
            // Those of the call itself are delivered as well.
            if wanted.is_empty() && options.forward_all_headers {
                continue;
            }
            let is_redacted = is_redacted(&is);
            let is_covered = options.redaction.as_ref().is_some_and(|redaction| redaction.covers(name));
            // A content type is no secret, and may be shown although all headers are redacted.
            let may_be_shown = !is_covered || name == "Content-Type";
            self.hidden(format!("header {name}"), || {
                is_covered && is_redacted || is == wanted && may_be_shown
            });
        }
    }
}

/// The values of a header, as they arrive: white space around them gets lost on the way.
fn values<'a>(headers: &'a Headers, name: &'a str) -> Vec<&'a str> {
    headers.get_all(name).map(str::trim).collect()
}

fn is_redacted(values: &[&str]) -> bool {
    !values.is_empty() && values.iter().all(|value| value.starts_with(REDACTED))
}

/// The headers that a schedule shows of its messages.
fn delivered(options: &DeliveryOptions) -> Headers {
    let mut headers = options.settings.forward.clone();
    if let Some(content_type) = &options.content_type {
        headers.entry(http::header::CONTENT_TYPE).or_insert(content_type.clone());
    }
    Headers::record(&headers)
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

fn seconds(duration: Option<Duration>) -> String {
    duration.filter(|duration| !duration.is_zero()).map_or_else(String::new, duration::to_text)
}

fn labels(labels: &[Label]) -> String {
    labels.iter().map(Label::as_str).collect::<Vec<_>>().join(",")
}

fn flow_control(flow_control: Option<&FlowControl>) -> String {
    flow_control.map_or_else(String::new, |FlowControl { key, limits }| {
        format!("{key} {}", limits.period(limits.period.unwrap_or(DEFAULT_PERIOD)))
    })
}
