//! What handlers return.

use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError, body::BoxBody, http::StatusCode};
use qstash_verify::adapter::{handler_types, log_handler_error, log_outcome};

use crate::response::{response, status_code};

handler_types! {
    /// What a handler tells QStash about a delivery.
    ///
    /// | outcome | response | QStash then |
    /// |---|---|---|
    /// | [`done`](Self::done) | 200 | is finished |
    /// | [`retry_after`](Self::retry_after) | 503, `Retry-After` | tries again then, if attempts are left |
    /// | [`non_retryable`](Self::non_retryable) | 489, `Upstash-NonRetryable-Error: true` | gives up: failure callback, dead letter queue |
    ///
    /// An outcome that has a reason is logged with it, as a warning. A handler that may fail returns
    /// `Result<Outcome, `[`HandlerError`]`>`.
    pub struct Outcome;

    /// The error of a handler: any error, by `?`.
    ///
    /// QStash is told a status and a fixed text, and tries again: 500, or 422 if the delivery could not be read. The cause is
    /// logged as a warning and goes nowhere else, because QStash keeps responses. The table of
    /// [`qstash_verify::HandlerError`] has every case.
    ///
    /// ```
    /// use qstash_actix::{Callback, HandlerError, Outcome, Signed};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Image {
    ///     width: u32,
    ///     data: String,
    /// }
    ///
    /// async fn done(Signed(callback): Signed<Callback>) -> Result<Outcome, HandlerError> {
    ///     let image: Image = callback.json()?; // 422, tried again
    ///     if image.width == 0 {
    ///         return Ok(Outcome::non_retryable("an image without width")); // 489
    ///     }
    ///     let data = u64::from_str_radix(&image.data, 16).map_err(HandlerError::non_retryable)?; // 489, reason in the log
    ///     std::fs::write("/images/1", data.to_be_bytes())?; // 500, tried again
    ///     Ok(Outcome::done())
    /// }
    /// ```
    pub struct HandlerError;
}

impl Responder for Outcome {
    type Body = BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        log_outcome(&self.0);
        response(self.0.status(), self.0.headers(), self.0.body().to_owned())
    }
}

impl ResponseError for HandlerError {
    fn status_code(&self) -> StatusCode {
        status_code(self.0.outcome().status())
    }

    fn error_response(&self) -> HttpResponse {
        log_handler_error(&self.0);
        let outcome = self.0.outcome();
        response(outcome.status(), outcome.headers(), outcome.body().to_owned())
    }
}
