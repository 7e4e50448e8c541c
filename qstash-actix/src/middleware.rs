//! The middleware: decides by the headers, reads the body, proves it, then calls the handler.

use std::{
    future::{Future, Ready, poll_fn, ready},
    pin::Pin,
    rc::Rc,
    sync::Arc,
};

use actix_web::{
    HttpMessage, HttpResponse, ResponseError,
    body::EitherBody,
    dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue},
        uri::PathAndQuery,
    },
};
use futures_core::Stream;
use qstash_types::header::{REGION, SIGNATURE};
use qstash_verify::{EnvError, LogLevel, Presented, RefusalLog, Unread, Verifier, VerifyError};
use tracing::{Level, enabled};

use crate::Rejection;

/// Lets requests through that QStash signed, and refuses all others.
///
/// The headers are checked before any of the body is read, and the body is held back until it is proven too. All
/// settings are those of the [`Verifier`]. The [crate documentation](crate) has an example, the order of middleware,
/// and what is signed.
///
/// | refusal | cause |
/// |---|---|
/// | 403 | there is no signature, or it does not fit the keys, the time, the URL or the body |
/// | 413 | the body is larger than [`Verifier::body_limit`] |
/// | 400 | the body broke off |
///
/// QStash tries again after each of them, so a mis-deployed key delays messages and loses none. The response is a
/// short fixed text with the [`Rejection`] in its extensions, and there is one `tracing` event. The event is a warning
/// if one of the keys signed the request. Of all others, one a minute is a warning, with the number of those in
/// between, so that strangers cannot fill the log. Where a subscriber listens
/// at debug level, the event also names the likely cause.
#[derive(Clone, Debug)]
pub struct VerifySignature {
    guard: Arc<Guard>,
}

impl VerifySignature {
    /// Takes the verifier that decides.
    ///
    /// Call it outside of the closure that makes the application, and clone it inside: all workers then share their
    /// keys and what they have logged.
    ///
    /// A verifier without an origin causes a warning in the log: it cannot tell a delivery to this service from one to
    /// the same path of another.
    pub fn new(verifier: Verifier) -> Self {
        Self { guard: Arc::new(Guard::new(verifier)) }
    }

    /// Takes keys and origin from the environment: see [`Verifier::from_env`].
    ///
    /// # Errors
    ///
    /// A variable is missing or cannot be used; the error names it.
    pub fn from_env() -> Result<Self, EnvError> {
        Verifier::from_env().map(Self::new)
    }
}

impl<S, B> Transform<S, ServiceRequest> for VerifySignature
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>> + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Transform = VerifySignatureMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(VerifySignatureMiddleware { service: Rc::new(service), guard: Arc::clone(&self.guard) }))
    }
}

/// The service of [`VerifySignature`].
#[derive(Debug)]
pub struct VerifySignatureMiddleware<S> {
    service: Rc<S>,
    guard: Arc<Guard>,
}

impl<S, B> Service<ServiceRequest> for VerifySignatureMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>> + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>>>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let service = Rc::clone(&self.service);
        let guard = Arc::clone(&self.guard);
        Box::pin(async move {
            match guard.verify(&mut request).await {
                Ok(()) => Ok(service.call(request).await?.map_into_left_body()),
                // Not an `Err`: middleware outside of this one, such as CORS, would not see it.
                Err(refusal) => Ok(request.into_response(refusal).map_into_right_body()),
            }
        })
    }
}

/// What all services of one middleware share.
#[derive(Debug)]
struct Guard {
    verifier: Verifier,
    refusals: RefusalLog,
}

impl Guard {
    fn new(verifier: Verifier) -> Self {
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

    /// Leaves in the request what the handler gets: the proof, and exactly the bytes that were signed.
    async fn verify(&self, request: &mut ServiceRequest) -> Result<(), HttpResponse> {
        let mut unread =
            self.authenticate(request).map_err(|error| self.refuse(&error.into(), request, &[]))?;
        // The raw payload: actix's own extractors decompress, and stop at 256 KiB.
        let read = read_to_end(request.take_payload(), &mut unread).await;
        read.map_err(|rejection| self.refuse(&rejection, request, &[]))?;
        let proof = unread.finish_or_return();
        let verified = proof.map_err(|(error, body)| self.refuse(&error.into(), request, &body))?;
        request.set_payload(Payload::from(verified.body().clone()));
        request.extensions_mut().insert(verified);
        Ok(())
    }

    /// Decides by the headers alone.
    fn authenticate(&self, request: &ServiceRequest) -> Result<Unread, VerifyError> {
        let mut unread = self.verifier.authenticate(&presented(request), self.verifier.now())?;
        unread.content_length(content_length(request))?;
        Ok(unread)
    }

    /// Logs a refusal and answers it. The body is what was read of it.
    fn refuse(&self, rejection: &Rejection, request: &ServiceRequest, body: &[u8]) -> HttpResponse {
        if let Rejection::Unverified(error) = rejection {
            let level = self.refusals.level(error, self.verifier.now());
            // A guess takes longer than the refusal, so it is made for those alone who look for it.
            let diagnosis =
                enabled!(Level::DEBUG).then(|| self.verifier.diagnose(error, &presented(request), body));
            rejection.log(level, diagnosis.flatten());
        } else {
            // A body is read only after a known key has signed the headers.
            rejection.log(LogLevel::Warn { suppressed: 0 }, None);
        }
        rejection.error_response()
    }
}

/// What the verifier looks at.
fn presented(request: &ServiceRequest) -> Presented<'_> {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    let signatures = request.headers().get_all(SIGNATURE.as_str()).map(HeaderValue::as_bytes);
    Presented::new(signatures, target)
        .region(header(REGION.as_str()))
        .content_encoding(header(CONTENT_ENCODING.as_str()))
}

/// Gives the chunks of a payload to the verifier.
async fn read_to_end(mut payload: Payload, unread: &mut Unread) -> Result<(), Rejection> {
    while let Some(chunk) = poll_fn(|cx| Pin::new(&mut payload).poll_next(cx)).await {
        unread.push(chunk.map_err(Rejection::broken_body)?)?;
    }
    Ok(())
}

/// What the header announces, 0 if it announces nothing.
fn content_length(request: &ServiceRequest) -> u64 {
    let value = request.headers().get(CONTENT_LENGTH);
    value.and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}
