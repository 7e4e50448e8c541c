//! One readable line for each entry of the log.

use std::borrow::Cow;

use qstash_types::{LogState, without_secrets};
use tracing::{error, info, warn};

use crate::broker::{Entry, Message, Outcome};

/// How many characters of a response are shown.
const LONGEST_ANSWER: usize = 200;

pub(crate) fn entry(entry: &Entry) {
    let (state, message) = (&entry.state, &*entry.message);
    let (id, method, url) = (&message.id, &message.method, shown(message.url.as_str()));
    match (entry.outcome.as_ref().filter(|_| *state == LogState::Error), entry.next_attempt) {
        (Some(outcome), Some(next)) => {
            let wait = entry.time.until(next).as_secs_f64();
            let answer = answer(message, outcome);
            warn!("{state} {id} {method} {url}: {outcome}{answer}, next attempt in {wait:.1} s");
        }
        (Some(outcome), None) => {
            let answer = answer(message, outcome);
            warn!("{state} {id} {method} {url}: {outcome}{answer}, no attempt is left");
        }
        _ if entry.state == LogState::Failed => error!("{state} {id} {method} {url}"),
        _ => info!("{state} {id} {method} {url}"),
    }
}

/// The URL short of what may be secret in it. Most have nothing of the kind, and there are several lines for a message.
fn shown(url: &str) -> Cow<'_, str> {
    if url.contains(['?', '#', '@']) { without_secrets(url).into() } else { url.into() }
}

/// The first line of what was answered: often it says what is wrong. It may as well repeat what it was sent, so nothing is said
/// of it if that is to be redacted.
fn answer(message: &Message, outcome: &Outcome) -> String {
    if message.redaction.is_some() {
        return String::new();
    }
    let body = outcome.response().map_or(&b""[..], |response| &response.body);
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST_ANSWER)]);
    let line = text.trim_start().lines().next().unwrap_or_default();
    if line.is_empty() {
        return String::new();
    }
    match line.char_indices().nth(LONGEST_ANSWER) {
        Some((end, _)) => format!(" with {:?} …", &line[..end]),
        None => format!(" with {line:?}"),
    }
}
