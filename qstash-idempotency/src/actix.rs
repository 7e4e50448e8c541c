//! The middleware for actix-web, and what its handlers take. Needs the feature `actix`.
//!
//! It stands inside of `VerifySignature`, which in actix means wrapped before it:
//!
//! ```
//! use actix_web::{App, web};
//! use qstash_actix::{Outcome, Signed, Verifier, VerifySignature};
//! use qstash_idempotency::{Idempotent, MemoryStore};
//!
//! # fn app(verifier: Verifier, store: MemoryStore) {
//! let idempotent = Idempotent::new(store); // outside of the closure that makes the application
//! let verify = VerifySignature::new(verifier);
//! let app = App::new()
//!     .route("/charge", web::post().to(charge))
//!     .wrap(idempotent)
//!     .wrap(verify);
//! # }
//!
//! async fn charge(Signed(cents): Signed<u64>) -> Outcome {
//!     println!("{cents} cents, once"); // whatever must not happen twice
//!     Outcome::done()
//! }
//! ```

mod body;

use std::{
    fmt,
    future::{Ready, ready},
    pin::Pin,
    rc::Rc,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use qstash_types::header::{MESSAGE_ID, RETRIED};

use crate::{
    Admission, Claim, Idempotent, MissingClaim, Run, Store, StoredAnswer, framework, idempotent::HangUp,
};

impl<S, I, B> Transform<I, ServiceRequest> for Idempotent<S>
where
    S: Store,
    I: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Transform = IdempotentMiddleware<S, I>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: I) -> Self::Future {
        ready(Ok(IdempotentMiddleware { service: Rc::new(service), idempotent: self.clone() }))
    }
}

/// The service of [`Idempotent`].
pub struct IdempotentMiddleware<S, I> {
    service: Rc<I>,
    idempotent: Idempotent<S>,
}

impl<S, I, B> Service<ServiceRequest> for IdempotentMiddleware<S, I>
where
    S: Store,
    I: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, actix_web::Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let service = Rc::clone(&self.service);
        let idempotent = self.idempotent.clone();
        let arrived = {
            let ids = request.headers().get_all(MESSAGE_ID.as_str()).map(HeaderValue::as_bytes);
            let retried = request.headers().get(RETRIED.as_str()).map(HeaderValue::as_bytes);
            idempotent.arrive(request.extensions().get(), ids, retried)
        };
        Box::pin(async move {
            match idempotent.admit_arrival(arrived).await {
                Admission::Run(run) => {
                    request.extensions_mut().insert(run.claim().clone());
                    let handler = async move { end(service.call(request).await, run).await };
                    match idempotent.settings.hang_up {
                        HangUp::Ends => handler.await,
                        // A task goes on when nobody waits for it any more.
                        HangUp::Ignored => framework::joined(actix_web::rt::spawn(handler)).await,
                    }
                }
                Admission::Answer(answer) => Ok(request.into_response(response(answer))),
            }
        })
    }
}

/// Tells the run how the handler ended, and gives the handler's answer on.
async fn end<S, B>(
    answered: Result<ServiceResponse<B>, actix_web::Error>,
    mut run: Run<S>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error>
where
    S: Store,
    B: MessageBody + 'static,
{
    let response = match answered {
        Ok(response) if StoredAnswer::is_final(response.status().as_u16()) => response,
        unfinished => {
            run.release().await;
            return unfinished.map(ServiceResponse::map_into_boxed_body);
        }
    };
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let status = head.status().as_u16();
    run.succeeded(status);
    let headers =
        framework::kept_headers(head.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let (kept, body) = body::read(body, run.room(&headers)).await;
    run.answered(status, headers, kept).await;
    Ok(ServiceResponse::new(request, head.set_body(body)))
}

fn response(answer: StoredAnswer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::new(status).set_body(BoxBody::new(answer.body.unwrap_or_default()));
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_maybe_shared(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

impl<S: Store> FromRequest for Claim<S> {
    type Error = MissingClaim;
    type Future = Ready<Result<Self, MissingClaim>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(request.extensions().get().cloned().ok_or(MissingClaim))
    }
}

impl ResponseError for MissingClaim {}

impl<S, I> fmt::Debug for IdempotentMiddleware<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotentMiddleware").field("idempotent", &self.idempotent).finish_non_exhaustive()
    }
}
