//! A service of axum with the layer, and what comes back from it.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use http_body_util::BodyExt;
use qstash_axum::VerifySignature;
use qstash_idempotency::{Idempotent, REPLAYED, Store};
use tower::ServiceExt;

use crate::deliveries::{Attempt, verifier};

/// A service with one handler, which counts its calls.
#[derive(Clone)]
pub(crate) struct App {
    router: Router,
    calls: Arc<AtomicU32>,
}

impl App {
    /// The handler is told how many calls came before.
    pub(crate) fn new<S, F, R>(
        idempotent: Idempotent<S>,
        handler: impl Fn(u32) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        S: Store,
        F: Future<Output = R> + Send + 'static,
        R: IntoResponse + 'static,
    {
        let calls = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&calls);
        let handler = move |_: Request<Body>| handler(counter.fetch_add(1, Ordering::SeqCst));
        let router = Router::new()
            .route("/{*path}", any(handler))
            .layer(idempotent)
            .layer(VerifySignature::new(verifier()));
        Self { router, calls }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn send(&self, attempt: &Attempt) -> impl Future<Output = Answered> + Send + 'static {
        let answered = self.router.clone().oneshot(request(attempt));
        async move { Answered::read(answered.await.unwrap()).await }
    }
}

pub(crate) fn request(attempt: &Attempt) -> Request<Body> {
    let request = attempt
        .headers()
        .fold(Request::post(attempt.path), |request, (name, value)| request.header(name, value));
    request.body(Body::from(attempt.body.clone())).unwrap()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// As far as it came.
    pub(crate) body: Bytes,
    pub(crate) broken: bool,
}

impl Answered {
    async fn read(response: Response) -> Self {
        let (parts, mut body) = response.into_parts();
        let (mut bytes, mut broken) = (Vec::new(), false);
        while let Some(frame) = body.frame().await {
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => bytes.extend_from_slice(&data),
                Ok(Err(_)) => {}
                Err(_) => {
                    broken = true;
                    break;
                }
            }
        }
        Self { status: parts.status, headers: parts.headers, body: bytes.into(), broken }
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.headers.get(REPLAYED).is_some_and(|value| value == "true")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
