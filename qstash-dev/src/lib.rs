//! QStash on localhost: a server that publishes, delivers, retries and calls back as QStash does, inside a test or as a
//! program, without network or account.
//!
//! ```
//! use std::time::Duration;
//! use qstash_dev::DevServer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let qstash = DevServer::start().await?; // port 0, fresh keys, gone on drop
//!
//! // Hand `qstash.url()` and `qstash.token()` to a client, and `qstash.signing_keys()` to a verifier. Then:
//! qstash.advance(Duration::from_secs(3600)).await; // an hour of retries, now
//! qstash.settled().await; // nothing due, nothing in flight
//! assert!(qstash.dead_letters().await.is_empty());
//! # Ok(())
//! # }
//! ```
mod api;
pub mod broker;
mod clock;
mod deliver;
mod gate;
mod hex;
mod loopback;
mod query;
mod reply;
mod routes;
mod secret;
mod server;
mod trace;
mod worker;

pub use server::{DevServer, DevServerBuilder, StartError};
