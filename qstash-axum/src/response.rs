//! Responses of the verifier's words.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};

/// Makes the response that the verifier describes.
pub(crate) fn response(
    status: u16,
    headers: impl Iterator<Item = (&'static str, String)>,
    text: impl IntoResponse,
) -> Response {
    let status = StatusCode::from_u16(status).expect("the verifier answers with HTTP statuses");
    let mut response = (status, text).into_response();
    for (name, value) in headers {
        let value = HeaderValue::try_from(value).expect("the verifier writes plain header values");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}
