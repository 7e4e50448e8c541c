//! What a browser wants to hear before it lets a web page of another origin call.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION,
        CONTENT_TYPE, VARY,
    },
    request::Parts,
};

use qstash_types::header::PREFIX;

use crate::reply::{Reply, empty};

/// The vendor's console, which shows what is in a development server.
pub(crate) const CONSOLE: &str = "https://console.upstash.com";

/// A page of the internet calls an address of this machine.
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// Whether the browser asks in advance, without a token, what the page may do.
pub(crate) fn is_preflight(request: &Parts) -> bool {
    request.method == Method::OPTIONS && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Allows what the API understands.
pub(crate) fn preflight(request: &HeaderMap) -> Reply {
    let mut reply = empty();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let headers = reply.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, understood(request));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    reply
}

/// The headers that the page wants to send, short of those that mean nothing here. There is no pattern for `Upstash-*`.
fn understood(request: &HeaderMap) -> HeaderValue {
    let wanted =
        request.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|value| value.to_str().ok());
    let names = wanted.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok());
    let names: Vec<_> = names
        .filter(|name: &HeaderName| {
            [AUTHORIZATION, CONTENT_TYPE].contains(name) || name.as_str().starts_with(PREFIX)
        })
        .map(|name| name.to_string())
        .collect();
    HeaderValue::try_from(names.join(", ")).expect("names of headers are plain ASCII")
}

/// Lets a page of this origin read the answer.
pub(crate) fn allow(origin: &'static str, reply: &mut Reply) {
    reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static(origin));
    reply.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
}
