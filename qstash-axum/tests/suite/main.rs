//! The layer, the extractors and the outcomes, from outside. One program, since each one links all of axum.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod body;
mod common_traits;
mod destinations;
mod extractors;
mod layers;
mod limits;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "otel")]
mod otel;
mod outcomes;
mod receiver;
mod refusals;
mod rotation;
mod scripted_body;
mod vectors;
mod wire;
