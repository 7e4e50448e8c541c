//! Requests to an app, and what comes back.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{StatusCode, request},
    response::Response,
};
use http_body_util::BodyExt;
use qstash_axum::{Refusal, Rejection, VerifyError, VerifySignature};
use testkit::signing::{signature, verifier};
use tower::ServiceExt;

pub(crate) fn layer() -> VerifySignature {
    VerifySignature::new(verifier().build().unwrap())
}

/// A delivery with this signature, still without its body.
pub(crate) fn request(path: &str, signature: &str) -> request::Builder {
    Request::post(path).header("upstash-signature", signature)
}

/// A delivery as QStash sends it.
pub(crate) fn delivery(path: &str, body: impl Into<Bytes>) -> Request {
    let body = body.into();
    request(path, &signature(path, &body)).body(Body::from(body)).unwrap()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    pub(crate) rejection: Option<Rejection>,
    pub(crate) response: Response<()>,
}

impl Answer {
    /// The verifier's reason for a refusal.
    pub(crate) fn reason(&self) -> Option<&VerifyError> {
        match &self.rejection {
            Some(Rejection(Refusal::Unverified(error))) => Some(error),
            _ => None,
        }
    }
}

pub(crate) async fn send(app: &Router, request: Request) -> Answer {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    Answer {
        status: parts.status,
        body: body.collect().await.unwrap().to_bytes(),
        rejection: parts.extensions.get().cloned(),
        response: Response::from_parts(parts, ()),
    }
}
