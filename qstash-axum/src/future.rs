//! The future of the service: reads the body, proves it, then calls the handler.

use std::{
    fmt,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    BoxError,
    body::Body,
    extract::DefaultBodyLimit,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{Request, request::Parts};
use pin_project_lite::pin_project;
use qstash_verify::{Unread, Verified};
use tower_service::Service;

use crate::{Rejection, service::Guard};

pin_project! {
    /// The response of a [`VerifySignatureService`](crate::VerifySignatureService).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<Body>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<Body>>,
    {
        Reading {
            #[pin]
            body: B,
            // Taken when the body has ended, which is when this state is left.
            pending: Option<Pending<S>>,
        },
        Calling {
            #[pin]
            future: S::Future,
        },
        Refused {
            response: Ready<Response>,
        },
    }
}

/// A request whose headers are proven, and what it needs once its body is.
struct Pending<S> {
    unread: Unread,
    parts: Parts,
    inner: S,
    guard: Arc<Guard>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<Body>>,
{
    pub(crate) fn reading(body: B, unread: Unread, parts: Parts, inner: S, guard: Arc<Guard>) -> Self {
        let pending = Some(Pending { unread, parts, inner, guard });
        Self { state: State::Reading { body, pending } }
    }

    pub(crate) fn refused(response: Response) -> Self {
        Self { state: State::Refused { response: ready(response) } }
    }
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<Request<Body>, Response: IntoResponse>,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Output = Result<Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Reading { body, pending } => {
                    let unread = &mut pending.as_mut().expect(LEFT).unread;
                    let read = ready!(poll_to_end(body, unread, cx));
                    let Pending { unread, parts, mut inner, guard } = pending.take().expect(LEFT);
                    let proof = match read {
                        Ok(()) => unread.finish_or_return().map_err(|(error, body)| (error.into(), body)),
                        Err(rejection) => Err((rejection, Bytes::new())),
                    };
                    match proof {
                        Ok(verified) => {
                            State::Calling { future: inner.call(verified_request(parts, verified)) }
                        }
                        Err((rejection, body)) => {
                            State::Refused { response: ready(guard.refuse(rejection, &parts, &body)) }
                        }
                    }
                }
                StateProj::Calling { future } => return future.poll(cx).map_ok(IntoResponse::into_response),
                StateProj::Refused { response } => return Pin::new(response).poll(cx).map(Ok),
            };
            state.set(next);
        }
    }
}

const LEFT: &str = "this state is left as soon as the body has ended";

/// Gives the data of the body to the verifier, frame by frame. Trailers are not signed and are dropped.
fn poll_to_end<B>(
    mut body: Pin<&mut B>,
    unread: &mut Unread,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Rejection>>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    while let Some(frame) = ready!(body.as_mut().poll_frame(cx)) {
        let frame = frame.map_err(Rejection::broken_body)?;
        if let Ok(data) = frame.into_data() {
            unread.push(data)?;
        }
    }
    Poll::Ready(Ok(()))
}

/// What the handler gets: the request as it came, with exactly the bytes that were signed.
fn verified_request(parts: Parts, verified: Verified) -> Request<Body> {
    let mut request = Request::from_parts(parts, Body::from(verified.body().clone()));
    // The verifier has counted; axum's own 2 MB would refuse what it let through.
    DefaultBodyLimit::disable().apply(&mut request);
    request.extensions_mut().insert(verified);
    request
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<Body>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
