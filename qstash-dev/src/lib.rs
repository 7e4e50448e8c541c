//! QStash on localhost: a server that publishes, delivers, retries and calls back as QStash does, inside a test or as a
//! program, without network or account.
//!
//! ```
//! use std::time::Duration;
//! use qstash_dev::DevServer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let qstash = DevServer::start().await?; // a free port, fresh keys, gone on drop
//!
//! // Give `qstash.url()` and `qstash.token()` to a client, and `qstash.signing_keys()` to a verifier. Publish, and then:
//! qstash.advance(Duration::from_secs(3600)).await; // an hour of retries, now
//! qstash.settled().await; // nothing due, nothing in flight
//! assert!(qstash.dead_letters().await.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # What it does
//!
//! | Call | Notes |
//! |---|---|
//! | `POST /v2/publish/{destination}` | every publish header, also as a query parameter; URL groups are not there yet |
//! | `GET /v2/messages/{id}` | until a few seconds after the delivery |
//! | `GET /v2/dlq` | the newest first; `count` up to 100 |
//! | `GET /v2/logs`, `GET /v2/events` | the newest first; `count` up to 1000 |
//! | `GET /v2/keys` | |
//!
//! Deliveries are signed and carry the documented headers. Timeouts, retries, what a destination asks for with
//! `Retry-After` or a non-retryable error, callbacks, failure callbacks, dead letters, deduplication and redaction work
//! as they do in the cloud. Flow control is recorded and not applied.
//!
//! # Time
//!
//! The server has a clock of its own, which [`DevServer::advance`] moves. Tokens are the exception: receivers compare
//! them with their own clock, so they are issued in real time.
//!
//! # Limits
//!
//! Only destinations on this machine are called, over plain HTTP: loopback addresses, `localhost` and names below it. No
//! name is looked up, no proxy is used, no redirect is followed. Calls need the token, a `Host` of this machine, and no
//! `Origin` but the server's own. Messages and responses have up to 10 MiB; 128 attempts run at the same time; the log
//! keeps 100,000 entries or 256 MiB of bodies. Everything is in memory.
//!
//! # As a program
//!
//! With the feature `cli`, which is on by default, `qstash-dev` listens on 127.0.0.1:8080, prints the environment that a
//! client and a receiver need, and logs one line for each event. `qstash-dev --help` tells the rest.

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
