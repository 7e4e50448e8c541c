//! What may go wrong, when a test wants it to.

use std::sync::{Arc, Mutex, MutexGuard};

use qstash_broker::Dispatch;
use tokio::sync::Notify;

/// Something that goes wrong, once and at the next occasion unless it is [aimed](AimedFault). Several faults wait for their
/// occasions in the order in which they were set.
///
/// ```
/// use qstash_dev::{DevServer, Fault};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let qstash = DevServer::start().await?;
/// qstash.fault(Fault::Status(503)); // of the next attempt, whatever it is
/// qstash.fault(Fault::Hang.at("http://127.0.0.1:3000/render").times(2)); // of the next two attempts there
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A destination answers with this status, in its place: it is not called. A number that is no status, which has three
    /// digits, is a failed attempt.
    Status(u16),
    /// A destination never answers, in its place: the attempt ends when its time is over.
    Hang,
    /// A destination refuses the connection.
    Refuse,
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
    /// Aims at deliveries to this URL, as it was published. A call of the API has no such URL, so a fault of one never happens then.
    pub fn at(self, url: impl Into<String>) -> AimedFault {
        AimedFault { target: Target::Url(url.into()), ..self.into() }
    }

    /// Aims at deliveries of the message with this id. A fault of a call of the API never happens then.
    pub fn of_message(self, id: impl AsRef<str>) -> AimedFault {
        AimedFault { target: Target::Message(id.as_ref().to_owned()), ..self.into() }
    }

    /// Lets it happen this often.
    pub fn times(self, times: usize) -> AimedFault {
        AimedFault { times, ..self.into() }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Status(_) => STATUS,
            Self::Hang => "hang",
            Self::Refuse => "refuse",
            Self::DuplicatedDelivery => "duplicated-delivery",
            Self::OvertakenDelivery => "overtaken-delivery",
            Self::LateDelivery => "late-delivery",
            Self::LostAcknowledgement => "lost-acknowledgement",
            Self::RotatedKeys => "rotated-keys",
            Self::TooManyRequests => "too-many-requests",
            Self::InternalError => "internal-error",
            Self::LostConnection => "lost-connection",
        }
    }

    fn concerns_api(self) -> bool {
        matches!(self, Self::TooManyRequests | Self::InternalError | Self::LostConnection)
    }
}

/// The name of the fault that has a number besides.
const STATUS: &str = "status";

/// The faults that are told by their names alone.
const NAMED: [Fault; 10] = [
    Fault::Hang,
    Fault::Refuse,
    Fault::DuplicatedDelivery,
    Fault::OvertakenDelivery,
    Fault::LateDelivery,
    Fault::LostAcknowledgement,
    Fault::RotatedKeys,
    Fault::TooManyRequests,
    Fault::InternalError,
    Fault::LostConnection,
];

/// A [`Fault`] with what it is meant for, and how often it happens: made by [`Fault::at`], [`Fault::of_message`] and
/// [`Fault::times`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AimedFault {
    fault: Fault,
    target: Target,
    times: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Anything,
    Url(String),
    Message(String),
}

impl From<Fault> for AimedFault {
    fn from(fault: Fault) -> Self {
        Self { fault, target: Target::Anything, times: 1 }
    }
}

