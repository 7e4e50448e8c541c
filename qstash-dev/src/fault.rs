//! What may go wrong, when a test wants it to.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// Something that goes wrong once, at the next occasion. Several faults wait for their occasions in the order in which
/// they were set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A delivery arrives twice.
    DuplicatedDelivery,
    /// A delivery is overtaken by the next one, if that follows within a second of real time.
    OvertakenDelivery,
    /// A delivery arrives so late that its token has expired.
    LateDelivery,
    /// A delivery arrives, and the answer of the destination is lost.
    LostAcknowledgement,
    /// The signing keys are rotated while a delivery is under way.
    RotatedKeys,
    /// A call of the API is answered 429, with the headers of a limit that is over at once.
    TooManyRequests,
    /// A call of the API is answered 500.
    InternalError,
    /// A call of the API is carried out, and the connection is closed in place of an answer.
    LostConnection,
}

impl Fault {
    fn concerns_api(self) -> bool {
        matches!(self, Self::TooManyRequests | Self::InternalError | Self::LostConnection)
    }
}

/// The faults that wait for their occasion.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    waiting: Arc<Mutex<Vec<Fault>>>,
    /// Tells when a delivery has ended.
    pub(crate) overtaking: Arc<Notify>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.list().push(fault);
    }

    pub(crate) fn next_of_api(&self) -> Option<Fault> {
        self.take(Fault::concerns_api)
    }

    pub(crate) fn next_of_delivery(&self) -> Option<Fault> {
        self.take(|fault| !fault.concerns_api())
    }

    fn take(&self, is_meant: impl Fn(Fault) -> bool) -> Option<Fault> {
        let mut list = self.list();
        let place = list.iter().position(|&fault| is_meant(fault))?;
        Some(list.remove(place))
    }

    fn list(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.waiting.lock().expect("nobody panics with the list in hand")
    }
}
