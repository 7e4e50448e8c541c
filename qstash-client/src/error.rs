//! What went wrong, by the phase of the call: the phase decides what a caller can do about it.

mod api;
mod config;
mod decode;
mod input;
mod text;
mod transport;

use std::{error::Error as StdError, time::Duration};

pub use http::StatusCode;
use qstash_types::{DeduplicationId, debug_as_text};

use crate::api::Api;

pub(crate) use self::decode::Fault;
pub use self::{
    api::{ApiError, RateLimit, RateLimitKind},
    config::ConfigError,
    decode::DecodeError,
    input::InvalidInput,
    transport::TransportError,
};
pub use crate::check::CheckError;

/// An error of another library, whose type is not part of this one's interface.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// A call of the API failed.
///
/// The variants are the phases of a call. What a caller needs to decide has a method, which covers all phases.
///
/// `Display` is one clause. `Debug` adds the causes, so that a program whose `main` returns the error ends with a text that can
/// be read. Neither shows the token, even if the server's answer does.
#[derive(thiserror::Error)]
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

debug_as_text!(Error, InvalidInput, TransportError, ApiError, DecodeError, ConfigError, CheckError);

const _: () = assert!(size_of::<Error>() <= 16, "results should stay small");

impl Error {
    /// Whether the same call may succeed later: no answer, unless it was too long or the server speaks no TLS, or status 408,
    /// 429 or 5xx.
    ///
    /// The client has already repeated it as far as its [`RetryPolicy`](crate::RetryPolicy) and deadline allowed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Input(_) | Error::Decode(_) => false,
            Error::Transport(error) => error.is_retryable(),
            Error::Api(error) => error.is_retryable(),
        }
    }

    /// Whether the call may have been carried out all the same, so that repeating it could do it twice.
    ///
    /// It is safe to repeat the publish with the id from [`deduplication_id`](Self::deduplication_id).
    pub fn is_ambiguous(&self) -> bool {
        let last_attempt = match self {
            Error::Input(_) => false,
            Error::Transport(error) => error.may_have_arrived(),
            Error::Api(error) => error.is_ambiguous(),
            Error::Decode(error) => error.is_ambiguous(),
        };
        last_attempt || self.history().is_some_and(|history| history.ambiguous)
    }

    /// Whether it took too long: the client's deadline, the connection's, or a 408 or 504 of the server.
    pub fn is_timeout(&self) -> bool {
        match self {
            Error::Transport(error) => error.is_timeout(),
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
            Error::Decode(error) => Some(error.status()),
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

    /// Names the server in failures that are about reaching it.
    pub(crate) fn at(mut self, api: &Api) -> Self {
        if let Error::Transport(error) = &mut self {
            error.at(api);
        }
        self
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

/// What is known about a call beyond its last attempt.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The id that all attempts carried.
    pub(crate) deduplication_id: Option<DeduplicationId>,
    /// Whether any attempt may have been carried out. The last one alone cannot tell: a refused connection says nothing
    /// about the lost answer before it.
    pub(crate) ambiguous: bool,
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
