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
//! deadline: see [`RetryPolicy`]. What still fails says what happened, and gives the id back, so that the same publish
//! can be repeated by hand within the ten minutes for which QStash remembers the id:
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
//! The same holds for every call whose future is dropped before it is ready, as by a timeout around it: it is given up,
//! and may have been carried out.
//!
//! # Many messages
//!
//! [`Client::batch`] hands over many messages in few calls, and tells for each what became of it.
//! [`Client::publisher`] does so for a stream of any length, in order, in little memory, and at the pace that QStash
//! allows.
//!
//! # Everything else
//!
//! What QStash keeps has a handle, by its id or name, which costs nothing until a verb is called. The verbs have the same
//! names everywhere: `get`, `list`, `upsert`, `delete`, `pause`, `resume`. A long listing is a page, or a stream over all
//! pages.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use qstash_client::{Client, Message, Schedule};
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
//! Nothing is deleted by accident. An empty id, filter or list is refused before anything is sent, and what is about
//! everything is called so, as [`Messages::cancel_all`] is. A call that does harm when it arrives twice is repeated only
//! if it certainly has not arrived.
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
//! | `rustls` (default) | TLS by rustls with aws-lc-rs, and the certificates of the operating system |
//! | `rustls-no-provider` | the same with the crypto provider that the application has installed |
//! | `native-tls` | TLS by the operating system |
//! | `tracing` | a span `qstash` for each call: method, resource, host of the destination, message id, attempts, status |
//!
//! Without any of them the client speaks plain HTTP, which is all that a local server needs. The client runs on tokio.
//!
#![doc = include_str!("capabilities.md")]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod api_error;
mod batch;
mod callback_target;
mod check;
mod client;
mod config;
mod config_error;
mod defaults;
mod dlq;
mod draft;
mod environment;
mod error;
mod filter;
mod flow_control;
mod logs;
mod message;
mod messages;
mod options;
mod pages;
mod published;
mod publisher;
mod query;
mod queues;
mod reconcile;
mod request;
mod resource;
mod retry;
mod schedules;
mod settings;
mod signing_keys;
mod trace;
mod transport;
mod url_groups;
mod webhook;

pub use api_error::{ApiError, RateLimit, RateLimitKind};
pub use batch::{BatchError, BatchOutcome, FailedMessage};
pub use callback_target::CallbackTarget;
pub use check::CheckError;
pub use client::Client;
pub use config::ClientBuilder;
pub use config_error::ConfigError;
pub use dlq::{DeadLetterHandle, DeadLetters, Deleted};
pub use error::{DecodeError, Error, InvalidInput, TransportError};
pub use flow_control::{FlowControlHandle, FlowControls};
pub use http::StatusCode;
pub use logs::{Logs, LogsByMessage};
pub use message::{Message, MessageParts};
pub use messages::{MessageHandle, Messages};
pub use options::MessageOptions;
pub use pages::Page;
pub use published::Published;
pub use publisher::Publisher;
pub use qstash_types::{
    Cron, DeadLetter, Deduplication, DeduplicationId, DeliveryOptions, Destination, DlqId, EndpointName,
    EndpointRecord, FlowControl, FlowControlKey, FlowControlRecord, FlowLimits, GlobalParallelism, HeaderMap,
    HeaderName, HeaderValue, Headers, InvalidCron, InvalidDestination, InvalidFlowControl, InvalidId,
    InvalidRedaction, InvalidRetryDelay, InvalidSigningKey, InvalidUrl, Label, LogEntry, LogState, MessageId,
    MessageLog, MessageRecord, Method, QueueName, QueueRecord, Receipt, RedactedHeaders, Redaction, Region,
    RetryDelay, RunState, ScheduleId, ScheduleRecord, Settings, SigningKey, SigningKeys, Start, Term,
    UnknownRegion, Url, UrlGroupName, UrlGroupRecord,
};
pub use queues::{QueueHandle, QueueSettings, Queues};
pub use reconcile::{Change, Difference, Plan, Schedule, Step};
pub use retry::RetryPolicy;
pub use schedules::{ScheduleHandle, Schedules};
pub use signing_keys::SigningKeysHandle;
pub use url_groups::{Endpoint, UrlGroupHandle, UrlGroups};
