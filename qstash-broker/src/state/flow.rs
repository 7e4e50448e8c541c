//! Flow-control keys.

use std::time::Duration;

use qstash_types::FlowLimits;
use serde::{Deserialize, Serialize};

use super::{Activity, Time, form};

/// The period of a rate that names none.
const DEFAULT_PERIOD: Duration = Duration::from_secs(1);

/// The limits of a key, and what they have been used for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FlowState {
    #[serde(with = "form::Limits")]
    pub(crate) limits: FlowLimits,
    pub(crate) pinned_parallelism: bool,
    pub(crate) pinned_rate: bool,
    pub(crate) activity: Activity,
    /// How many attempts have started in the period that began last. It may be over.
    pub(crate) started: u32,
    pub(crate) period_start: Time,
}

impl FlowState {
    pub(crate) fn period(&self) -> Duration {
        self.limits.period.unwrap_or(DEFAULT_PERIOD)
    }

    pub(crate) fn period_end(&self) -> Time {
        self.period_start + self.period()
    }

    /// How many attempts have started in the period that now is in.
    pub(crate) fn started(&self, now: Time) -> u32 {
        if now < self.period_end() { self.started } else { 0 }
    }

    pub(crate) fn rate_left(&self, now: Time) -> u32 {
        self.limits.rate.map_or(u32::MAX, |rate| rate.get().saturating_sub(self.started(now)))
    }

    pub(crate) fn start(&mut self, now: Time) {
        if now >= self.period_end() {
            self.reset(now);
        }
        self.started += 1;
    }

    pub(crate) fn reset(&mut self, now: Time) {
        self.period_start = now;
        self.started = 0;
    }
}
