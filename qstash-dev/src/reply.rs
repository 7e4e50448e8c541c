//! Answers of the API.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;
use serde_json::json;

use crate::worker::Gone;

/// An answer.
pub(crate) type Reply = Response<Full<Bytes>>;

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, content: &impl Serialize) -> Reply {
    let text = serde_json::to_vec(content).expect("texts, numbers and lists of them serialise");
    let mut reply = Response::new(Full::from(text));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// Why a call is not answered as its caller hoped.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: String,
    /// The method that would do.
    allow: Option<Method>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: impl fmt::Display) -> Self {
        Self { status, error: error.to_string(), allow: None }
    }

    pub(crate) fn bad_request(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(crate) fn not_found(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    pub(crate) fn method(allowed: &Method) -> Self {
        let error = format!("only {allowed} is allowed here");
        Self { status: StatusCode::METHOD_NOT_ALLOWED, error, allow: Some(allowed.clone()) }
    }

    pub(crate) fn reply(self) -> Reply {
        let mut reply = json(self.status, &json!({ "error": self.error }));
        if let Some(allowed) = self.allow {
            let allowed = HeaderValue::from_str(allowed.as_str()).expect("a method is a token");
            reply.headers_mut().insert(header::ALLOW, allowed);
        }
        reply
    }
}

impl From<Gone> for Refusal {
    fn from(_: Gone) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down")
    }
}
