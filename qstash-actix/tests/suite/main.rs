//! The middleware, the extractors and the outcomes, from outside. One program, since each one links all of actix.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod body;
mod common_traits;
mod destinations;
mod extractors;
mod layers;
mod outcomes;
mod receiver;
mod refusals;
mod scripted_body;
#[path = "../../../qstash-axum/tests/suite/shared/mod.rs"]
mod shared;
mod vectors;
mod wire;
