//! What handlers return.

use std::{fmt, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, Responder, ResponseError,
    body::BoxBody,
    http::{StatusCode, header::ContentType},
};
use qstash_verify::{FieldError, JsonError};

/// What a handler tells QStash about a delivery.
///
/// | outcome | response | QStash then |
/// |---|---|---|
/// | [`done`](Self::done) | 200 | is finished |
/// | [`retry_after`](Self::retry_after) | 503, `Retry-After` | tries again then, if attempts are left |
/// | [`permanent`](Self::permanent) | 489, `Upstash-NonRetryable-Error: true` | gives up: failure callback, dead letter queue |
/// | from an error, by `?` | 422 | tries again on its own schedule, if attempts are left |
///
/// A body that is not the expected JSON is permanent instead, if
/// [the verifier says so](crate::VerifierBuilder::undecodable_is_permanent).
///
/// Whatever has a reason is logged with it, as a warning.
///
/// As `Result<Outcome, Outcome>` it takes a `?` on whatever cannot be read:
///
/// ```
/// use std::time::Duration;
/// use qstash_actix::{Callback, Outcome, Signed};
///
/// #[derive(serde::Deserialize)]
/// struct Image {
///     width: u32,
/// }
///
/// async fn done(Signed(callback): Signed<Callback>) -> Result<Outcome, Outcome> {
///     let image: Image = callback.json()?;
///     if image.width == 0 {
///         return Ok(Outcome::permanent("an image without width"));
///     }
///     Ok(Outcome::done())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "QStash learns of an outcome that is the response"]
pub struct Outcome(qstash_verify::Outcome);

impl Outcome {
    /// The message is handled.
    pub fn done() -> Self {
        Self(qstash_verify::Outcome::done())
    }

    /// Try again after a while. Header: `Retry-After`, in whole seconds, rounded up, at most 24 hours.
    pub fn retry_after(wait: Duration) -> Self {
        Self(qstash_verify::Outcome::retry_after(wait))
    }

    /// Never try again. Header: `Upstash-NonRetryable-Error`. The reason is the body of the response, which failure
    /// callback and dead letter queue show.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self(qstash_verify::Outcome::permanent(reason))
    }
}

impl Responder for Outcome {
    type Body = BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

/// What makes an `Outcome` possible on the `Err` side of a handler's result.
impl ResponseError for Outcome {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).expect("outcomes have HTTP statuses")
    }

    fn error_response(&self) -> HttpResponse {
        if !self.0.body().is_empty() {
            tracing::warn!(status = self.0.status(), reason = self.0.body(), "delivery not handled");
        }
        let mut response = HttpResponse::build(self.status_code());
        for header in self.0.headers() {
            response.insert_header(header);
        }
        response.content_type(ContentType::plaintext()).body(self.0.body().to_owned())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler answered with status {}", self.0.status())
    }
}

impl From<FieldError> for Outcome {
    /// Status 422: a field of a callback cannot be decoded.
    fn from(error: FieldError) -> Self {
        Self(error.into())
    }
}

impl From<JsonError> for Outcome {
    /// Status 422, or 489 if [the verifier says so](crate::VerifierBuilder::undecodable_is_permanent): a delivery is not
    /// the JSON that was expected.
    fn from(error: JsonError) -> Self {
        Self(error.into())
    }
}

impl From<serde_json::Error> for Outcome {
    /// Status 422: a document is not the JSON that was expected.
    fn from(error: serde_json::Error) -> Self {
        Self(qstash_verify::Outcome::unprocessable(error.to_string()))
    }
}
