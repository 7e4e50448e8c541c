//! What happens to a row: a pure decision, from what is known of it and of the last try.
//!
//! QStash remembers a deduplication id for ten minutes. Until then a row that may have been accepted is simply sent again, under
//! the same id. Later that would make a second message, so the log of QStash is asked first.
//!
//! ```text
//! waits, not sent ──▶ waits, first sent at t ──▶ gone
//!                       │  ▲                     ▲
//!                       ▼  │ not in the log      │ in the log
//!                     aged: the log is asked ────┤
//!                                                ▼ the log does not reach back
//!                     refused for good ────────▶ dead
//! ```

use std::time::Duration;

/// Milliseconds since 1970, on the clock of the database unless the relay has another.
pub(crate) type Millis = i64;

/// For how long QStash remembers a deduplication id.
const WINDOW: Millis = 10 * 60 * 1000;

/// The longest wait that QStash can ask for.
pub(crate) const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// What the decisions depend on beside the row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// How long a call to QStash takes at most.
    pub(crate) deadline: Millis,
    /// How far the log may lag behind, and the clocks may be apart. Together with the deadline shorter than the window.
    pub(crate) margin: Millis,
    pub(crate) first_wait: Millis,
    pub(crate) longest_wait: Millis,
}

/// What is done with a row whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is sent, under its deduplication id.
    Send,
    /// It is looked for in the log.
    LookUp,
}

impl Action {
    /// Decides by the earliest time at which QStash may have accepted the row.
    pub(crate) fn at(now: Millis, first_sent: Option<Millis>, rules: &Rules) -> Self {
        match first_sent {
            // A time that is still to come is one of a clock that has gone back: how long ago it is, nobody knows. Looking is safe at any time.
            Some(first) if first > now || now + rules.deadline >= first + WINDOW => Self::LookUp,
            _ => Self::Send,
        }
    }
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// QStash has the message, as a new one or as one that it had already.
    Accepted,
    /// QStash certainly does not have it from this try.
    NotAccepted(Failure),
    /// Nobody knows: no answer came, or none that says it.
    Unclear(Failure),
    /// QStash will never take it.
    Refused(String),
    /// The log has it.
    Found,
    /// The log does not have it, and has entries that are older than the first try.
    NotFound,
    /// The log does not have it, but might not reach back to the first try.
    OutOfReach,
    /// The log could not be read.
    NotLookedUp(Failure),
}

/// Why a try was in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) why: String,
    /// How long QStash asks to wait.
    pub(crate) asked_wait: Duration,
}

/// A try of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Try {
    /// When it began.
    pub(crate) began: Millis,
    /// What was known before it.
    pub(crate) first_sent: Option<Millis>,
    /// How many others came before it in vain.
    pub(crate) attempts: i32,
}

/// What becomes of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// QStash has the message.
    Gone,
    /// It is tried again.
    Waits { due: Millis, first_sent: Option<Millis>, attempts: i32, reason: Option<String> },
    /// A person has to decide.
    Dead { first_sent: Option<Millis>, reason: String },
}

impl Try {
    /// What follows from how it ended.
    pub(crate) fn end(self, end: End, now: Millis, rules: &Rules) -> Fate {
        let again = |first_sent, Failure { why, asked_wait }: Failure| {
            let asked = millis(asked_wait.min(LONGEST_ASKED));
            Fate::Waits {
                due: now + rules.wait(self.attempts).max(asked),
                first_sent,
                attempts: self.attempts.saturating_add(1),
                reason: Some(why),
            }
        };
        match end {
            End::Accepted | End::Found => Fate::Gone,
            End::NotAccepted(failure) | End::NotLookedUp(failure) => again(self.first_sent, failure),
            End::Unclear(failure) => again(Some(self.first_sent.unwrap_or(self.began)), failure),
            // The last try may have been accepted so shortly before that the log does not show it yet.
            End::NotFound => Fate::Waits {
                due: now,
                first_sent: Some(self.began - rules.margin),
                attempts: self.attempts,
                reason: None,
            },
            End::Refused(why) => Fate::Dead { first_sent: self.first_sent, reason: why },
            // Whoever lets it be sent again has decided that it was not accepted.
            End::OutOfReach => Fate::Dead {
                first_sent: None,
                reason: "QStash may have accepted it, and its log does not reach back far enough to tell"
                    .to_owned(),
            },
        }
    }
}

impl Rules {
    /// How long to wait after so many failures in a row before the last one.
    pub(crate) fn wait(&self, failures: i32) -> Millis {
        let doubled = u32::try_from(failures).ok().and_then(|n| 2_i64.checked_pow(n));
        doubled
            .and_then(|factor| self.first_wait.checked_mul(factor))
            .unwrap_or(Millis::MAX)
            .min(self.longest_wait)
    }
}

/// A duration in whole milliseconds, a century at the most.
pub(crate) fn millis(duration: Duration) -> Millis {
    let century = 100 * 365 * 24 * 60 * 60 * 1000;
    Millis::try_from(duration.as_millis()).unwrap_or(century).min(century)
}

#[cfg(test)]
mod tests;
