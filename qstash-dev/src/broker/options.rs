//! Delivery options on top of others.

use qstash_types::{DeliveryOptions, HeaderMap, Settings};

/// The options, with those of the base where they say nothing. Forwarded headers are joined by name.
pub(super) fn on_top_of(options: DeliveryOptions, base: &DeliveryOptions) -> DeliveryOptions {
    let mut joined = base.clone();
    joined.settings = settings_on_top_of(options.settings, joined.settings);
    joined.content_type = options.content_type.or(joined.content_type);
    joined.forward_all_headers |= options.forward_all_headers;
    joined.start = options.start.or(joined.start);
    joined.deduplication = options.deduplication.or(joined.deduplication);
    joined.callback = options.callback.or(joined.callback);
    joined.failure_callback = options.failure_callback.or(joined.failure_callback);
    if !options.labels.is_empty() {
        joined.labels = options.labels;
    }
    joined.redaction = options.redaction.or(joined.redaction);
    joined.schedule_id = options.schedule_id.or(joined.schedule_id);
    joined.queue = options.queue.or(joined.queue);
    joined
}

fn settings_on_top_of(settings: Settings, mut base: Settings) -> Settings {
    base.method = settings.method.or(base.method);
    base.timeout = settings.timeout.or(base.timeout);
    base.retries = settings.retries.or(base.retries);
    base.retry_delay = settings.retry_delay.or(base.retry_delay);
    base.flow_control = settings.flow_control.or(base.flow_control);
    base.forward = headers_on_top_of(&settings.forward, base.forward);
    base
}

/// The headers, with those of the base whose names are not among them.
pub(super) fn headers_on_top_of(headers: &HeaderMap, mut base: HeaderMap) -> HeaderMap {
    for name in headers.keys() {
        base.remove(name);
    }
    for (name, value) in headers {
        base.append(name, value.clone());
    }
    base
}
