//! What handlers take as arguments.

use std::{
    future::{Ready, ready},
    ops::Deref,
    sync::Once,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header::HeaderValue};
use qstash_verify::{DeliveryHeaders, LogLevel, Verified};
use serde::de::DeserializeOwned;

use crate::Rejection;

/// JSON that is proven to come from QStash.
///
/// It is read from the verified bytes, not from the body. So it may be any argument of a handler, there may be several
/// of it, `Content-Type` does not matter, and no body limit of the framework applies.
///
/// # Rejections
///
/// [`Rejection::Json`] if the body does not deserialise, with status 422, or 489 if
/// [the verifier says so](crate::VerifierBuilder::undecodable_is_permanent). [`Rejection::Unprotected`] with status 500
/// on a route without [`VerifySignature`](crate::VerifySignature).
#[derive(Clone, Debug)]
pub struct Signed<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Signed<T> {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(verified(request).and_then(|verified| {
            let value = verified.json().map_err(Rejection::from);
            value.map(Self).inspect_err(|rejection| rejection.log(LogLevel::Warn { suppressed: 0 }, None))
        }))
    }
}

/// A whole delivery: claims and body, which are proven, and the `Upstash-*` headers, which are **not** covered by the
/// signature.
///
/// A tuple around [`qstash_verify::Delivery`], whose methods it has, since an extractor must be a type of its own.
///
/// ```
/// use qstash_actix::{Delivery, Outcome};
///
/// async fn receive(delivery: Delivery) -> Outcome {
///     let attempt = delivery.headers().retried.unwrap_or(0) + 1;
///     println!("{} bytes, attempt {attempt}, signed by {}", delivery.body().len(), delivery.key());
///     Outcome::done()
/// }
/// ```
///
/// # Rejections
///
/// [`Rejection::Unprotected`] with status 500 on a route without [`VerifySignature`](crate::VerifySignature).
#[derive(Clone, Debug)]
pub struct Delivery(pub qstash_verify::Delivery);

impl FromRequest for Delivery {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(verified(request).map(|verified| {
            let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
            Self(qstash_verify::Delivery::new(verified, DeliveryHeaders::from_lookup(header)))
        }))
    }
}

impl Deref for Delivery {
    type Target = qstash_verify::Delivery;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// What the middleware has left in the request.
fn verified(request: &HttpRequest) -> Result<Verified, Rejection> {
    let verified = request.extensions().get().cloned();
    verified.ok_or(Rejection::Unprotected).inspect_err(|_| log_unprotected_route())
}

/// Speaks once, since it is a mistake of the program and not of a request.
fn log_unprotected_route() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::error!("a handler takes `Signed` or `Delivery` on a route without `VerifySignature`");
    });
}
