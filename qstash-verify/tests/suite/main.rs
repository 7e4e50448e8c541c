//! What the verifier promises, through its public doors.

mod body;
mod common_traits;
mod destination;
mod diagnose;
mod differential;
mod env;
mod errors;
mod outcome;
mod policy;
mod properties;
mod refresh;
mod refusal;
mod rotation;
mod secrets;
#[cfg(feature = "sign")]
mod sign;
mod support;
