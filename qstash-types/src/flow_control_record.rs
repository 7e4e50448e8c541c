//! Flow control as the API shows it.

use std::time::{Duration, SystemTime};

use serde::{de, ser::SerializeMap};

use crate::{
    FlowControlKey, OddFields,
    record::{Codec, Fields, Members, Plain, record},
};

/// A flow-control key as `GET /v2/flowControl` and `GET /v2/flowControl/{key}` show it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowControlRecord {
    /// The key.
    pub key: FlowControlKey,
    /// How many messages wait until the limits allow an attempt.
    pub wait_list_size: u64,
    /// How many deliveries may run at the same time; zero without such a limit.
    pub parallelism_max: u32,
    /// How many deliveries run.
    pub parallelism_count: u32,
    /// How many deliveries may start in each period; zero without such a limit.
    pub rate_max: u32,
    /// How many deliveries have started in the period.
    pub rate_count: u32,
    /// How long a period is, in whole seconds.
    pub rate_period: Option<Duration>,
    /// When the period began, in whole seconds.
    pub rate_period_start: Option<SystemTime>,
    /// Whether deliveries are held back.
    pub paused: bool,
    /// Whether the parallelism stays what it is, whatever messages ask for.
    pub parallelism_pinned: bool,
    /// Whether rate and period stay what they are, whatever messages ask for.
    pub rate_pinned: bool,
    /// The fields that could not be read.
    pub odd: OddFields,
}

record! {
    FlowControlRecord {
        key: Id("flowControlKey"),
        wait_list_size: WaitListSize(),
        parallelism_max: Plain("parallelismMax"),
        parallelism_count: Plain("parallelismCount"),
        rate_max: Plain("rateMax"),
        rate_count: Plain("rateCount"),
        rate_period: WholeSeconds("ratePeriod"),
        rate_period_start: UnixSeconds("ratePeriodStart"),
        paused: Plain("isPaused"),
        parallelism_pinned: Plain("isPinnedParallelism"),
        rate_pinned: Plain("isPinnedRate"),
    }
}

/// A number with an older name.
struct WaitListSize;

impl Members for WaitListSize {
    type Value = u64;

    const NAMES: &'static [&'static str] = &["waitListSize", "waitlistSize"];

    fn read<E: de::Error>(fields: &mut Fields) -> Result<u64, E> {
        let size: Option<u64> = fields.read::<Plain, _>("waitListSize");
        Ok(size.unwrap_or_else(|| fields.read::<Plain, _>("waitlistSize")))
    }

    fn write<M: SerializeMap>(size: &u64, map: &mut M) -> Result<(), M::Error> {
        Plain::write(size, "waitListSize", map)
    }
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
            odd: OddFields::default(),
        }
    }
}

/// The limit on all deliveries of an account, as `GET /v2/globalParallelism` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GlobalParallelism {
    /// How many deliveries may run at the same time.
    pub parallelism_max: u64,
    /// How many deliveries run.
    pub parallelism_count: u64,
    /// The fields that could not be read.
    pub odd: OddFields,
}

record! {
    GlobalParallelism {
        parallelism_max: Plain("parallelismMax"),
        parallelism_count: Plain("parallelismCount"),
    }
}

impl GlobalParallelism {
    /// The limit, and how much of it is taken.
    pub fn new(parallelism_max: u64, parallelism_count: u64) -> Self {
        Self { parallelism_max, parallelism_count, odd: OddFields::default() }
    }
}
