//! The head of a request, as the verifier looks at it.

use axum::extract::OriginalUri;
use http::{HeaderValue, request::Parts, uri::PathAndQuery};
use qstash_verify::adapter::RequestHead;

/// Everything of a request but its body.
pub(crate) struct Head<'a>(pub(crate) &'a Parts);

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.0.method.as_str()
    }

    fn target(&self) -> &str {
        // Below `nest` the URI lacks the prefix that QStash called.
        let uri = self.0.extensions.get::<OriginalUri>().map_or(&self.0.uri, |original| &original.0);
        uri.path_and_query().map_or("", PathAndQuery::as_str)
    }

    fn header(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.headers.get_all(name).iter().map(HeaderValue::as_bytes)
    }
}
