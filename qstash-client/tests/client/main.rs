//! The client through its public doors: values in, requests out, answers in, errors out.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod batch;
mod check;
mod common_traits;
mod configuration;
mod defaults;
mod dlq;
mod errors;
#[cfg(feature = "__http")]
mod faults;
mod flow_control;
mod logs;
#[cfg(feature = "__http")]
mod loopback;
mod message;
mod messages;
#[cfg(feature = "metrics")]
mod metrics;
mod official_sdks;
#[cfg(feature = "otel")]
mod otel;
mod own_calls;
mod pages;
#[cfg(feature = "__http")]
mod process;
mod publish;
mod publisher;
mod queues;
mod reach;
mod reconcile;
mod refused;
mod retry;
mod schedules;
mod secrets;
mod signing_keys;
mod support;
#[cfg(feature = "__http")]
mod targets;
#[cfg(all(feature = "hyper", feature = "rustls", not(feature = "native-tls"), target_os = "linux"))]
mod tls;
#[cfg(feature = "tracing")]
mod tracing;
#[cfg(feature = "__http")]
mod transport;
mod url_groups;
#[cfg_attr(not(feature = "__http"), expect(dead_code, reason = "most of it is for faults of connections"))]
mod verbs;
mod webhook;
