//! How much memory things take up, more or less. What is counted is what grows with what callers send; the constants stand for
//! the rest, and are rather too large than too small.

use http::{HeaderMap, HeaderName, HeaderValue};
use qstash_types::{CallbackOptions, DeliveryOptions, DeliverySettings, Label, RedactedHeaders, Redaction};

use super::{Publication, Response, StoredEndpoint, StoredMessage, Terms, UrlGroup};

/// A message with its places in maps and lines, beside its texts.
const MESSAGE: usize = 1024;
/// A schedule with what is known of its last run.
const SCHEDULE: usize = 8 * 1024;
/// A header beside its name and its value.
const HEADER: usize = 128;
/// A text beside its characters.
const TEXT: usize = 48;
/// The settings of a delivery beside their texts. A retry delay is a list of instructions.
const SETTINGS: usize = 512;
const RETRY_DELAY: usize = 16;

/// An open deduplication window, all in all.
pub(crate) const WINDOW: usize = 320;

/// A name with something of fixed size behind it, such as a queue or a flow-control key, which has the name several times.
pub(crate) fn named(name: &str) -> usize {
    512 + 3 * name.len()
}

impl StoredMessage {
    pub(crate) fn bytes(&self) -> usize {
        let names = [
            Some(self.url.as_str()),
            self.url_group.as_ref().map(AsRef::as_ref),
            self.endpoint.as_ref().map(AsRef::as_ref),
        ];
        MESSAGE + names.into_iter().flatten().map(text).sum::<usize>() + self.terms.bytes()
    }
}

impl Terms {
    /// Everything but the body.
    pub(super) fn measure(&self) -> usize {
        let names = [
            Some(self.method.as_str()),
            self.queue.as_ref().map(AsRef::as_ref),
            self.schedule_id.as_ref().map(AsRef::as_ref),
            self.flow_control.as_ref().map(|flow_control| flow_control.key.as_ref()),
        ];
        let delay = self.retry_delay.as_ref().map_or(0, |delay| RETRY_DELAY * delay.to_string().len());
        let callbacks = [&self.callback, &self.failure_callback].into_iter().flatten();
        names.into_iter().flatten().map(text).sum::<usize>()
            + self.header_list().iter().map(|(name, value)| header(name, value)).sum::<usize>()
            + labels(&self.labels)
            + self.redaction.as_deref().map_or(0, redaction)
            + callbacks.map(|target| callback(target)).sum::<usize>()
            + delay
    }
}

impl Response {
    pub(crate) fn bytes(&self) -> usize {
        headers(&self.headers) + self.body.len()
    }
}

impl Publication {
    /// The size of a schedule that publishes it.
    pub(crate) fn bytes(&self) -> usize {
        SCHEDULE + headers(&self.headers) + options(&self.options) + self.body.len()
    }
}

impl UrlGroup {
    pub(crate) fn bytes(&self, name: &str) -> usize {
        let endpoint = |endpoint: &StoredEndpoint| {
            text(endpoint.url.as_str()) + endpoint.name.as_ref().map_or(0, |name| text(name.as_ref()))
        };
        named(name) + self.endpoints.iter().map(endpoint).sum::<usize>() + options(&self.defaults)
    }
}

pub(crate) fn options(options: &DeliveryOptions) -> usize {
    let callbacks = [&options.callback, &options.failure_callback].into_iter().flatten();
    let names = [
        options.schedule_id.as_ref().map(AsRef::as_ref),
        options.queue.as_ref().map(AsRef::as_ref),
        options.content_type.as_ref().and_then(|value| str::from_utf8(value.as_bytes()).ok()),
    ];
    settings(&options.settings)
        + labels(&options.labels)
        + options.redaction.as_ref().map_or(0, redaction)
        + callbacks.map(callback).sum::<usize>()
        + names.into_iter().flatten().map(text).sum::<usize>()
}

fn callback(target: &CallbackOptions) -> usize {
    text(target.url.as_str()) + settings(&target.settings)
}

fn settings(settings: &DeliverySettings) -> usize {
    SETTINGS
        + settings.method.as_ref().map_or(0, |method| text(method.as_str()))
        + settings.retry_delay.as_ref().map_or(0, |delay| RETRY_DELAY * delay.to_string().len())
        + settings.flow_control.as_ref().map_or(0, |flow_control| text(flow_control.key.as_ref()))
        + headers(&settings.forward)
}

fn redaction(redaction: &Redaction) -> usize {
    match &redaction.headers {
        RedactedHeaders::Only(names) => names.iter().map(|name| text(name.as_str())).sum(),
        RedactedHeaders::All => 0,
    }
}

fn labels(labels: &[Label]) -> usize {
    labels.iter().map(|label| text(label.as_str())).sum()
}

pub(crate) fn headers(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| header(name, value)).sum()
}

fn header(name: &HeaderName, value: &HeaderValue) -> usize {
    HEADER + name.as_str().len() + value.len()
}

fn text(text: &str) -> usize {
    TEXT + text.len()
}
