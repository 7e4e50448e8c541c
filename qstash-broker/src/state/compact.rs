//! Less memory for what is kept.

use http::{HeaderMap, HeaderValue};

/// The same headers, on their own, in a map that has no room for more.
pub(super) fn headers(headers: &HeaderMap) -> HeaderMap {
    let mut compact = HeaderMap::with_capacity(headers.keys_len());
    for (name, found) in headers {
        compact.append(name, value(found));
    }
    compact
}

/// The same value, on its own: one that arrived over a connection holds on to the whole buffer that it was read into.
pub(super) fn value(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).expect("it is the value of a header")
}
