//! The middleware: decides by the headers, reads the body, proves it, then calls the handler.

use std::{
    future::{Future, Ready, poll_fn, ready},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
};

use actix_web::{
    HttpMessage, HttpResponse, ResponseError,
    body::EitherBody,
    dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    rt::time::timeout,
};
use futures_core::Stream;
use qstash_verify::{
    EnvError, Unread, Verifier,
    adapter::{Guard, Processing, Refusal},
};

use crate::{Rejection, head::Head};

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
/// | 408 | the body took longer than [`VerifierBuilder::body_timeout`](crate::VerifierBuilder::body_timeout) |
/// | 400 | the body broke off |
///
/// QStash tries again after each of them, so a mis-deployed key delays messages and loses none. The response is a
/// short fixed text with the [`Rejection`] in its extensions, and there is one `tracing` event, with the
/// reason, the likely cause, and which request it was. It is a warning if one of the keys signed the request. Of all
/// others, one a minute is a warning, with the number of those in between, which are debug events: strangers cannot fill
/// the log. A request without a signature is a debug event. With the feature `env-filter` of `tracing-subscriber`, the
/// variable `RUST_LOG` must let warnings through (`RUST_LOG=warn`), because nothing but errors is shown where it is not set.
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
            match verify(&guard, &mut request).await {
                Ok(processing) => {
                    let mut call = pin!(processing.enter(|| service.call(request)));
                    let response = poll_fn(|cx| processing.enter(|| call.as_mut().poll(cx))).await;
                    processing.end(response.as_ref().ok().map(|response| response.status().as_u16()));
                    Ok(response?.map_into_left_body())
                }
                // Not an `Err`: middleware outside of this one, such as CORS, would not see it.
                Err(refusal) => Ok(request.into_response(refusal).map_into_right_body()),
            }
        })
    }
}

/// Leaves in the request what the handler gets: the proof, and exactly the bytes that were signed.
async fn verify(guard: &Guard, request: &mut ServiceRequest) -> Result<Processing, HttpResponse> {
    let refuse = |refusal, request: &ServiceRequest, body: &[u8]| {
        guard.log(&refusal, &Head(request.request()), body);
        Rejection(refusal).error_response()
    };
    let mut unread = guard
        .authenticate(&Head(request.request()), 0)
        .map_err(|error| refuse(error.into(), request, &[]))?;
    // The raw payload: actix's own extractors decompress, and stop at 256 KiB.
    let read = read_to_end(request.take_payload(), &mut unread, guard).await;
    read.map_err(|refusal| refuse(refusal, request, &[]))?;
    let proof = unread.finish_or_return(guard.now());
    let verified = proof.map_err(|(error, body)| refuse(error.into(), request, &body))?;
    let processing = guard.process(&Head(request.request()), &verified);
    request.set_payload(Payload::from(verified.body().clone()));
    request.extensions_mut().insert(verified);
    Ok(processing)
}

/// Gives the chunks of a payload to the verifier, until the time for it is over.
async fn read_to_end(mut payload: Payload, unread: &mut Unread, guard: &Guard) -> Result<(), Refusal> {
    let time_left = unread.time_left(guard.now());
    let reading = async {
        while let Some(chunk) = poll_fn(|cx| Pin::new(&mut payload).poll_next(cx)).await {
            unread.push(chunk.map_err(Refusal::broken_body)?, guard.now())?;
        }
        Ok(())
    };
    match timeout(time_left, reading).await {
        Ok(read) => read,
        Err(_) => Err(unread.too_slow().into()),
    }
}
