//! The service: what is decided before the body is read.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    BoxError,
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::Request;
use qstash_verify::adapter::Guard;
use tower_service::Service;

use crate::{ResponseFuture, head::Head};

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
        // The body is asked for its size and not for any of its bytes.
        match self.guard.authenticate(&Head(&parts), body.size_hint().lower()) {
            Ok(unread) => {
                // `poll_ready` made this instance ready and says nothing about a clone of it. So this one goes along
                // with the request, and the clone stays here to be polled anew.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::reading(body, unread, parts, ready, Arc::clone(&self.guard))
            }
            Err(error) => ResponseFuture::refused(&self.guard, error.into(), &parts),
        }
    }
}
