//! Why a request did not reach its handler.

use std::{error::Error, fmt, sync::Arc};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    error::PayloadError,
    http::{StatusCode, header::ContentType},
};
use qstash_verify::{Diagnosis, JsonError, LogLevel, VerifyError};

use crate::Outcome;

/// Why a request did not reach its handler.
///
/// The response is a status and a short fixed text. The rejection itself is in its extensions, for middleware that logs
/// or restyles:
///
/// ```
/// use actix_web::ResponseError;
/// use qstash_actix::{Rejection, VerifyError};
///
/// let response = Rejection::Unverified(VerifyError::Missing).error_response();
/// assert_eq!(response.status(), 403);
/// assert!(matches!(
///     response.extensions().get(),
///     Some(Rejection::Unverified(VerifyError::Missing)),
/// ));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The request is not what QStash signed. Status 403, or 413 if the body is too large.
    Unverified(VerifyError),
    /// The body broke off or came malformed. Status 400.
    BrokenBody(Arc<dyn Error + Send + Sync>),
    /// The verified body is not the JSON of a [`Signed`](crate::Signed). Status 422: QStash tries again, since the
    /// next deployment may understand it. Status 489 if
    /// [the verifier says so](crate::VerifierBuilder::undecodable_is_permanent): QStash gives up.
    Json(Arc<JsonError>),
    /// [`Signed`](crate::Signed) or [`Delivery`](crate::Delivery) on a route without
    /// [`VerifySignature`](crate::VerifySignature). Status 500.
    Unprotected,
}

impl Rejection {
    pub(crate) fn broken_body(error: PayloadError) -> Self {
        Self::BrokenBody(Arc::new(error))
    }

    /// What the sender may know.
    fn public_text(&self) -> &'static str {
        match self {
            Self::Unverified(error) => error.public_text(),
            Self::BrokenBody(_) => "broken body",
            Self::Json(_) => "unexpected body",
            Self::Unprotected => "this route is not behind `VerifySignature`",
        }
    }

    pub(crate) fn log(&self, level: LogLevel, diagnosis: Option<Diagnosis>) {
        let reason: &(dyn Error + 'static) = self;
        let likely_cause = diagnosis.map(tracing::field::display);
        match level {
            LogLevel::Warn { suppressed } => {
                tracing::warn!(reason, likely_cause, suppressed, "request refused");
            }
            LogLevel::Debug => tracing::debug!(reason, likely_cause, "request refused"),
        }
    }
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Unverified(error) => {
                StatusCode::from_u16(error.status()).expect("the verifier answers with HTTP statuses")
            }
            Self::BrokenBody(_) => StatusCode::BAD_REQUEST,
            Self::Json(error) if error.is_permanent() => Outcome::permanent("").status_code(),
            Self::Json(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unprotected => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let text = self.public_text();
        let mut response = match self {
            Self::Json(error) if error.is_permanent() => Outcome::permanent(text).error_response(),
            _ => HttpResponse::build(self.status_code()).content_type(ContentType::plaintext()).body(text),
        };
        response.extensions_mut().insert(self.clone());
        response
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unverified(error) => error.fmt(f),
            Self::BrokenBody(_) => f.write_str("the body could not be read"),
            Self::Json(error) => error.fmt(f),
            Self::Unprotected => f.write_str("the route is not behind `VerifySignature`"),
        }
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unverified(error) => error.source(),
            Self::BrokenBody(error) => Some(&**error),
            Self::Json(error) => error.source(),
            Self::Unprotected => None,
        }
    }
}

impl From<VerifyError> for Rejection {
    fn from(error: VerifyError) -> Self {
        Self::Unverified(error)
    }
}

impl From<JsonError> for Rejection {
    fn from(error: JsonError) -> Self {
        Self::Json(Arc::new(error))
    }
}
