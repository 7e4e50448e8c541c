//! Why a request did not reach its handler.

use axum::response::{IntoResponse, Response};
use qstash_verify::adapter::Refusal;

use crate::response::response;

/// Why a request did not reach its handler.
///
/// A tuple around [`Refusal`], which has the status of each cause, since a response must be made of a type of its own.
/// The response is that status and a short fixed text. The rejection itself is in its extensions, for layers that log or
/// restyle:
///
/// ```
/// use axum::response::{IntoResponse, Response};
/// use qstash_axum::{Refusal, Rejection, VerifyError};
///
/// let response: Response = Rejection(Refusal::Unverified(VerifyError::Missing)).into_response();
/// assert_eq!(response.status(), 403);
/// assert!(matches!(
///     response.extensions().get(),
///     Some(Rejection(Refusal::Unverified(VerifyError::Missing))),
/// ));
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct Rejection(#[from] pub Refusal);

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = response(self.0.status(), self.0.headers(), self.0.public_text());
        response.extensions_mut().insert(self);
        response
    }
}
