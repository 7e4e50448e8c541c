//! The head of a request, as the verifier looks at it.

use actix_web::{
    HttpRequest,
    http::{header::HeaderValue, uri::PathAndQuery},
};
use qstash_verify::adapter::RequestHead;

/// Everything of a request but its body.
pub(crate) struct Head<'a>(pub(crate) &'a HttpRequest);

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn target(&self) -> &str {
        self.0.uri().path_and_query().map_or("", PathAndQuery::as_str)
    }

    fn header(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.headers().get_all(name).map(HeaderValue::as_bytes)
    }
}
