//! The client through its public doors: values in, requests out, answers in, errors out.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod configuration;
mod errors;
mod message;
mod process;
mod publish;
mod retry;
mod support;
mod targets;
mod transport;
