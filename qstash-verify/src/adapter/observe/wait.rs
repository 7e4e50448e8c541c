//! How long a message has waited.

use std::time::{Duration, SystemTime};

use qstash_types::header;

use crate::adapter::RequestHead;

/// The time since the message was published, by a header that the publisher has forwarded; absent without it.
///
/// The header is not signed, and the clocks are two: a publisher whose clock is ahead counts as one that has published just
/// now.
pub(super) fn since_publishing(head: &impl RequestHead, now: SystemTime) -> Option<Duration> {
    let text = str::from_utf8(head.header(header::PUBLISHED_AT.as_str()).next()?).ok()?;
    let millis = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let published = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
    Some(now.duration_since(published).unwrap_or_default())
}
