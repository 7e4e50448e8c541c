//! The page at `/`, for people. It is made of files that hold nothing secret, so they need no token; everything that it
//! shows comes from the API.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header, request::Parts};

use crate::reply::{Refusal, Reply, whole};

/// What the page may do, should a text in it ever be taken for markup: load its own files, and talk to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-cache"),
];

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal: $kind:ident $file:literal,)*) => {
        /// Where each file is found, what kind it is, and what it holds.
        const FILES: &[(&str, &str, &str)] = &[$(($path, $kind, include_str!(concat!("page/", $file)))),*];
    };
}

files! {
    "/": HTML "index.html",
    "/assets/style.css": STYLE "style.css",
    "/assets/icon.svg": IMAGE "icon.svg",
    "/assets/app.js": SCRIPT "app.js",
    "/assets/ask.js": SCRIPT "ask.js",
    "/assets/body.js": SCRIPT "body.js",
    "/assets/connection.js": SCRIPT "connection.js",
    "/assets/control.js": SCRIPT "control.js",
    "/assets/copy.js": SCRIPT "copy.js",
    "/assets/detail.js": SCRIPT "detail.js",
    "/assets/dom.js": SCRIPT "dom.js",
    "/assets/format.js": SCRIPT "format.js",
    "/assets/list.js": SCRIPT "list.js",
    "/assets/live.js": SCRIPT "live.js",
    "/assets/marks.js": SCRIPT "marks.js",
    "/assets/messages.js": SCRIPT "messages.js",
    "/assets/notices.js": SCRIPT "notices.js",
    "/assets/publish.js": SCRIPT "publish.js",
    "/assets/sections.js": SCRIPT "sections.js",
    "/assets/timeline.js": SCRIPT "timeline.js",
}

/// The address of the page with the token behind the `#`, which browsers keep to themselves.
pub(crate) fn link(url: &str, token: &str) -> String {
    let encoded = token.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    format!("{url}/#token={}", encoded.collect::<String>())
}

/// The file at this path, if there is one.
pub(crate) fn file(request: &Parts) -> Option<Result<Reply, Refusal>> {
    let (_, kind, content) = FILES.iter().find(|(path, ..)| *path == request.uri.path())?;
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Some(Err(Refusal::method("GET, HEAD")));
    }
    let mut reply = whole(Bytes::from_static(content.as_bytes()));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Some(Ok(reply))
}
