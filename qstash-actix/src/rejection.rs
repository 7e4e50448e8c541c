//! Why a request did not reach its handler.

use actix_web::{HttpResponse, ResponseError, body::BoxBody, http::StatusCode};
use qstash_verify::adapter::Refusal;

use crate::response::{response, status_code};

/// Why a request did not reach its handler.
///
/// A tuple around [`Refusal`], which has the status of each cause, since a response must be made of a type of its own.
/// The response is that status and a short fixed text. The rejection itself is in its extensions, for middleware that logs
/// or restyles:
///
/// ```
/// use actix_web::ResponseError;
/// use qstash_actix::{Refusal, Rejection, VerifyError};
///
/// let response = Rejection(Refusal::Unverified(VerifyError::Missing)).error_response();
/// assert_eq!(response.status(), 403);
/// assert!(matches!(
///     response.extensions().get(),
///     Some(Rejection(Refusal::Unverified(VerifyError::Missing))),
/// ));
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct Rejection(#[from] pub Refusal);

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        status_code(self.0.status())
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = response(self.0.status(), self.0.headers(), self.0.public_text());
        response.extensions_mut().insert(self.clone());
        response
    }
}
