//! What a caller may have meant otherwise. The call is carried out, so that is told to the log.

use http::{HeaderMap, HeaderName};
use qstash_types::header::{
    self, CALLBACK_SETTINGS, FAILURE_CALLBACK_SETTINGS, MESSAGE_SETTINGS, SettingNames,
};

use crate::tell::tell;

/// The headers that a call may carry, beside settings and headers to forward.
const KNOWN: [HeaderName; 14] = [
    header::CALLBACK,
    header::CONTENT_BASED_DEDUPLICATION,
    header::CRON,
    header::DEDUPLICATION_ID,
    header::DELAY,
    header::FAILURE_CALLBACK,
    header::HEADER_FORWARD,
    header::LABEL,
    header::NOT_BEFORE,
    header::QUEUE_NAME,
    header::REDACT_FIELDS,
    header::SCHEDULE_ID,
    // Two that a receiver of a delivery may pass on when it publishes itself.
    header::MESSAGE_ID,
    header::RETRIED,
];

/// Tells which headers mean nothing, and which give way to others.
pub(super) fn tell_hints(headers: &HeaderMap) {
    for name in headers.keys().filter(|name| name.as_str().starts_with(header::PREFIX) && !is_known(name)) {
        tell!(WARN, "{}: there is no such header, so it is ignored", header::canonical(name.as_str()));
    }
    for (ignored, winner) in
        [(header::DELAY, header::NOT_BEFORE), (header::CONTENT_BASED_DEDUPLICATION, header::DEDUPLICATION_ID)]
    {
        if headers.contains_key(&ignored) && headers.contains_key(&winner) {
            let [ignored, winner] = [ignored, winner].map(|name| header::canonical(name.as_str()));
            tell!(WARN, "{ignored} is ignored, since {winner} says otherwise");
        }
    }
    for (callback, prefix) in [
        (header::CALLBACK, CALLBACK_SETTINGS.prefix),
        (header::FAILURE_CALLBACK, FAILURE_CALLBACK_SETTINGS.prefix),
    ] {
        if !headers.contains_key(&callback)
            && let Some(setting) = headers.keys().find(|name| name.as_str().starts_with(prefix))
        {
            let [setting, callback] = [setting, &callback].map(|name| header::canonical(name.as_str()));
            tell!(WARN, "{setting} is ignored, since there is no {callback}");
        }
    }
}

fn is_known(name: &HeaderName) -> bool {
    let is_setting = |names: &SettingNames| {
        name.as_str().starts_with(names.forward_prefix)
            || [
                &names.method,
                &names.timeout,
                &names.retries,
                &names.retry_delay,
                &names.flow_control_key,
                &names.flow_control_value,
            ]
            .contains(&name)
    };
    KNOWN.contains(name)
        || name.as_str().starts_with(header::TELEMETRY_PREFIX)
        || [&MESSAGE_SETTINGS, &CALLBACK_SETTINGS, &FAILURE_CALLBACK_SETTINGS].into_iter().any(is_setting)
}
