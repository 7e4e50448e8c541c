//! What is due when.

use std::collections::BTreeMap;

use qstash_types::{FlowControlKey, MessageId, ScheduleId};

use super::AttemptId;
use crate::state::{Fingerprint, Time};

/// What happens when a time is reached.
#[derive(Debug)]
pub(crate) enum Wake {
    /// A message may be attempted.
    Attempt(MessageId),
    /// An attempt has taken too long.
    TimeOut(AttemptId),
    /// A delivered message is no longer readable.
    Forget(MessageId),
    /// A deduplication window closes.
    CloseWindow(Box<Fingerprint>),
    /// A period of flow control ends that messages wait for.
    Period(FlowControlKey),
    /// A flow-control key may have been out of use for long enough.
    Idle(FlowControlKey),
    /// A schedule fires.
    Trigger(ScheduleId),
}

/// A place among what waits for a time. Places at the same time keep the order in which they were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(Time, u64);

impl Place {
    pub(crate) fn time(self) -> Time {
        self.0
    }
}

/// Everything that waits for a time.
#[derive(Debug, Default)]
pub(crate) struct Due {
    queue: BTreeMap<Place, Wake>,
    taken: u64,
}

impl Due {
    pub(crate) fn add(&mut self, at: Time, wake: Wake) -> Place {
        let place = Place(at, self.taken);
        self.taken += 1;
        self.queue.insert(place, wake);
        place
    }

    pub(crate) fn cancel(&mut self, place: Place) {
        self.queue.remove(&place);
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.queue.first_key_value().map(|(place, _)| place.0)
    }

    /// Takes the first that is due, if one is.
    pub(crate) fn take(&mut self, now: Time) -> Option<Wake> {
        let first = self.queue.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
