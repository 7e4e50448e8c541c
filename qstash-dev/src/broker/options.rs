//! Delivery options: on top of others, and within limits.

use std::time::Duration;

use qstash_types::{DeliveryOptions, HeaderMap, Settings, Start};

use super::{Millis, Refused};

/// As on the pay-as-you-go plan.
const LONGEST_DELAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// As on the largest plans.
const MOST_RETRIES: u32 = 999;

/// Refuses what no plan allows.
pub(super) fn check(options: &DeliveryOptions, now: Millis) -> Result<(), Refused> {
    let is_too_late = match options.start {
        None => false,
        Some(Start::After(delay)) => delay > LONGEST_DELAY,
        Some(Start::At(time)) => Millis::of(time) > now + LONGEST_DELAY,
    };
    if is_too_late {
        return Err(Refused::Quota("maxDelay"));
    }
    let callbacks = [&options.callback, &options.failure_callback].into_iter().flatten();
    let mut settings = callbacks.map(|target| &target.settings).chain([&options.settings]);
    if settings.any(|settings| settings.retries.is_some_and(|retries| retries > MOST_RETRIES)) {
        return Err(Refused::Quota("maxRetries"));
    }
    Ok(())
}

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

/// How much memory headers take up, more or less.
pub(super) fn bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
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
