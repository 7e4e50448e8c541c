//! Why a wait for a state was given up.

use std::{fmt, time::Duration};

use qstash_types::{LogEntry, LogState};

/// A message has not entered the state that a test has [waited for](super::DevServer::wait_for).
#[derive(Clone, PartialEq, Eq)]
pub struct NotReached {
    message: String,
    state: LogState,
    limit: Duration,
    /// What happened to it instead.
    story: Vec<String>,
}

impl NotReached {
    /// Tells the story of the message from the log, which has the newest entry first.
    pub(super) fn new(message: &str, state: LogState, limit: Duration, log: &[LogEntry]) -> Self {
        let own = log.iter().rev().filter(|entry| entry.message_id.as_str() == message);
        let story = own.map(|entry| match &entry.error {
            Some(error) => format!("{} ({error})", entry.state),
            None => entry.state.to_string(),
        });
        Self { message: message.to_owned(), state, limit, story: story.collect() }
    }
}

impl fmt::Display for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, state, limit, story } = self;
        write!(f, "{message} has not entered {state} within {limit:?}: ")?;
        match &story[..] {
            [] => f.write_str("the log does not know it"),
            story => write!(f, "it was {}", story.join(", then ")),
        }
    }
}

impl fmt::Debug for NotReached {
    /// The same text: tests unwrap.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NotReached {}
