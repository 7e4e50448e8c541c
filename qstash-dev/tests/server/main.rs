//! The server, over HTTP: what it accepts and refuses, what it sends and to whom, and how time passes.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod accounts;
mod advance;
mod client;
mod connections;
mod control;
mod data;
mod deliver;
mod destination;
mod ending;
mod exposition;
mod faults;
mod hostile;
mod isolation;
mod metrics;
mod older_data;
mod otlp;
mod outgoing;
mod page;
mod publish;
mod reads;
mod refusals;
mod resources;
mod wire;
