//! The service: what is decided before the body is read.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    BoxError,
    body::Body,
    extract::OriginalUri,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    HeaderValue, Request,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
    request::Parts,
    uri::PathAndQuery,
};
use qstash_types::header::{REGION, SIGNATURE};
use qstash_verify::{LogLevel, Presented, RefusalLog, Unread, Verifier, VerifyError};
use tower_service::Service;
use tracing::{Level, enabled};

use crate::{Rejection, ResponseFuture};

/// The service of [`VerifySignature`](crate::VerifySignature).
#[derive(Clone, Debug)]
pub struct VerifySignatureService<S> {
    inner: S,
    guard: Arc<Guard>,
}

impl<S> VerifySignatureService<S> {
    pub(crate) fn new(inner: S, guard: Arc<Guard>) -> Self {
        Self { inner, guard }
    }
}

impl<S, B> Service<Request<B>> for VerifySignatureService<S>
where
    S: Service<Request<Body>, Response: IntoResponse> + Clone,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        match self.guard.authenticate(&parts, &body) {
            Ok(unread) => {
                // `poll_ready` made this instance ready and says nothing about a clone of it. So this one goes along
                // with the request, and the clone stays here to be polled anew.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::reading(body, unread, parts, ready, Arc::clone(&self.guard))
            }
            Err(error) => ResponseFuture::refused(self.guard.refuse(error.into(), &parts, &[])),
        }
    }
}

/// What all services of one layer share.
#[derive(Debug)]
pub(crate) struct Guard {
    verifier: Verifier,
    refusals: RefusalLog,
}

impl Guard {
    pub(crate) fn new(verifier: Verifier) -> Self {
        if !verifier.checks_origin() {
            tracing::warn!(
                "no origin is set, so deliveries to the same path of any other service are accepted"
            );
        }
        for warning in verifier.warnings() {
            tracing::warn!("{warning}");
        }
        Self { verifier, refusals: RefusalLog::new() }
    }

    /// Decides by the headers alone. The body is asked for its size and not for any of its bytes.
    fn authenticate(&self, parts: &Parts, body: &impl http_body::Body) -> Result<Unread, VerifyError> {
        let mut unread = self.verifier.authenticate(&presented(parts), self.verifier.now())?;
        unread.content_length(body.size_hint().lower().max(content_length(parts)))?;
        Ok(unread)
    }

    /// Logs a refusal and answers it. The body is what was read of it.
    pub(crate) fn refuse(&self, rejection: Rejection, parts: &Parts, body: &[u8]) -> Response {
        if let Rejection::Unverified(error) = &rejection {
            let level = self.refusals.level(error, self.verifier.now());
            // A guess takes longer than the refusal, so it is made for those alone who look for it.
            let diagnosis =
                enabled!(Level::DEBUG).then(|| self.verifier.diagnose(error, &presented(parts), body));
            rejection.log(level, diagnosis.flatten());
        } else {
            // A body is read only after a known key has signed the headers.
            rejection.log(LogLevel::Warn { suppressed: 0 }, None);
        }
        rejection.into_response()
    }
}

/// What the verifier looks at.
fn presented(parts: &Parts) -> Presented<'_> {
    let header = |name| parts.headers.get(name).map(HeaderValue::as_bytes);
    // Below `nest` the URI lacks the prefix that QStash called.
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);

    let signatures = parts.headers.get_all(SIGNATURE).iter().map(HeaderValue::as_bytes);
    Presented::new(signatures, target).region(header(REGION)).content_encoding(header(CONTENT_ENCODING))
}

/// What the header announces; a body that went through other layers may not know its size any more.
fn content_length(parts: &Parts) -> u64 {
    let value = parts.headers.get(CONTENT_LENGTH);
    value.and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}
