//! The wire format of [QStash](https://upstash.com/docs/qstash) in both directions, without IO.
//!
//! A client encodes with this crate what a server decodes with it, and the other way round, so the two cannot disagree
//! about a spelling:
//!
//! ```
//! use std::time::Duration;
//! use qstash_types::{CallbackTarget, DeliveryOptions, Url};
//!
//! let mut options = DeliveryOptions::default();
//! options.settings.retries = Some(3);
//! options.settings.timeout = Some(Duration::from_secs(90));
//! options.callback = Some(CallbackTarget::new(Url::new("https://api.example.com/done")?));
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
//! | publish headers | [`DeliveryOptions`], [`Settings`], [`CallbackTarget`] |
//! | the values in them | [`duration`], [`FlowControl`], [`RetryDelay`], [`Redaction`] |
//! | headers of a delivery | [`DeliveryHeaders`] |
//! | callback bodies | [`Callback`], [`FailureCallback`] |
//! | answers of the API | [`Receipt`], [`MessageRecord`], [`QueueRecord`], [`ScheduleRecord`], [`UrlGroupRecord`], [`DeadLetter`], [`LogEntry`], [`FlowControlRecord`], [`SigningKeys`] |
//! | ids and names | [`MessageId`] and its neighbours; none is ever empty |
//! | destinations | [`Destination`], [`Url`] |
//!
//! With the feature `cron` there is `Cron` as well, which says when a schedule fires.
//!
//! Decoding is tolerant: unknown fields and states, absent and `null` optional values never make it fail. Encoding writes the one
//! form that every version of the service understands.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod base64_bytes;
pub mod duration;
pub mod header;
pub mod timestamp;

mod callback;
#[cfg(feature = "cron")]
mod cron;
mod delivery;
mod delivery_headers;
mod destination;
mod digits;
mod flow_control;
mod flow_control_record;
mod headers;
mod id;
mod log;
mod message;
mod queue;
mod receipt;
mod redaction;
mod region;
mod retry_delay;
mod schedule;
mod signing_key;
mod tolerant;
mod url;
mod url_group;
mod words;

pub use callback::{Callback, CallbackParts, FailureCallback, FieldError, InvalidCallback};
#[cfg(feature = "cron")]
pub use cron::{Cron, InvalidCron};
pub use delivery::{CallbackTarget, Deduplication, DeliveryOptions, InvalidHeader, Settings, Start};
pub use delivery_headers::DeliveryHeaders;
pub use destination::{Destination, InvalidDestination};
pub use flow_control::{FlowControl, FlowLimits, InvalidFlowControl};
pub use flow_control_record::{FlowControlRecord, GlobalParallelism};
pub use headers::Headers;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method};
pub use id::{
    DeduplicationId, DlqId, EndpointName, FlowControlKey, InvalidId, Label, MessageId, QueueName, ScheduleId,
    UrlGroupName,
};
pub use log::{LogEntry, LogState, MessageLog};
pub use message::{DeadLetter, MessageRecord};
pub use queue::QueueRecord;
pub use receipt::Receipt;
pub use redaction::{InvalidRedaction, RedactedHeaders, Redaction};
pub use region::{Region, UnknownRegion};
pub use retry_delay::{InvalidRetryDelay, RetryDelay, Term};
pub use schedule::{RunState, ScheduleRecord};
pub use signing_key::{InvalidSigningKey, SigningKey, SigningKeys};
pub use url::{InvalidUrl, Url, without_secrets};
pub use url_group::{EndpointRecord, UrlGroupRecord};
