//! What went wrong, by the phase in which it did: the phase decides what a caller can do about it.

use std::{error::Error as StdError, fmt, time::Duration};

use http::StatusCode;
use qstash_types::DeduplicationId;

use crate::ApiError;

/// A foreign error, whose type is nobody's business.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// A call of the API failed.
///
/// The variants are the phases of a call. Questions that a caller asks have a method each, whatever the phase.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was to be sent has a mistake. Nothing was sent.
    #[error(transparent)]
    Input(Box<InvalidInput>),
    /// No answer came: name resolution, connection, TLS, timeout.
    #[error(transparent)]
    Transport(Box<TransportError>),
    /// QStash answered with an error status.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// QStash answered with success, but in a way that the client does not understand.
    #[error(transparent)]
    Decode(Box<DecodeError>),
}

const _: () = assert!(size_of::<Error>() <= 16, "results should stay small");

impl Error {
    /// Whether the same call may succeed later: no answer, unless it was too long, or status 408, 429 or 5xx.
    ///
    /// The client has already repeated it as far as its [`RetryPolicy`](crate::RetryPolicy) and deadline allowed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Input(_) | Error::Decode(_) => false,
            Error::Transport(error) => !error.is_too_long,
            Error::Api(error) => error.is_retryable(),
        }
    }

    /// Whether the call may have been carried out all the same, so that repeating it could do it twice.
    ///
    /// It is safe to repeat the publish with the id from [`deduplication_id`](Self::deduplication_id).
    pub fn is_ambiguous(&self) -> bool {
        let last_attempt = match self {
            Error::Input(_) => false,
            Error::Transport(error) => error.may_have_arrived,
            Error::Api(error) => error.is_ambiguous(),
            Error::Decode(error) => error.is_ambiguous(),
        };
        last_attempt || self.history().is_some_and(|history| history.ambiguous)
    }

    /// Whether it took too long: the client's deadline, the connection's, or a 408 or 504 of the server.
    pub fn is_timeout(&self) -> bool {
        match self {
            Error::Transport(error) => error.timed_out,
            _ => matches!(self.status(), Some(StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT)),
        }
    }

    /// How long the server asks to wait before another call.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Api(error) => error.retry_after(),
            _ => None,
        }
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Error::Input(_) | Error::Transport(_) => None,
            Error::Api(error) => Some(error.status()),
            Error::Decode(error) => Some(error.status),
        }
    }

    /// The deduplication id that the publish carried, its own or the generated one.
    pub fn deduplication_id(&self) -> Option<&DeduplicationId> {
        self.history()?.deduplication_id.as_ref()
    }

    /// Takes what a transport failed with. An error of another type may have happened at any time.
    pub(crate) fn from_transport(error: BoxError) -> Self {
        let error = error.downcast::<TransportError>();
        error.map_or_else(|other| TransportError::interrupted(other).into(), Error::Transport)
    }

    fn history(&self) -> Option<&History> {
        match self {
            Error::Input(_) => None,
            Error::Transport(error) => Some(&error.history),
            Error::Api(error) => Some(&error.history),
            Error::Decode(error) => Some(&error.history),
        }
    }

    pub(crate) fn with_history(mut self, history: History) -> Self {
        if let Some(own) = self.history_mut() {
            *own = history;
        }
        self
    }

    /// The failure of a call that was made before, and may have been carried out then.
    pub(crate) fn after_another(mut self, may_be_done: bool) -> Self {
        if let Some(own) = self.history_mut() {
            own.ambiguous |= may_be_done;
        }
        self
    }

    fn history_mut(&mut self) -> Option<&mut History> {
        match self {
            Error::Input(_) => None,
            Error::Transport(error) => Some(&mut error.history),
            Error::Api(error) => Some(&mut error.history),
            Error::Decode(error) => Some(&mut error.history),
        }
    }
}

impl From<InvalidInput> for Error {
    fn from(mistake: InvalidInput) -> Self {
        Error::Input(Box::new(mistake))
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Error::Transport(Box::new(error))
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Error::Api(Box::new(error))
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Error::Decode(Box::new(error))
    }
}

/// What is known about a call beyond its last attempt.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The id that all attempts carried.
    pub(crate) deduplication_id: Option<DeduplicationId>,
    /// Whether any attempt may have been carried out. The last one alone cannot tell: a refused connection says nothing
    /// about the lost answer before it.
    pub(crate) ambiguous: bool,
}

/// What was to be sent has a mistake: a message, an id, a filter, a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {field}: {fault}")]
pub struct InvalidInput {
    field: String,
    fault: String,
}

impl InvalidInput {
    pub(crate) fn new(field: &str, fault: impl fmt::Display) -> Self {
        Self { field: field.to_owned(), fault: fault.to_string() }
    }

    /// The same mistake, in a part of something larger.
    pub(crate) fn inside(self, outer: &str) -> Self {
        Self { field: format!("{outer} {}", self.field), ..self }
    }

    /// The field, such as `destination` or `failure callback URL`.
    pub fn field(&self) -> &str {
        &self.field
    }
}

/// No answer came.
///
/// A transport of your own says by the constructor whether the request may have reached the server: the client repeats
/// what certainly has not, and beyond that only what does no harm when it arrives twice.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.clause())]
pub struct TransportError {
    may_have_arrived: bool,
    timed_out: bool,
    is_too_long: bool,
    source: BoxError,
    history: History,
}

impl TransportError {
    /// The request certainly did not reach the server; for instance, the connection was refused.
    pub fn not_sent(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            may_have_arrived: false,
            timed_out: false,
            is_too_long: false,
            source: cause.into(),
            history: History::default(),
        }
    }

    /// The request may have reached the server, but no complete answer came back.
    pub fn interrupted(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { may_have_arrived: true, ..Self::not_sent(cause) }
    }

    /// The answer was not read to its end, and would not be the next time.
    pub(crate) fn too_long(limit: usize) -> Self {
        Self { is_too_long: true, ..Self::interrupted(format!("it has more than {limit} bytes")) }
    }

    /// The same failure, caused by a time limit.
    pub fn timed_out(self) -> Self {
        Self { timed_out: true, ..self }
    }

    fn clause(&self) -> &'static str {
        match (self.may_have_arrived, self.timed_out) {
            _ if self.is_too_long => "the answer of QStash is too long",
            (false, false) => "could not connect to QStash",
            (false, true) => "could not connect to QStash in time",
            (true, false) => "the connection to QStash broke before the answer was complete",
            (true, true) => "QStash did not answer in time",
        }
    }
}

/// QStash answered with success, but in a way that the client does not understand.
#[derive(Debug)]
pub struct DecodeError {
    status: StatusCode,
    fault: Fault,
    history: History,
}

/// What is wrong with the body of an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the answer of QStash was not understood")]
    NotUnderstood(#[from] serde_json::Error),
    #[error("the URL group has no endpoints")]
    NoEndpoints,
    #[error("QStash answered with a cursor that it was given before, so the listing does not end")]
    SameCursor,
    #[error("QStash answered for {found} messages of a batch of {expected}")]
    AnswerCount { expected: usize, found: usize },
}

impl DecodeError {
    pub(crate) fn new(status: StatusCode, fault: Fault) -> Self {
        Self { status, fault, history: History::default() }
    }

    fn is_ambiguous(&self) -> bool {
        // The server said that it has carried out the call; only for a group without endpoints there was nothing to do.
        !matches!(self.fault, Fault::NoEndpoints)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl StdError for DecodeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.fault.source()
    }
}
