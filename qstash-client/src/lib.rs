//! Publishes work to [QStash](https://upstash.com/docs/qstash), which delivers it over HTTP, retries it, and calls back.
//!
//! ```no_run
//! use qstash_client::{CallbackTarget, Client, Message};
//!
//! # async fn render() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::from_env()?; // QSTASH_TOKEN, QSTASH_URL, QSTASH_REGION
//!
//! let published = client
//!     .publish(
//!         Message::to("https://jobs.example.com/render")
//!             .json(&["scene-1", "scene-2"])
//!             .retries(3)
//!             .callback("https://api.example.com/render/done")
//!             .failure_callback(
//!                 CallbackTarget::to("https://api.example.com/render/failed").forward("x-tenant", "42"),
//!             ),
//!     )
//!     .await?;
//!
//! println!("accepted as {}", published.message_id());
//! # Ok(())
//! # }
//! ```
//!
//! A [`Message`] is a plain value: it can be stored, cloned, returned and published any number of times. Its setters
//! never fail; the first mistake is kept and returned by [`Client::publish`] before anything is sent.
//!
//! # A lost answer never enqueues twice
//!
//! A client cannot know whether a call whose answer was lost has been carried out. Each publish therefore carries a
//! deduplication id of its own, unless the message brings one, and failed attempts are repeated under that id until the
//! deadline: see [`RetryPolicy`]. In an outage, all calls of a client together are repeated only as often as a
//! [budget](retry::RetryBudget) allows. What still fails says what happened, and gives the id back, so that the same
//! publish can be repeated by hand within the ten minutes for which QStash remembers the id:
//!
//! ```no_run
//! # use qstash_client::{Client, Message, Published};
//! # async fn publish(client: Client, message: Message) -> Result<Published, qstash_client::Error> {
//! let error = match client.publish(message.clone()).await {
//!     Ok(published) => return Ok(published),
//!     Err(error) => error,
//! };
//! match error.deduplication_id() {
//!     Some(id) if error.is_retryable() => client.publish(message.deduplication_id(id)).await,
//!     _ => Err(error),
//! }
//! # }
//! ```
//!
//! When the future of a call is dropped before it is ready, for instance by a timeout around it, the call is given up.
//! It may have been carried out all the same.
//!
//! # Many messages
//!
//! [`Client::batch`] hands over many messages in few calls, and gives a result for each.
//! [`Client::publisher`] does so for a stream of any length, in order, in little memory, and at the pace that QStash
//! allows.
//!
//! # Everything else
//!
//! Each thing that QStash stores has a handle, made from its id or name. A handle sends nothing until a verb is called.
//! The verbs have the same names everywhere: `get`, `list`, `upsert`, `delete`, `pause`, `resume`. A long listing is a
//! page, or a stream over all pages.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use qstash_client::{Client, Message, reconcile::Schedule};
//!
//! # async fn operate(client: Client) -> Result<(), qstash_client::Error> {
//! client.queue("emails").pause().await?;
//!
//! // Schedules as code: what is there becomes equal to what is wanted, and a second run finds nothing to do.
//! let report = Message::to("https://api.example.com/report");
//! let wanted = [Schedule::new("nightly-report", "CRON_TZ=Europe/Berlin 0 4 * * *", report)];
//! let plan = client.schedules().reconcile("nightly-", wanted).await?;
//! println!("{plan}");
//! plan.apply().await?;
//!
//! let mut failed = client.dlq().label("render").stream();
//! while let Some(letter) = failed.try_next().await? {
//!     println!("{} failed with {:?}", letter.message.url, letter.response_status);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is deleted by accident. An empty id, filter or list is refused before anything is sent, and a verb that acts
//! on everything has `all` in its name, such as [`Messages::cancel_all`](messages::Messages::cancel_all). A call that
//! does harm when it arrives twice is repeated only if it certainly has not arrived.
//!
//! # Without a network
//!
//! Every call is an `http::Request<Bytes>` that goes through a [`tower::Service`]. [`ClientBuilder::transport`] replaces
//! it, for instance in a test:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use qstash_client::{Client, Message};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let transport = tower::service_fn(|request: Request<Bytes>| async move {
//!     assert_eq!(request.uri().path(), "/v2/publish/https://example.com/hook");
//!     Ok::<_, Infallible>(Response::new(Bytes::from(r#"{"messageId":"msg_1"}"#)))
//! });
//! let client = Client::builder().token("secret").transport(transport).build()?;
//!
//! let published = client.publish(Message::to("https://example.com/hook")).await?;
//! assert_eq!(published.message_id().as_str(), "msg_1");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | Feature | What it adds |
//! |---|---|
//! | `reqwest` (default) | calls are carried by reqwest |
//! | `hyper` | calls are carried by the client of hyper-util: when `ClientBuilder::hyper` says so, and always where `reqwest` is off |
//! | `rustls` (default) | TLS by rustls with aws-lc-rs, and the certificates of the operating system |
//! | `rustls-no-provider` | the same with the crypto provider that the application has installed |
//! | `native-tls` | TLS by the operating system, and preferred where both are on |
//! | `cron` (default) | names of time zones in cron expressions are checked before they are sent |
//! | `tracing` | a span for each call, with the names and attributes of OpenTelemetry's conventions for messaging |
//! | `otel` | that span, and each message takes its place in the trace along, so that its deliveries and callbacks belong to it |
//! | `metrics` | counters and durations for the recorder of the crate `metrics` |
//!
//! The headers of a trace are forwarded with the message and to its callbacks: `traceparent`, `tracestate` and, since deliveries do
//! not say it, the time of publishing, `Qstash-Published-At`. A header that the message forwards itself wins. They are left out
//! where no trace is under way, where messages are [deduplicated by content](Message::deduplicate_by_content), and from schedules
//! that are [reconciled](schedules::Schedules::reconcile). Baggage is never forwarded.
//!
//! The TLS features apply to whichever of `reqwest` and `hyper` is on; without one of them both speak plain HTTP, which is
//! enough for a local server. Take `hyper` where publishing is a large part of what the process does, or where each package
//! counts, and no proxy is in between. Without either no HTTP client is compiled, and there is neither `Client::new` nor
//! `Client::from_env`: a builder takes a [transport](ClientBuilder::transport).
//!
//! Without `cron` no time zones are compiled: QStash itself refuses a
//! time zone that does not exist, with status 400. The client runs on tokio.
//!
#![doc = include_str!("capabilities.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod api;
mod builder;
mod callback_target;
mod check;
mod client;
mod defaults;
mod draft;
mod filter;
mod message;
mod message_options;
mod observe;
mod published;
mod query;
mod request;
mod resource;
mod setters;
mod webhook;

pub mod batch;
pub mod dlq;
pub mod error;
pub mod flow_control;
pub mod logs;
pub mod messages;
pub mod pages;
pub mod publisher;
pub mod queues;
pub mod reconcile;
pub mod retry;
pub mod schedules;
pub mod signing_keys;
pub mod transport;
pub mod url_groups;

/// The words of the wire: ids and names, the settings of a message, and the records that QStash answers with.
pub use qstash_types as types;

pub use self::{
    builder::ClientBuilder, callback_target::CallbackTarget, client::Client, error::Error, message::Message,
    message_options::MessageOptions, published::Published, retry::RetryPolicy,
};
