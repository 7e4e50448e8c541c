//! What handlers take as arguments.

use std::{ops::Deref, sync::Once};

use axum::extract::FromRequestParts;
use http::{HeaderValue, request::Parts};
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

impl<T, S> FromRequestParts<S> for Signed<T>
where
    T: DeserializeOwned + 'static,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Rejection> {
        let value = verified(parts)?.json().map_err(Rejection::from);
        value.map(Self).inspect_err(|rejection| rejection.log(LogLevel::Warn { suppressed: 0 }, None))
    }
}

/// A whole delivery: claims and body, which are proven, and the `Upstash-*` headers, which are **not** covered by the
/// signature.
///
/// A tuple around [`qstash_verify::Delivery`], whose methods it has, since an extractor must be a type of its own.
///
/// ```
/// use qstash_axum::{Delivery, Outcome};
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

impl<S> FromRequestParts<S> for Delivery
where
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Rejection> {
        let verified = verified(parts)?.clone();
        let headers = DeliveryHeaders::from_lookup(|name| parts.headers.get(name).map(HeaderValue::as_bytes));
        Ok(Self(qstash_verify::Delivery::new(verified, headers)))
    }
}

impl Deref for Delivery {
    type Target = qstash_verify::Delivery;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// What the layer has left in the request.
fn verified(parts: &Parts) -> Result<&Verified, Rejection> {
    parts.extensions.get().ok_or(Rejection::Unprotected).inspect_err(|_| log_unprotected_route())
}

/// Speaks once, since it is a mistake of the program and not of a request.
fn log_unprotected_route() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::error!("a handler takes `Signed` or `Delivery` on a route without `VerifySignature`");
    });
}
