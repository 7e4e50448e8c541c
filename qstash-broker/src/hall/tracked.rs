//! A message in the hall. Only the hall can change how far it has come.

use std::sync::Arc;

use super::{ready::Peer, stage::Stage};
use crate::state::{Slot, StoredMessage, Time};

/// A message and how far it has come.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(super) message: Arc<StoredMessage>,
    /// Where it goes, as far as that matters to its turn.
    pub(super) peer: Peer,
    /// How many messages were accepted before.
    pub(super) number: u64,
    /// How many attempts have failed.
    pub(super) retried: u32,
    pub(super) stage: Stage,
    /// Since when it waits for an attempt.
    pub(super) since: Time,
    /// The time that it has waited for last.
    pub(super) due: Time,
    /// Its turn among all that wait. A message keeps its turn in a queue over all attempts.
    pub(super) ticket: u64,
    /// The slot of a queue that it, or the message that it reports about, has taken.
    pub(super) slot: Option<Slot>,
    /// Whether it ends with the attempt that is running, or in place of the next one.
    pub(super) cancelled: bool,
}

impl Tracked {
    pub(crate) fn message(&self) -> &Arc<StoredMessage> {
        &self.message
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn retried(&self) -> u32 {
        self.retried
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) fn ticket(&self) -> u64 {
        self.ticket
    }

    pub(crate) fn slot(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled
    }
}
