//! The program: what it takes from its environment, what it prints, and how it ends.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod arguments;
mod credentials;
mod descriptors;
mod end;
mod log;
mod published;
mod readme;
mod running;
mod verbs;
