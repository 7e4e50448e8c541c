//! The client through its public doors: values in, requests out, answers in, errors out.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod batch;
mod check;
mod common_traits;
mod configuration;
mod defaults;
mod dlq;
mod errors;
mod faults;
mod flow_control;
mod logs;
mod message;
mod messages;
mod official_sdks;
mod pages;
mod process;
mod publish;
mod publisher;
mod queues;
mod reconcile;
mod refused;
mod retry;
mod schedules;
mod signing_keys;
mod support;
mod targets;
#[cfg(feature = "tracing")]
mod tracing;
mod transport;
mod url_groups;
mod verbs;
mod webhook;
