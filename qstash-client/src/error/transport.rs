//! Failures without an answer.

use std::error::Error as StdError;

use qstash_types::Help;

use super::{BoxError, History};
use crate::api::Api;

/// No answer came.
///
/// A transport of your own says by the constructor whether the request may have reached the server: the client repeats
/// what certainly has not, and beyond that only what does no harm when it arrives twice.
#[derive(thiserror::Error)]
#[error("{}", self.clause())]
pub struct TransportError {
    kind: Kind,
    may_have_arrived: bool,
    timed_out: bool,
    /// The base URL, and what to do when nothing listens there.
    server: String,
    source: BoxError,
    pub(super) history: History,
}

/// What the caller can do about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Try again later.
    Ordinary,
    /// Nothing: the answer would be too long again.
    TooLong,
    /// Write another base URL.
    NoTls,
}

impl TransportError {
    /// The request certainly did not reach the server; for instance, the connection was refused.
    pub fn not_sent(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            kind: Kind::Ordinary,
            may_have_arrived: false,
            timed_out: false,
            server: String::new(),
            source: cause.into(),
            history: History::default(),
        }
    }

    /// The request may have reached the server, but no complete answer came back.
    pub fn interrupted(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { may_have_arrived: true, ..Self::not_sent(cause) }
    }

    /// The answer has more bytes than the transport accepts, and would have the next time. The call is not repeated.
    pub fn too_long(limit: usize) -> Self {
        Self { kind: Kind::TooLong, ..Self::interrupted(format!("it has more than {limit} bytes")) }
    }

    /// The request was not sent, because the server answered the TLS handshake with something else. The call is not repeated.
    pub fn no_tls(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: Kind::NoTls, ..Self::not_sent(cause) }
    }

    /// The same failure, caused by a time limit.
    pub fn timed_out(self) -> Self {
        Self { timed_out: true, ..self }
    }

    pub(super) fn may_have_arrived(&self) -> bool {
        self.may_have_arrived
    }

    pub(super) fn is_timeout(&self) -> bool {
        self.timed_out
    }

    /// Whether the same call may succeed later.
    pub(super) fn is_retryable(&self) -> bool {
        self.kind == Kind::Ordinary
    }

    /// Names the server.
    pub(super) fn at(&mut self, api: &Api) {
        self.server = match self.kind {
            Kind::Ordinary if api.is_local() && !self.timed_out => {
                format!(" at {}, does `qstash-dev` run there?", api.base_url)
            }
            _ => format!(" at {}", api.base_url),
        };
    }

    fn clause(&self) -> String {
        let server = &self.server;
        let (text, help) = match (self.kind, self.may_have_arrived, self.timed_out) {
            (Kind::TooLong, ..) => return "the answer of QStash is too long".to_owned(),
            (Kind::NoTls, ..) => (
                format!("the server{server} does not speak TLS, write http:// in the base URL"),
                Help::PlainServer,
            ),
            (Kind::Ordinary, false, false) => {
                (format!("could not connect to QStash{server}"), Help::NoConnection)
            }
            (Kind::Ordinary, false, true) => {
                (format!("could not connect to QStash{server} in time"), Help::NoConnection)
            }
            (Kind::Ordinary, true, false) => {
                ("the connection to QStash broke before the answer was complete".to_owned(), Help::LostAnswer)
            }
            (Kind::Ordinary, true, true) => ("QStash did not answer in time".to_owned(), Help::LostAnswer),
        };
        format!("{text} ({help})")
    }
}
