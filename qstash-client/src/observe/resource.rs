//! What a call is about, in a word of a short list: what a metric can be split by.

use crate::request::Call;

/// The first segments of the paths of the API.
const RESOURCES: [&str; 12] = [
    "publish",
    "enqueue",
    "batch",
    "messages",
    "schedules",
    "queues",
    "topics",
    "dlq",
    "logs",
    "keys",
    "flowControl",
    "globalParallelism",
];

/// What of the API a call is for: the first segment of its path.
pub(super) fn resource(call: &Call) -> &'static str {
    let path = call.target.strip_prefix("/v2/").unwrap_or_default();
    let segment = path.split(['/', '?']).next();
    RESOURCES.into_iter().find(|resource| segment == Some(*resource)).unwrap_or("other")
}

/// Whether a call hands messages over.
#[cfg(feature = "tracing")]
pub(super) fn hands_over(call: &Call) -> bool {
    matches!(resource(call), "publish" | "enqueue" | "batch")
}
