//! QStash on localhost: a server that publishes, delivers, retries and calls back as QStash does, inside a test, without
//! network or account. The program `qstash-dev` around it is in the package `qstash-cli`.
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
//! | `/v2/publish/{destination}`, `/v2/enqueue/{queue}/{destination}`, `/v2/batch` | every publish header, also as a query parameter |
//! | `/v2/messages` | read until a few seconds after the delivery; cancel one, by ids, by filters, all |
//! | `/v2/queues` | order, parallelism, pause, lag; a slot stays taken until the callbacks have come to their end |
//! | `/v2/schedules` | five-field cron, `CRON_TZ`, pause, replacement, last and next run |
//! | `/v2/topics` | URL groups: endpoints and default headers |
//! | `/v2/dlq` | dead letters: pages, filters, deletion, another try with other settings |
//! | `/v2/flowControl`, `/v2/globalParallelism` | rate, period, parallelism, pause, pins |
//! | `/v2/logs`, `/v2/events` | the newest first; pages, filters, grouped by message; `count` up to 1000 |
//! | `/v2/keys` | read and rotate |
//!
//! Deliveries are signed and carry the documented headers. Timeouts, retries, what a destination asks for with
//! `Retry-After` or a non-retryable error, callbacks, failure callbacks, dead letters, deduplication and redaction work
//! as they do in the cloud.
//!
//! # The page
//!
//! `http://127.0.0.1:8080/` shows messages as they move, with their attempts, requests, responses and callbacks, and queues,
//! schedules and dead letters with buttons to pause, resume, retry and delete. [`DevServer::page_url`] holds the token that
//! the page asks for otherwise. It loads nothing from elsewhere, and shows whatever messages are made of as text. What it
//! reads below `/dev` beyond the API of QStash is its own, and may change.
//!
//! `/metrics` has numbers for Prometheus; `/healthz` and `/readyz` say whether the server runs, and whether calls can succeed.
//!
//! # Faults
//!
//! [`DevServer::fault`] has things go wrong: a destination answers with a given status, hangs or refuses, for one URL or message, as
//! often as a test wants; deliveries come twice, late or in another order; calls of the API fail.
//!
//! ```
//! # use std::time::Duration;
//! # use qstash_dev::{DevServer, Fault};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let qstash = DevServer::start().await?;
//! qstash.fault(Fault::Status(503).at("http://127.0.0.1:3000/render").times(3));
//! // Publish to that URL, and then:
//! qstash.advance(Duration::from_secs(3600)).await; // three attempts fail, and the fourth arrives
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//!
//! The server has a clock of its own, which [`DevServer::advance`] moves. Tokens are the exception: receivers compare
//! them with their own clock, so they are issued in real time.
//!
//! # Limits
//!
//! Only destinations on this machine are called, over plain HTTP: loopback addresses, `localhost` and names below it.
//! [`map_host`](DevServerBuilder::map_host) has connections for other hosts come here, and
//! [`allow_internet`](DevServerBuilder::allow_internet) lets them out; with the feature `tls` they may be `https`. No proxy
//! is used, no redirect is followed. Calls need the token, a `Host` of this machine or an
//! [allowed](DevServerBuilder::allow_host) one, and no `Origin` but the server's own. Bodies of messages and
//! responses have up to 10 MiB. Whatever a caller can have the server keep is limited, and counts towards 4 GiB in all
//! ([`memory`](DevServerBuilder::memory)); the README has a table of the limits.
//!
//! # Durability
//!
//! Everything is in memory, unless [`DevServerBuilder::data`] names a folder. Then what was acknowledged survives the end
//! of the process by force, and is delivered at least once: messages and how far they have come, queues with their
//! order, schedules, URL groups, flow control, dead letters, open deduplication windows and signing keys. The log does not.
//!
//! # Features
//!
//! | Feature | Default | Adds |
//! |---|---|---|
//! | `tls` | no | calls of `https` destinations; wants a C compiler |
//! | `tracing` | no | events: a line for each state of a message, and for what went wrong |

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod account;
mod api;
mod body;
mod call;
mod clock;
mod connect;
mod connections;
mod cors;
mod deliver;
mod echo;
mod fault;
mod feed;
mod gate;
mod head_refusal;
mod health;
mod hex;
mod keyring;
#[cfg(feature = "tracing")]
mod log_line;
mod loopback;
mod metrics;
mod otlp;
mod outgoing;
mod page;
mod pool;
mod query;
mod refusals;
mod reply;
mod routes;
mod secret;
mod server;
mod spelling;
mod store;
mod tell;
#[cfg(feature = "tls")]
mod tls;
mod wire;
mod worker;

pub use account::Account;
pub use fault::{AimedFault, Fault};
pub use server::{DevServer, DevServerBuilder, NotReached, StartError};
pub use spelling::CanceledSpelling;
