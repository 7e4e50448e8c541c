//! One readable line for each entry of the log.

use std::borrow::Cow;

use qstash_types::{LogState, without_secrets};
use tracing::{error, info, warn};

use crate::broker::Entry;

pub(crate) fn entry(entry: &Entry) {
    let (state, message) = (&entry.state, &*entry.message);
    let (id, method, url) = (&message.id, &message.method, shown(message.url.as_str()));
    match (entry.outcome.as_ref().filter(|_| *state == LogState::Error), entry.next_attempt) {
        (Some(outcome), Some(next)) => {
            let wait = entry.time.until(next).as_secs_f64();
            warn!("{state} {id} {method} {url}: {outcome}, next attempt in {wait:.1} s");
        }
        (Some(outcome), None) => warn!("{state} {id} {method} {url}: {outcome}, no attempt is left"),
        _ if entry.state == LogState::Failed => error!("{state} {id} {method} {url}"),
        _ => info!("{state} {id} {method} {url}"),
    }
}

/// The URL short of what may be secret in it. Most have nothing of the kind, and there are several lines for a message.
fn shown(url: &str) -> Cow<'_, str> {
    if url.contains(['?', '#', '@']) { without_secrets(url).into() } else { url.into() }
}
