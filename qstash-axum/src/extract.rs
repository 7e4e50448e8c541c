//! What handlers take as arguments.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use http::request::Parts;
use qstash_verify::adapter::{RequestHead, read_json, verified};
use serde::de::DeserializeOwned;

use crate::{Rejection, head::Head};

/// JSON that is proven to come from QStash.
///
/// It is read from the verified bytes, not from the body. So it may be any argument of a handler, there may be several
/// of it, `Content-Type` does not matter, and no body limit of the framework applies.
///
/// # Rejections
///
/// [`Refusal::Json`](crate::Refusal::Json) if the body does not deserialise, with status 422, or 489 if
/// [the verifier says so](crate::VerifierBuilder::undecodable_is_non_retryable). [`Refusal::Unprotected`](crate::Refusal::Unprotected) with status 500
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
        Ok(Self(read_json(parts.extensions.get(), &Head(parts))?))
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
/// [`Refusal::Unprotected`](crate::Refusal::Unprotected) with status 500 on a route without [`VerifySignature`](crate::VerifySignature).
#[derive(Clone, Debug)]
pub struct Delivery(pub qstash_verify::Delivery);

impl<S> FromRequestParts<S> for Delivery
where
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Rejection> {
        let verified = verified(parts.extensions.get())?.clone();
        Ok(Self(Head(parts).delivery(verified)))
    }
}

impl Deref for Delivery {
    type Target = qstash_verify::Delivery;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
