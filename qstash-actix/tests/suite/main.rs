//! The middleware, the extractors and the outcomes, from outside. One program, since each one links all of actix.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod body;
mod common_traits;
mod destinations;
mod extractors;
mod layers;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "otel")]
mod otel;
mod outcomes;
mod receiver;
mod refusals;
mod scripted_body;
mod vectors;
mod wire;
