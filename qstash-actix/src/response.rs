//! Responses of the verifier's words.

use actix_web::{
    HttpResponse,
    body::{BoxBody, MessageBody},
    http::{StatusCode, header::ContentType},
};

/// Makes the response that the verifier describes.
pub(crate) fn response(
    status: u16,
    headers: impl Iterator<Item = (&'static str, String)>,
    text: impl MessageBody + 'static,
) -> HttpResponse<BoxBody> {
    let mut response = HttpResponse::build(status_code(status));
    for header in headers {
        response.insert_header(header);
    }
    response.content_type(ContentType::plaintext()).body(text)
}

pub(crate) fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("the verifier answers with HTTP statuses")
}
