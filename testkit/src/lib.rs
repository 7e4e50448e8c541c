//! What the tests of several crates have in common: vectors of independent implementations, and for the frameworks a
//! receiver with its own key and clock. Nothing here knows a framework.
//!
//! The tests of this crate run the vectors through `qstash-types` and `qstash-verify` alone.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

pub mod bodies;
pub mod callback_vector;
pub mod delivery_vector;
pub mod destinations;
pub mod log;
pub mod numbers;
pub mod signing;
pub mod traces;
pub mod wire;
