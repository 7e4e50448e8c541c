//! What every message of a client is delivered with, unless it says otherwise.

use http::HeaderMap;
use qstash_types::{DeliveryOptions, Settings};

use crate::message::MessageParts;

/// Options without a message.
#[derive(Clone, Default)]
pub(crate) struct Defaults {
    pub(crate) options: DeliveryOptions,
    pub(crate) headers: HeaderMap,
}

impl Defaults {
    /// Sets what the message has not set.
    pub(crate) fn fill(&self, message: &mut MessageParts) {
        let (own, default) = (&mut message.options, &self.options);
        fill_settings(&mut own.settings, &default.settings);
        fill(&mut own.content_type, default.content_type.as_ref());
        fill(&mut own.callback, default.callback.as_ref());
        fill(&mut own.failure_callback, default.failure_callback.as_ref());
        fill(&mut own.redaction, default.redaction.as_ref());
        own.forward_all_headers |= default.forward_all_headers;
        if own.queue.is_none() {
            fill(&mut own.start, default.start.as_ref());
        }
        if own.labels.is_empty() {
            own.labels.clone_from(&default.labels);
        }
        fill_headers(&mut message.headers, &self.headers);
    }
}

fn fill_settings(own: &mut Settings, default: &Settings) {
    fill(&mut own.method, default.method.as_ref());
    fill(&mut own.timeout, default.timeout.as_ref());
    fill(&mut own.retries, default.retries.as_ref());
    fill(&mut own.retry_delay, default.retry_delay.as_ref());
    fill(&mut own.flow_control, default.flow_control.as_ref());
    fill_headers(&mut own.forward, &default.forward);
}

fn fill<T: Clone>(own: &mut Option<T>, default: Option<&T>) {
    if own.is_none() {
        *own = default.cloned();
    }
}

fn fill_headers(own: &mut HeaderMap, default: &HeaderMap) {
    for name in default.keys() {
        if !own.contains_key(name) {
            // A map that is full stays as the message made it.
            for value in default.get_all(name) {
                let _ = own.try_append(name, value.clone());
            }
        }
    }
}
