//! Why a request did not reach its handler.

use std::{error::Error, sync::Arc};

use qstash_types::Help;

use crate::{JsonError, VerifyError, outcome::UNEXPECTED_BODY};

/// Why a request did not reach its handler.
///
/// | refusal | status | QStash then |
/// |---|---|---|
/// | [`Unverified`](Self::Unverified) | that of [`VerifyError::status`]: 403, 408 or 413 | tries again |
/// | [`BrokenBody`](Self::BrokenBody) | 400 | tries again |
/// | [`Json`](Self::Json) | 422, or 489 if [the verifier says so](crate::VerifierBuilder::undecodable_is_non_retryable) | tries again, or gives up |
/// | [`Unprotected`](Self::Unprotected) | 500 | tries again |
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request is not what QStash signed.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// The body broke off or came malformed.
    #[error("the body could not be read")]
    BrokenBody(#[source] Arc<dyn Error + Send + Sync>),
    /// The verified body is not the JSON that the handler takes.
    #[error(transparent)]
    Json(Arc<JsonError>),
    /// The handler takes a delivery on a route that no middleware protects.
    #[error("the route is not behind `VerifySignature`: add that after the route")]
    Unprotected,
}

impl Refusal {
    /// The refusal of a body that its transport could not read.
    pub fn broken_body(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::BrokenBody(error.into().into())
    }

    /// The HTTP status of the response.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unverified(error) => error.status(),
            Self::BrokenBody(_) => 400,
            Self::Json(error) => error.outcome().status(),
            Self::Unprotected => 500,
        }
    }

    /// Where to read on.
    pub fn help(&self) -> Help {
        match self {
            Self::Unverified(error) => error.help(),
            Self::BrokenBody(_) => Help::BrokenBody,
            Self::Json(_) => Help::UnexpectedBody,
            Self::Unprotected => Help::NoMiddleware,
        }
    }

    /// The headers of the response, with lower-case names.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let outcome = if let Self::Json(error) = self { Some(error.outcome()) } else { None };
        outcome.into_iter().flat_map(|outcome| outcome.headers())
    }

    /// The body of the response: what the sender may know.
    pub fn public_text(&self) -> &'static str {
        match self {
            Self::Unverified(error) => error.public_text(),
            Self::BrokenBody(_) => "broken body",
            Self::Json(_) => UNEXPECTED_BODY,
            Self::Unprotected => "this route is not behind `VerifySignature`",
        }
    }
}

impl From<JsonError> for Refusal {
    fn from(error: JsonError) -> Self {
        Self::Json(Arc::new(error))
    }
}
