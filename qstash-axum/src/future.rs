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
use qstash_verify::{
    Unread, Verified,
    adapter::{Guard, Processing, Refusal},
};
use tower_service::Service;

use crate::{
    Rejection,
    head::Head,
    timer::{self, Timer},
};

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
            // Started when the body is waited for, which most are not.
            #[pin]
            timer: Option<Timer>,
            // Taken when the body has ended, which is when this state is left.
            pending: Option<Pending<S>>,
        },
        Calling {
            #[pin]
            future: S::Future,
            // Taken when there is a response.
            processing: Option<Processing>,
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
        Self { state: State::Reading { body, timer: None, pending } }
    }

    pub(crate) fn refused(guard: &Guard, refusal: Refusal, parts: &Parts) -> Self {
        Self { state: State::Refused { response: ready(refuse(guard, refusal, parts, &[])) } }
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
                StateProj::Reading { body, timer, pending } => {
                    let Pending { unread, guard, .. } = pending.as_mut().expect(LEFT);
                    let read = match poll_to_end(body, unread, guard, cx) {
                        Poll::Ready(read) => read,
                        Poll::Pending => {
                            ready!(poll_timer(timer, unread, guard, cx));
                            Err(unread.too_slow().into())
                        }
                    };
                    let Pending { unread, parts, mut inner, guard } = pending.take().expect(LEFT);
                    let proof = match read {
                        Ok(()) => {
                            unread.finish_or_return(guard.now()).map_err(|(error, body)| (error.into(), body))
                        }
                        Err(refusal) => Err((refusal, Bytes::new())),
                    };
                    match proof {
                        Ok(verified) => {
                            let processing = guard.process(&Head(&parts), &verified);
                            let future = processing.enter(|| inner.call(verified_request(parts, verified)));
                            State::Calling { future, processing: Some(processing) }
                        }
                        Err((refusal, body)) => {
                            State::Refused { response: ready(refuse(&guard, refusal, &parts, &body)) }
                        }
                    }
                }
                StateProj::Calling { future, processing } => {
                    let watched = processing.as_ref().expect(ENDED);
                    let response =
                        ready!(watched.enter(|| future.poll(cx).map_ok(IntoResponse::into_response)));
                    let status = response.as_ref().ok().map(|response| response.status().as_u16());
                    processing.take().expect(ENDED).end(status);
                    return Poll::Ready(response);
                }
                StateProj::Refused { response } => return Pin::new(response).poll(cx).map(Ok),
            };
            state.set(next);
        }
    }
}

const LEFT: &str = "this state is left as soon as the body has ended";

const ENDED: &str = "a future is not polled after its end";

/// Logs a refusal and answers it. Takes what was read of the body.
fn refuse(guard: &Guard, refusal: Refusal, parts: &Parts, body: &[u8]) -> Response {
    guard.log(&refusal, &Head(parts), body);
    Rejection(refusal).into_response()
}

/// Gives the data of the body to the verifier, frame by frame. Trailers are not signed and are dropped.
fn poll_to_end<B>(
    mut body: Pin<&mut B>,
    unread: &mut Unread,
    guard: &Guard,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Refusal>>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    while let Some(frame) = ready!(body.as_mut().poll_frame(cx)) {
        let frame = frame.map_err(Refusal::broken_body)?;
        if let Ok(data) = frame.into_data() {
            unread.push(data, guard.now())?;
        }
    }
    Poll::Ready(Ok(()))
}

/// Waits until the time for the body is over.
fn poll_timer(
    mut timer: Pin<&mut Option<Timer>>,
    unread: &Unread,
    guard: &Guard,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if timer.is_none() {
        timer.set(timer::start(unread.time_left(guard.now())));
    }
    timer.as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(cx))
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
