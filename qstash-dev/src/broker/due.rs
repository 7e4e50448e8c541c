//! What is due when.

use std::collections::BTreeMap;

use qstash_types::{FlowControlKey, MessageId, ScheduleId};

use super::{AttemptId, Millis, deduplication::Fingerprint};

/// What happens when a time is reached.
#[derive(Debug)]
pub(super) enum Wake {
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

/// A place in the queue. Places at the same time keep the order in which they were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(Millis, u64);

impl Place {
    pub(super) fn time(self) -> Millis {
        self.0
    }
}

/// The queue of everything that waits for a time.
#[derive(Debug, Default)]
pub(super) struct Due {
    queue: BTreeMap<Place, Wake>,
    taken: u64,
}

impl Due {
    pub(super) fn add(&mut self, at: Millis, wake: Wake) -> Place {
        let place = Place(at, self.taken);
        self.taken += 1;
        self.queue.insert(place, wake);
        place
    }

    pub(super) fn cancel(&mut self, place: Place) {
        self.queue.remove(&place);
    }

    pub(super) fn next(&self) -> Option<Millis> {
        self.queue.first_key_value().map(|(place, _)| place.0)
    }

    /// Takes the first that is due, if one is.
    pub(super) fn take(&mut self, now: Millis) -> Option<Wake> {
        let first = self.queue.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
