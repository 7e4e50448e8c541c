//! The states of a claim, and the steps between them: a pure state machine.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::ClaimKey;

/// What a store keeps under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRecord {
    /// Grows with every claim of the key. Who holds an older one has lost the claim.
    pub fence: u64,
    /// What is known of the effect.
    pub state: ClaimState,
    /// When the store may forget the record. From then on it counts as absent.
    pub keep_until: SystemTime,
}

/// What is known of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// A handler had it and gave it back. The record stays for its fence.
    Free,
    /// A handler runs, or ran until it crashed.
    Claimed {
        /// Until when nobody else may have it, on the store's clock.
        until: SystemTime,
    },
    /// A handler has succeeded.
    Done {
        /// What it answered, as [`StoredAnswer::to_bytes`](crate::StoredAnswer::to_bytes) writes it.
        answer: Bytes,
    },
    /// The key is that of a token, not of a delivery.
    Used {
        /// The delivery that the token came with first.
        by: ClaimKey,
    },
}

/// What happens to a record.
///
/// A step is applied by [`apply`](Self::apply), between reading the record and writing it, while nobody else does
/// either. A store that says the same in a language of its own need not call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// A handler wants to run. Replies: [`Claimed`](Reply::Claimed), [`Busy`](Reply::Busy), [`Done`](Reply::Done).
    Claim {
        /// How long the claim lasts unless it is renewed.
        lease: Duration,
        /// How long to keep the record.
        keep: Duration,
    },
    /// The handler still runs. Replies: [`Accepted`](Reply::Accepted), [`Refused`](Reply::Refused).
    Renew {
        /// As it was given out.
        fence: u64,
        /// How long the claim lasts from now on.
        lease: Duration,
        /// How long to keep the record.
        keep: Duration,
    },
    /// The handler has failed, and may run again. Replies: [`Accepted`](Reply::Accepted), [`Refused`](Reply::Refused).
    Release {
        /// As it was given out.
        fence: u64,
        /// How long to keep the record.
        keep: Duration,
    },
    /// The handler has succeeded. Replies: [`Accepted`](Reply::Accepted), [`Refused`](Reply::Refused).
    Finish {
        /// As it was given out.
        fence: u64,
        /// What to answer from now on.
        answer: Bytes,
        /// How long to keep the record.
        keep: Duration,
    },
    /// Claim and finish at once, as a part of the transaction that holds the effect. Replies:
    /// [`Claimed`](Reply::Claimed), [`Busy`](Reply::Busy), [`Done`](Reply::Done).
    Complete {
        /// What to answer from now on.
        answer: Bytes,
        /// How long to keep the record.
        keep: Duration,
    },
    /// A token came with a delivery. Replies: [`Accepted`](Reply::Accepted), [`Refused`](Reply::Refused).
    Use {
        /// The key of the delivery.
        by: ClaimKey,
        /// How long to keep the record.
        keep: Duration,
    },
}

/// What a store replies to a [`Transition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The claim is yours.
    Claimed {
        /// What the other steps have to show.
        fence: u64,
    },
    /// Another handler has it.
    Busy {
        /// How long it may keep it unless it renews.
        rest: Duration,
    },
    /// A handler has succeeded before.
    Done {
        /// What it answered.
        answer: Bytes,
    },
    /// The step is taken.
    Accepted,
    /// The claim has gone to somebody else, or is over; of a token: it came with another delivery before.
    Refused,
}

impl Transition {
    /// What becomes of the record (nothing, if it stays as it is) and what to reply, at a time on the store's clock.
    pub fn apply(&self, record: Option<&ClaimRecord>, now: SystemTime) -> (Option<ClaimRecord>, Reply) {
        // The fence outlives what is forgotten, where it can.
        let last_fence = record.map_or(0, |record| record.fence);
        let record = record.filter(|record| record.keep_until > now);
        let state = record.map(|record| &record.state);
        match self {
            Self::Claim { .. } | Self::Complete { .. } => match state {
                Some(ClaimState::Claimed { until }) if *until > now => {
                    let rest = until.duration_since(now).unwrap_or_default();
                    (None, Reply::Busy { rest })
                }
                Some(ClaimState::Done { answer }) => (None, Reply::Done { answer: answer.clone() }),
                Some(ClaimState::Used { .. }) => (None, Reply::Refused),
                None | Some(ClaimState::Free | ClaimState::Claimed { .. }) => {
                    let fence = next_fence(last_fence, now);
                    (Some(self.taken(fence, now)), Reply::Claimed { fence })
                }
            },
            Self::Renew { fence, .. } | Self::Release { fence, .. } => match state {
                Some(ClaimState::Claimed { .. }) if last_fence == *fence => {
                    (Some(self.taken(*fence, now)), Reply::Accepted)
                }
                _ => (None, Reply::Refused),
            },
            Self::Finish { fence, .. } => match state {
                // Done already: by the transaction of the effect, which does not know the answer yet.
                Some(ClaimState::Claimed { .. } | ClaimState::Done { .. }) if last_fence == *fence => {
                    (Some(self.taken(*fence, now)), Reply::Accepted)
                }
                _ => (None, Reply::Refused),
            },
            Self::Use { by, .. } => match state {
                Some(ClaimState::Used { by: first }) if first == by => (None, Reply::Accepted),
                Some(_) => (None, Reply::Refused),
                None => (Some(self.taken(0, now)), Reply::Accepted),
            },
        }
    }

    /// The record after this step was taken.
    fn taken(&self, fence: u64, now: SystemTime) -> ClaimRecord {
        let (state, keep) = match self {
            Self::Claim { lease, keep } | Self::Renew { lease, keep, .. } => {
                // What is claimed must not be forgotten.
                (ClaimState::Claimed { until: later(now, *lease) }, *keep.max(lease))
            }
            Self::Release { keep, .. } => (ClaimState::Free, *keep),
            Self::Finish { answer, keep, .. } | Self::Complete { answer, keep } => {
                (ClaimState::Done { answer: answer.clone() }, *keep)
            }
            Self::Use { by, keep } => (ClaimState::Used { by: *by }, *keep),
        };
        ClaimRecord { fence, state, keep_until: later(now, keep) }
    }
}

/// Longer than anything that is asked for, and short enough for every platform's clock.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

fn later(now: SystemTime, wait: Duration) -> SystemTime {
    now.checked_add(wait.min(LONGEST)).unwrap_or(now)
}

/// One more than the last, or the time if that is more: a store that lost a record, as a failover may, must not give
/// out a fence a second time.
fn next_fence(last: u64, now: SystemTime) -> u64 {
    let millis = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(millis).unwrap_or(u64::MAX).max(last.saturating_add(1))
}
