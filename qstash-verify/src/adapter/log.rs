//! The events of a middleware.

use std::{error::Error, fmt};

use qstash_types::header;

use super::{Refusal, RequestHead};
use crate::{Diagnosis, HandlerError, LogLevel, Outcome, target::Target};

/// Tells why a request was refused, and which one it was. Without the query, which may hold secrets.
pub(super) fn log_refusal(
    refusal: &Refusal,
    level: LogLevel,
    diagnosis: Option<Diagnosis>,
    head: &impl RequestHead,
) {
    let reason: &(dyn Error + 'static) = refusal;
    let likely_cause = diagnosis.map(tracing::field::display);
    let help = tracing::field::display(refusal.help());
    let method = tracing::field::display(Excerpt(head.method()));
    let path = tracing::field::display(Excerpt(Target::new(head.target()).path()));
    let message_id = head.header(header::MESSAGE_ID.as_str()).next();
    let message_id =
        message_id.and_then(|id| Some(tracing::field::display(Excerpt(str::from_utf8(id).ok()?))));
    match level {
        LogLevel::Warn { suppressed } => {
            tracing::warn!(
                reason,
                likely_cause,
                help,
                method,
                path,
                message_id,
                suppressed,
                "request refused"
            );
        }
        LogLevel::Debug => {
            tracing::debug!(reason, likely_cause, help, method, path, message_id, "request refused");
        }
    }
}

/// A stranger's text for a line of a log: in one line, and not longer than that.
struct Excerpt<'a>(&'a str);

/// In characters.
const LONGEST_EXCERPT: usize = 200;

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars();
        rest.by_ref().take(LONGEST_EXCERPT).try_for_each(|c| c.escape_debug().fmt(f))?;
        if rest.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}

/// Logs the reason of an outcome that has one, as a warning.
pub fn log_outcome(outcome: &Outcome) {
    if !outcome.body().is_empty() {
        tracing::warn!(status = outcome.status(), reason = outcome.body(), "delivery not handled");
    }
}

/// Logs why a handler failed, as a warning.
pub fn log_handler_error(error: &HandlerError) {
    match error.cause() {
        Some(reason) => {
            tracing::warn!(status = error.outcome().status(), reason, "delivery not handled");
        }
        None => log_outcome(error.outcome()),
    }
}
