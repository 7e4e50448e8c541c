//! One readable line for each entry of the log.

use std::borrow::Cow;

use qstash_types::{Help, LogState, header, without_secrets};

use qstash_broker::{AttemptEnd, Entry, StoredMessage};
use tracing::{Level, enabled, error, info, warn};

/// How many characters of a response are shown.
const LONGEST_ANSWER: usize = 200;

pub(crate) fn write(entry: &Entry) {
    let (state, message) = (&entry.state, &*entry.message);
    let (id, method, url) = (&message.id, &message.terms.method, shown(message.url.as_str()));
    match (entry.end.as_ref().filter(|_| *state == LogState::Error), entry.next_attempt) {
        (Some(outcome), Some(next)) => {
            let wait = entry.time.until(next).as_secs_f64();
            let answer = answer(message, outcome);
            let help = help(outcome);
            warn!("{state} {id} {method} {url}: {outcome}{answer}, next attempt in {wait:.1} s{help}");
        }
        (Some(outcome), None) => {
            let answer = answer(message, outcome);
            let why =
                if wants_no_retry(outcome) { "the destination wants no retry" } else { "no attempt is left" };
            let help = help(outcome);
            warn!("{state} {id} {method} {url}: {outcome}{answer}, {why}{help}");
        }
        _ if entry.state == LogState::Failed => error!("{state} {id} {method} {url}"),
        // Of these there are three for each message, and a text in one piece is written faster.
        _ if enabled!(Level::INFO) => {
            let line = [state.as_str(), id.as_str(), method.as_str(), &url].join(" ");
            info!("{line}");
        }
        _ => {}
    }
}

/// The URL short of what may be secret in it. Most have nothing of the kind, and there are several lines for a message.
fn shown(url: &str) -> Cow<'_, str> {
    if url.bytes().any(|byte| matches!(byte, b'?' | b'#' | b'@')) {
        without_secrets(url).into()
    } else {
        url.into()
    }
}

/// The first line of what was answered: often it says what is wrong. It may as well repeat what it was sent, so nothing is said
/// of it if that is to be redacted.
fn answer(message: &StoredMessage, outcome: &AttemptEnd) -> String {
    if message.terms.redaction.is_some() {
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

/// Where to read on, if what came is a common mistake.
fn help(outcome: &AttemptEnd) -> String {
    let help = match outcome.response().map(|response| response.status.as_u16()) {
        None => Help::NoResponse,
        Some(401 | 403) => Help::RefusedDelivery,
        Some(404 | 405) => Help::NoRoute,
        Some(413) => Help::BodyLimit,
        Some(400 | 415 | 422) => Help::UnexpectedBody,
        Some(500..) => Help::HandlerFailed,
        Some(_) => return String::new(),
    };
    format!(" ({help})")
}

/// As the broker decides: the header counts, whatever the status.
fn wants_no_retry(outcome: &AttemptEnd) -> bool {
    let wish = outcome.response().and_then(|response| response.headers.get(header::NON_RETRYABLE_ERROR));
    wish.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}
