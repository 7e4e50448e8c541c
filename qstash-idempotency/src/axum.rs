//! The layer for axum, and what its handlers take. Needs the feature `axum`.
//!
//! It stands inside of `VerifySignature`, which in axum means added before it:
//!
//! ```
//! use axum::{Router, routing::post};
//! use qstash_axum::{Outcome, Signed, Verifier, VerifySignature};
//! use qstash_idempotency::{Idempotent, MemoryStore};
//!
//! fn app(verifier: Verifier, store: MemoryStore) -> Router {
//!     Router::new()
//!         .route("/charge", post(charge))
//!         .layer(Idempotent::new(store))
//!         .layer(VerifySignature::new(verifier))
//! }
//!
//! async fn charge(Signed(cents): Signed<u64>) -> Outcome {
//!     println!("{cents} cents, once"); // whatever must not happen twice
//!     Outcome::done()
//! }
//! ```

mod body;

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};

use axum_core::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Request, StatusCode, request::Parts};
use qstash_types::header::{MESSAGE_ID, RETRIED};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Admission, Claim, Idempotent, MissingClaim, Run, Store, StoredAnswer, framework, idempotent::HangUp,
};

impl<S: Store, I> Layer<I> for Idempotent<S> {
    type Service = IdempotentService<S, I>;

    fn layer(&self, inner: I) -> Self::Service {
        IdempotentService { inner, idempotent: self.clone() }
    }
}

/// The service of [`Idempotent`].
pub struct IdempotentService<S, I> {
    inner: I,
    idempotent: Idempotent<S>,
}

impl<S, I, B> Service<Request<B>> for IdempotentService<S, I>
where
    S: Store,
    I: Service<Request<B>, Response: IntoResponse, Error: Send, Future: Send> + Clone + Send + 'static,
    B: Send + 'static,
{
    type Response = Response;
    type Error = I::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, I::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The instance that was polled ready goes along; its clone stays to be polled anew.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let headers = request.headers();
        let ids = headers.get_all(MESSAGE_ID).iter().map(HeaderValue::as_bytes);
        let retried = headers.get(RETRIED).map(HeaderValue::as_bytes);
        let idempotent = self.idempotent.clone();
        let arrived = idempotent.arrive(request.extensions().get(), ids, retried);
        Box::pin(async move {
            match idempotent.admit_arrival(arrived).await {
                Admission::Run(run) => {
                    request.extensions_mut().insert(run.claim().clone());
                    call(inner, request, run, idempotent.settings.hang_up).await
                }
                Admission::Answer(answer) => Ok(response(answer)),
            }
        })
    }
}

async fn call<S, I, B>(
    mut inner: I,
    request: Request<B>,
    run: Run<S>,
    hang_up: HangUp,
) -> Result<Response, I::Error>
where
    S: Store,
    I: Service<Request<B>, Response: IntoResponse, Error: Send, Future: Send> + Send + 'static,
    B: Send + 'static,
{
    let handler = async move { end(inner.call(request).await.map(IntoResponse::into_response), run).await };
    match hang_up {
        HangUp::Ends => handler.await,
        // A task goes on when nobody waits for it any more.
        HangUp::Ignored => framework::joined(tokio::spawn(handler)).await,
    }
}

/// Tells the run how the handler ended, and gives the handler's answer on.
async fn end<S: Store, E>(answered: Result<Response, E>, mut run: Run<S>) -> Result<Response, E> {
    let response = match answered {
        Ok(response) if StoredAnswer::is_final(response.status().as_u16()) => response,
        unfinished => {
            run.release().await;
            return unfinished;
        }
    };
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    run.succeeded(status);
    let headers =
        framework::kept_headers(parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let (kept, body) = body::read(body, run.room(&headers)).await;
    run.answered(status, headers, kept).await;
    Ok(Response::from_parts(parts, body))
}

fn response(answer: StoredAnswer) -> Response {
    let body = answer.body.unwrap_or_default();
    let mut response = (StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK), body).into_response();
    // What was kept says what the body is.
    response.headers_mut().clear();
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_maybe_shared(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

impl<S, T> FromRequestParts<T> for Claim<S>
where
    S: Store,
    T: Sync,
{
    type Rejection = MissingClaim;

    async fn from_request_parts(parts: &mut Parts, _state: &T) -> Result<Self, MissingClaim> {
        parts.extensions.get().cloned().ok_or(MissingClaim)
    }
}

impl IntoResponse for MissingClaim {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

impl<S, I: Clone> Clone for IdempotentService<S, I> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), idempotent: self.idempotent.clone() }
    }
}

impl<S, I> fmt::Debug for IdempotentService<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotentService").field("idempotent", &self.idempotent).finish_non_exhaustive()
    }
}
