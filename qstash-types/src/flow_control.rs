//! Flow control: a key, and the limits that all messages with this key share.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use crate::{FlowControlKey, InvalidId, digits, duration};

/// The longest period that QStash accepts.
const LONGEST_PERIOD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Limits for all messages that share a key, whatever their destinations.
///
/// ```
/// use std::time::Duration;
/// use qstash_types::FlowControl;
///
/// let calls = FlowControl::new("openai")?.rate(10).period(Duration::from_secs(60));
/// assert_eq!(calls.limits.to_string(), "rate=10, period=60s");
/// # Ok::<_, qstash_types::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowControl {
    /// The key. Header: `Upstash-Flow-Control-Key`.
    pub key: FlowControlKey,
    /// The limits. Header: `Upstash-Flow-Control-Value`. The last message with the key sets them for all.
    pub limits: FlowLimits,
}

impl FlowControl {
    /// Flow control under a key, so far without a limit.
    ///
    /// # Errors
    ///
    /// A key that is blank or holds control characters is refused.
    pub fn new(key: impl AsRef<str>) -> Result<Self, InvalidId> {
        Ok(Self { key: FlowControlKey::new(key)?, limits: FlowLimits::default() })
    }

    /// At most this many deliveries run at the same time. Zero means no such limit.
    pub fn parallelism(self, deliveries: u32) -> Self {
        Self { limits: self.limits.parallelism(deliveries), ..self }
    }

    /// At most this many deliveries start in each period. Zero means no such limit.
    pub fn rate(self, deliveries: u32) -> Self {
        Self { limits: self.limits.rate(deliveries), ..self }
    }

    /// The period of the rate: one second unless set, at most a week, whole seconds, rounded up.
    pub fn period(self, period: Duration) -> Self {
        Self { limits: self.limits.period(period), ..self }
    }
}

/// The limits of a flow-control key.
///
/// `Display` and `FromStr` are the grammar of `Upstash-Flow-Control-Value`: `parallelism=2, rate=10, period=60s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowLimits {
    /// Deliveries at the same time.
    pub parallelism: Option<NonZeroU32>,
    /// Deliveries in each period.
    pub rate: Option<NonZeroU32>,
    /// The period of the rate; `None` stands for one second.
    pub period: Option<Duration>,
}

impl FlowLimits {
    /// At most this many deliveries run at the same time. Zero means no such limit.
    pub fn parallelism(self, deliveries: u32) -> Self {
        Self { parallelism: NonZeroU32::new(deliveries), ..self }
    }

    /// At most this many deliveries start in each period. Zero means no such limit.
    pub fn rate(self, deliveries: u32) -> Self {
        Self { rate: NonZeroU32::new(deliveries), ..self }
    }

    /// The period of the rate: one second unless set, at most a week, whole seconds, rounded up.
    pub fn period(self, period: Duration) -> Self {
        Self { period: Some(period), ..self }
    }

    /// Checks what the type cannot say: one of parallelism and rate is there, and the period is one to 604,800 seconds.
    ///
    /// # Errors
    ///
    /// Says which of the two rules is broken.
    pub fn check(&self) -> Result<(), InvalidFlowControl> {
        if self.parallelism.is_none() && self.rate.is_none() {
            return Err(InvalidFlowControl::NoLimit);
        }
        match self.period {
            Some(period) if period.is_zero() || period > LONGEST_PERIOD => Err(InvalidFlowControl::Period),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for FlowLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.parallelism.map(|limit| format!("parallelism={limit}")),
            self.rate.map(|limit| format!("rate={limit}")),
            self.period.map(|period| format!("period={}", duration::to_text(period))),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

impl FromStr for FlowLimits {
    type Err = InvalidFlowControl;

    fn from_str(text: &str) -> Result<Self, InvalidFlowControl> {
        let mut limits = Self::default();
        for part in text.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or(InvalidFlowControl::Grammar)?;
            let count = || digits::parse(value).map(NonZeroU32::new).ok_or(InvalidFlowControl::Grammar);
            match name {
                "parallelism" => limits.parallelism = count()?,
                "rate" => limits.rate = count()?,
                "period" => {
                    limits.period = Some(duration::parse(value).map_err(|_| InvalidFlowControl::Grammar)?);
                }
                _ => return Err(InvalidFlowControl::Grammar),
            }
        }
        limits.check()?;
        Ok(limits)
    }
}

/// Flow-control limits are not usable.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFlowControl {
    /// Neither parallelism nor rate is set.
    #[error("flow control needs a parallelism or a rate")]
    NoLimit,
    /// The period is zero or longer than a week.
    #[error("the flow-control period must lie between one second and one week")]
    Period,
    /// A text is not `parallelism=N, rate=N, period=D`.
    #[error("not a flow-control value, expected parallelism=N, rate=N, period=D")]
    Grammar,
}
