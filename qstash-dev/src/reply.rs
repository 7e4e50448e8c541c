//! Answers of the API.

use std::{fmt, time::SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};
use qstash_broker::Refused;
use serde::Serialize;
use serde_json::json;

use crate::{feed::Listener, store::NotKept};

/// What a limit of calls says that a test wants to be reached.
const CALLS_PER_SECOND: u64 = 100;

/// An answer, whole or without end.
pub(crate) type Reply = Response<Either<Full<Bytes>, Listener>>;

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, content: &impl Serialize) -> Reply {
    let text = serde_json::to_vec(content).expect("texts, numbers and lists of them serialise");
    let mut reply = whole(text.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// An answer without content.
pub(crate) fn empty() -> Reply {
    whole(Bytes::new())
}

/// An answer with this content.
pub(crate) fn whole(content: Bytes) -> Reply {
    Response::new(Either::Left(Full::new(content)))
}

/// The answer to a call beyond the rate limit. The limit resets at `now`: the caller may try again at once.
pub(crate) fn too_many_requests(now: SystemTime) -> Reply {
    let mut reply = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many requests").reply();
    let reset = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    for (name, value) in [
        ("burst-ratelimit-limit", CALLS_PER_SECOND),
        ("burst-ratelimit-remaining", 0),
        ("burst-ratelimit-reset", reset),
    ] {
        reply.headers_mut().insert(HeaderName::from_static(name), value.into());
    }
    reply
}

/// An error response of the API.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: String,
    /// The `Allow` header: the methods that the resource has.
    allow: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: impl fmt::Display) -> Self {
        Self { status, error: error.to_string(), allow: None }
    }

    pub(crate) fn bad_request(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// Says what is wrong with a header.
    pub(crate) fn bad_header(name: &HeaderName, fault: impl fmt::Display) -> Self {
        Self::bad_request(format_args!("{}: {fault}", qstash_types::header::canonical(name.as_str())))
    }

    pub(crate) fn not_found(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    pub(crate) fn method(allowed: &'static str) -> Self {
        let error = format!("only {allowed} is allowed here");
        Self { status: StatusCode::METHOD_NOT_ALLOWED, error, allow: Some(allowed) }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong.
    pub(crate) fn error(&self) -> &str {
        &self.error
    }

    pub(crate) fn reply(self) -> Reply {
        let mut reply = json(self.status, &json!({ "error": self.error }));
        if let Some(allowed) = self.allow {
            reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        reply
    }
}

impl From<NotKept> for Refusal {
    fn from(error: NotKept) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::NotFound(_) => StatusCode::NOT_FOUND,
            Refused::Quota(..) | Refused::Memory(_) => StatusCode::PRECONDITION_FAILED,
            Refused::TooLong { .. } | Refused::TooMany { .. } | Refused::Conflict(_) => {
                StatusCode::BAD_REQUEST
            }
        };
        Self::new(status, refused)
    }
}
