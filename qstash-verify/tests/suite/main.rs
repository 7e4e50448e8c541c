//! What the verifier promises, through its public doors.

mod body;
mod destination;
mod env;
mod errors;
mod outcome;
mod properties;
mod refusal;
mod rotation;
#[cfg(feature = "sign")]
mod sign;
mod support;
mod vectors;
