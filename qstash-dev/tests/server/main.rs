//! The server, over HTTP: what it accepts and refuses, what it sends and to whom, and how time passes.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod advance;
mod client;
mod deliver;
mod destination;
mod faults;
mod isolation;
mod page;
mod publish;
mod reads;
mod refusals;
mod resources;
