//! The wire format of [QStash](https://upstash.com/docs/qstash) in both directions, without IO.
//!
//! A client encodes with this crate what a server decodes with it, and the other way round, so the two cannot disagree
//! about a spelling:
//!
//! ```
//! use std::time::Duration;
//! use qstash_types::{CallbackOptions, DeliveryOptions, Url};
//!
//! let mut options = DeliveryOptions::default();
//! options.settings.retries = Some(3);
//! options.settings.timeout = Some(Duration::from_secs(90));
//! options.callback = Some(CallbackOptions::new(Url::new("https://api.example.com/done")?));
//!
//! let headers = options.to_headers()?;
//! assert_eq!(headers["upstash-retries"], "3");
//! assert_eq!(headers["upstash-timeout"], "90s");
//! assert_eq!(DeliveryOptions::from_headers(&headers)?, options);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! | To find | look at |
//! |---|---|
//! | header names | [`header`] |
//! | publish headers | [`DeliveryOptions`], [`DeliverySettings`], [`CallbackOptions`] |
//! | the values in them | [`duration`], [`FlowControl`], [`RetryDelay`], [`Redaction`] |
//! | headers of a delivery | [`DeliveryHeaders`] |
//! | callback bodies | [`Callback`], [`FailureCallback`] |
//! | answers of the API | [`Receipt`], [`MessageRecord`], [`QueueRecord`], [`ScheduleRecord`], [`UrlGroupRecord`], [`DeadLetter`], [`LogEntry`], [`FlowControlRecord`], [`SigningKeys`] |
//! | expressions of schedules | [`Cron`] |
//! | ids and names | [`MessageId`] and its neighbours, which are never empty |
//! | destinations | [`Destination`], [`Url`], [`Host`] |
//! | the place of a message in a trace | [`TraceParent`] |
//! | parameters that QStash takes for its own | [`query_pairs`] |
//! | escapes in URLs | [`percent`] |
//! | where errors say to read on | [`Help`] |
//!
//! With the feature `cron`, a [`Cron`] checks the name of its time zone and says when a schedule fires.
//!
//! Decoding is tolerant: unknown fields and states, absent and `null` values never make it fail. In a record, a value that cannot be
//! read costs no other field, and is kept as it was among the [odd fields](OddFields). Encoding writes the one form that every
//! version of the service understands.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod base64_bytes;
pub mod base64url;
pub mod duration;
pub mod header;
pub mod percent;
pub mod timestamp;

mod base64_engine;
mod callback;
mod chain;
mod cron;
mod delivery;
mod delivery_headers;
mod delivery_record;
mod destination;
mod digits;
mod flow_control;
mod flow_control_record;
mod headers;
mod help;
mod id;
mod log;
mod message;
mod mistakes;
mod own_parameter;
mod published_account;
mod queue;
mod receipt;
mod record;
mod redaction;
mod region;
mod retry_delay;
mod schedule;
mod signing_key;
mod trace_parent;

mod url;
mod url_group;
mod words;

pub use callback::{Callback, CallbackParts, FailureCallback, FieldError, InvalidCallback};
#[doc(hidden)]
pub use chain::write_chain;
pub use cron::{Cron, InvalidCron};
pub use delivery::{
    CallbackOptions, Deduplication, DeliveryOptions, DeliverySettings, HeaderSink, HeaderText, InvalidHeader,
    Start,
};
pub use delivery_headers::DeliveryHeaders;
pub use delivery_record::DeliveryRecord;
pub use destination::{Destination, InvalidDestination};
pub use flow_control::{FlowControl, FlowLimits, InvalidFlowControl};
pub use flow_control_record::{FlowControlRecord, GlobalParallelism};
pub use headers::Headers;
pub use help::Help;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method};
pub use id::{
    DeduplicationId, DlqId, EndpointName, FlowControlKey, InvalidId, Label, MessageId, QueueName, ScheduleId,
    UrlGroupName,
};
pub use log::{LogEntry, LogState, MessageLog};
pub use message::{DeadLetter, MessageRecord};
pub use own_parameter::{QueryPair, query_pairs};
pub use published_account::PublishedAccount;
pub use queue::QueueRecord;
pub use receipt::Receipt;
pub use record::OddFields;
pub use redaction::{InvalidRedaction, RedactedHeaders, Redaction};
pub use region::{Region, UnknownRegion};
pub use retry_delay::{InvalidRetryDelay, RetryDelay, Term};
pub use schedule::{RunState, ScheduleRecord};
pub use signing_key::{InvalidSigningKey, SigningKey, SigningKeys};
pub use trace_parent::{InvalidTraceParent, TraceParent};
pub use url::{Authority, Host, InvalidUrl, Scheme, Url, UrlText, UserInfo, without_secrets};
pub use url_group::{EndpointRecord, UrlGroupRecord};

debug_as_text!(
    FieldError,
    InvalidCallback,
    InvalidCron,
    InvalidDestination,
    InvalidFlowControl,
    InvalidHeader,
    InvalidId,
    InvalidRedaction,
    InvalidRetryDelay,
    InvalidSigningKey,
    InvalidTraceParent,
    InvalidUrl,
    UnknownRegion,
    base64_bytes::InvalidBase64,
    duration::InvalidDuration,
);
