//! Flow control as the API shows it.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{FlowControlKey, duration::optional_seconds, timestamp::optional_unix_seconds, tolerant};

/// A flow-control key as `GET /v2/flowControl` and `GET /v2/flowControl/{key}` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FlowControlRecord {
    /// The key.
    #[serde(rename = "flowControlKey")]
    pub key: FlowControlKey,
    /// How many messages wait until the limits allow an attempt.
    #[serde(alias = "waitlistSize", default, deserialize_with = "tolerant::or_default")]
    pub wait_list_size: u64,
    /// How many deliveries may run at the same time; zero without such a limit.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub parallelism_max: u32,
    /// How many deliveries run.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub parallelism_count: u32,
    /// How many deliveries may start in each period; zero without such a limit.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub rate_max: u32,
    /// How many deliveries have started in the period.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub rate_count: u32,
    /// How long a period is, in whole seconds.
    #[serde(default, with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub rate_period: Option<Duration>,
    /// When the period began, in whole seconds.
    #[serde(default, with = "optional_unix_seconds", skip_serializing_if = "Option::is_none")]
    pub rate_period_start: Option<SystemTime>,
    /// Whether deliveries are held back.
    #[serde(rename = "isPaused", default, deserialize_with = "tolerant::or_default")]
    pub paused: bool,
    /// Whether the parallelism stays what it is, whatever messages ask for.
    #[serde(rename = "isPinnedParallelism", default, deserialize_with = "tolerant::or_default")]
    pub parallelism_pinned: bool,
    /// Whether rate and period stay what they are, whatever messages ask for.
    #[serde(rename = "isPinnedRate", default, deserialize_with = "tolerant::or_default")]
    pub rate_pinned: bool,
}

impl FlowControlRecord {
    /// A key without limits.
    pub fn new(key: FlowControlKey) -> Self {
        Self {
            key,
            wait_list_size: 0,
            parallelism_max: 0,
            parallelism_count: 0,
            rate_max: 0,
            rate_count: 0,
            rate_period: None,
            rate_period_start: None,
            paused: false,
            parallelism_pinned: false,
            rate_pinned: false,
        }
    }
}

/// The limit on all deliveries of an account, as `GET /v2/globalParallelism` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GlobalParallelism {
    /// How many deliveries may run at the same time.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub parallelism_max: u64,
    /// How many deliveries run.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub parallelism_count: u64,
}

impl GlobalParallelism {
    /// The limit, and how much of it is taken.
    pub fn new(parallelism_max: u64, parallelism_count: u64) -> Self {
        Self { parallelism_max, parallelism_count }
    }
}