impl AimedFault {
    /// Lets it happen this often.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    pub(crate) fn at(self, url: String) -> Self {
        Self { target: Target::Url(url), ..self }
    }

    pub(crate) fn of_message(self, id: String) -> Self {
        Self { target: Target::Message(id), ..self }
    }

    /// A fault by its name, with the status that a destination answers. Else which field is wrong, and why.
    pub(crate) fn named(name: &str, status: Option<u64>) -> Result<Self, (&'static str, String)> {
        if name == STATUS {
            let status = status.and_then(|status| u16::try_from(status).ok());
            let status = status.filter(|status| (100..1000).contains(status));
            let status = status.ok_or((STATUS, "expected a status, such as 503".to_owned()))?;
            return Ok(Fault::Status(status).into());
        }
        let fault = NAMED.into_iter().find(|fault| fault.name() == name).ok_or_else(|| {
            let names = NAMED.map(Fault::name).join(", ");
            ("fault", format!("there is no such fault; there are {STATUS}, {names}"))
        })?;
        if status.is_some() {
            return Err((STATUS, format!("only the fault {STATUS:?} has one")));
        }
        Ok(fault.into())
    }

    pub(crate) fn name(&self) -> &'static str {
        self.fault.name()
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self.fault {
            Fault::Status(status) => Some(status),
            _ => None,
        }
    }

    pub(crate) fn url(&self) -> Option<&str> {
        match &self.target {
            Target::Url(url) => Some(url),
            Target::Anything | Target::Message(_) => None,
        }
    }

    pub(crate) fn message(&self) -> Option<&str> {
        match &self.target {
            Target::Message(id) => Some(id),
            Target::Anything | Target::Url(_) => None,
        }
    }

    /// How often it is still to happen.
    pub(crate) fn left(&self) -> usize {
        self.times
    }

    pub(crate) fn concerns_api(&self) -> bool {
        self.fault.concerns_api()
    }

    fn is_meant_for(&self, dispatch: &Dispatch) -> bool {
        match &self.target {
            Target::Anything => true,
            Target::Url(url) => dispatch.url.as_str() == url,
            Target::Message(id) => dispatch.message.as_str() == id,
        }
    }
}

/// Tells faults apart that wait for their occasion.
pub(crate) type FaultId = u64;

/// How many faults may wait for their occasion.
const MOST_FAULTS: usize = 1000;

/// The faults that wait for their occasion.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    waiting: Arc<Mutex<Waiting>>,
    /// Tells when a delivery has ended.
    pub(crate) overtaking: Arc<Notify>,
}

/// In the order in which they were set.
#[derive(Debug, Default)]
struct Waiting {
    faults: Vec<(FaultId, AimedFault)>,
    /// How many were set so far.
    set: FaultId,
}

impl Faults {
    /// Has a fault wait for its occasion, unless too many do already.
    pub(crate) fn add(&self, fault: AimedFault) -> Option<FaultId> {
        let mut waiting = self.waiting();
        if waiting.faults.len() >= MOST_FAULTS {
            return None;
        }
        waiting.set += 1;
        let id = waiting.set;
        if fault.times > 0 {
            waiting.faults.push((id, fault));
        }
        Some(id)
    }

    pub(crate) fn all(&self) -> Vec<(FaultId, AimedFault)> {
        self.waiting().faults.clone()
    }

    /// Forgets all of them, and says how many that were.
    pub(crate) fn clear(&self) -> usize {
        self.waiting().faults.drain(..).count()
    }

    /// Forgets one of them, if it still waits.
    pub(crate) fn remove(&self, id: FaultId) -> bool {
        let mut waiting = self.waiting();
        let place = waiting.faults.iter().position(|(own, _)| *own == id);
        place.map(|place| waiting.faults.remove(place)).is_some()
    }

    pub(crate) fn next_of_api(&self) -> Option<Fault> {
        self.take(|fault| fault.fault.concerns_api() && fault.target == Target::Anything)
    }

    pub(crate) fn next_of_delivery(&self, dispatch: &Dispatch) -> Option<Fault> {
        self.take(|fault| !fault.fault.concerns_api() && fault.is_meant_for(dispatch))
    }

    fn take(&self, is_meant: impl Fn(&AimedFault) -> bool) -> Option<Fault> {
        let faults = &mut self.waiting().faults;
        let place = faults.iter().position(|(_, fault)| is_meant(fault))?;
        let AimedFault { fault, times, .. } = &mut faults[place].1;
        let fault = *fault;
        *times -= 1;
        if *times == 0 {
            faults.remove(place);
        }
        Some(fault)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no code panics while the list is locked")
    }
}
