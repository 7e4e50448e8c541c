//! What callers of the API want done, and what they are answered.

use std::{fmt, net::IpAddr, num::NonZeroU32, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use qstash_types::{
    Cron, DeliveryOptions, Destination, EndpointName, FlowControlKey, QueueName, Receipt, ScheduleId, Url,
    UrlGroupName,
};
use serde::{Deserialize, Serialize};

use super::{Filter, kept, options};

/// A call of the API that changes something, after parsing.
#[derive(Clone, Debug)]
pub enum Command {
    /// Publishes a message, or one for each endpoint of a URL group.
    Publish(Publication),
    /// Cancels the oldest messages that match, as many as wanted.
    Cancel(Filter, usize),
    /// Makes a queue, or changes one.
    PutQueue {
        /// Its name.
        name: QueueName,
        /// How many messages are on their way at the same time, if that is to change.
        parallelism: Option<NonZeroU32>,
        /// Whether it delivers, if that is to change.
        activity: Option<Activity>,
    },
    /// Removes a queue. Messages that wait in it are cancelled.
    DeleteQueue(QueueName),
    /// Adds endpoints to a URL group, which is made if there is none. An endpoint with the same name or URL is replaced.
    PutEndpoints(UrlGroupName, Vec<Endpoint>),
    /// Removes the endpoints with these names or URLs, and the group with its last one.
    RemoveEndpoints(UrlGroupName, Vec<EndpointKey>),
    /// Sets what messages to a URL group take where they say nothing themselves.
    SetDefaults(UrlGroupName, Box<DeliveryOptions>),
    /// Removes a URL group.
    DeleteUrlGroup(UrlGroupName),
    /// Makes a schedule, or replaces the one with the same id.
    PutSchedule(Box<Cron>, Publication),
    /// Pauses or resumes a schedule.
    SetSchedule(ScheduleId, Activity),
    /// Removes a schedule. Messages that it has produced are not affected.
    DeleteSchedule(ScheduleId),
    /// Removes the newest dead letters that match, as many as wanted.
    DeleteDeadLetters(Filter, Page),
    /// Publishes the newest dead letters that match once more, each with these options on top of its own.
    RetryDeadLetters(Filter, Page, Box<DeliveryOptions>),
    /// Changes a flow-control key.
    FlowControl(FlowControlKey, FlowChange),
}

/// A publish request.
#[derive(Clone, Serialize, Deserialize)]
pub struct Publication {
    /// Where the message goes.
    #[serde(serialize_with = "kept::write_text", deserialize_with = "kept::read_destination")]
    pub destination: Destination,
    /// How it is delivered.
    #[serde(serialize_with = "kept::write_options", deserialize_with = "kept::read_options")]
    pub options: DeliveryOptions,
    /// The headers of the call, which are delivered as well if the options, or the defaults of a URL group, want it.
    #[serde(serialize_with = "kept::write_headers", deserialize_with = "kept::read_headers")]
    pub headers: HeaderMap,
    /// What is delivered.
    #[serde(skip)]
    pub body: Bytes,
    /// Who publishes.
    pub caller_ip: IpAddr,
}

impl Publication {
    /// How much memory the headers and the body take up, more or less.
    pub(super) fn bytes(&self) -> usize {
        options::bytes(&self.headers) + options::bytes(&self.options.settings.forward) + self.body.len()
    }
}

impl fmt::Debug for Publication {
    /// Leaves out options, headers and body: all may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication").field("destination", &self.destination).finish_non_exhaustive()
    }
}

/// Whether a queue, a schedule or a flow-control key lets messages go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// It does.
    #[default]
    Running,
    /// It does not.
    Paused,
}

/// A member of a URL group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<EndpointName>,
    /// Where messages to it go.
    #[serde(serialize_with = "kept::write_text", deserialize_with = "kept::read_url")]
    pub url: Url,
}

/// What names an endpoint of a URL group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointKey {
    /// Its name.
    Name(EndpointName),
    /// Its URL.
    Url(Url),
}

/// A part of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What the page before ended with.
    pub after: Option<Cursor>,
    /// How many entries it may have.
    pub count: usize,
}

impl Page {
    /// Cuts the page out of everything there is, the newest first, and says where it ends if another one follows.
    pub(super) fn cut<T>(self, all: impl Iterator<Item = (Cursor, T)>) -> (Vec<T>, Option<Cursor>) {
        let mut rest =
            all.skip_while(|(place, _)| self.after.is_some_and(|after| *place >= after)).peekable();
        let mut page = Vec::new();
        let mut end = None;
        while page.len() < self.count
            && let Some((place, entry)) = rest.next()
        {
            end = Some(place);
            page.push(entry);
        }
        (page, end.filter(|_| rest.peek().is_some()))
    }
}

/// A place in a listing: a time, and a number that makes it unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cursor(pub super::Millis, pub u64);

impl Cursor {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, number) = text.split_once('-')?;
        Some(Self(super::Millis::new(time.parse().ok()?), number.parse().ok()?))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.since_epoch(), self.1)
    }
}

/// A change to a flow-control key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowChange {
    /// Lets messages go, or holds them.
    Set(Activity),
    /// Fixes limits, whatever later messages say. The count of the period starts anew.
    Pin {
        /// Deliveries at the same time.
        parallelism: Option<NonZeroU32>,
        /// Deliveries in each period, and the period.
        rate: Option<(NonZeroU32, Duration)>,
    },
    /// Lets later messages set limits again.
    Unpin {
        /// Whether that goes for the parallelism.
        parallelism: bool,
        /// Whether that goes for the rate.
        rate: bool,
    },
    /// Starts a new period at once.
    ResetRate,
}

/// What a call is answered that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// Messages were accepted.
    Accepted(Accepted),
    /// This many entries were affected; more match if there is a cursor.
    Counted(usize, Option<Cursor>),
    /// Dead letters are on their way again; more match if there is a cursor.
    Retried(Vec<Receipt>, Option<Cursor>),
    /// A schedule was made.
    Scheduled(ScheduleId),
}

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Accepted {
    /// The message, or an earlier one that it repeats.
    One(Receipt),
    /// A message for each endpoint of a URL group.
    Each(Vec<Receipt>),
}

impl Accepted {
    /// Whether nothing was accepted but what had been before.
    pub fn is_duplicate(&self) -> bool {
        match self {
            Accepted::One(receipt) => receipt.deduplicated,
            Accepted::Each(receipts) => {
                !receipts.is_empty() && receipts.iter().all(|receipt| receipt.deduplicated)
            }
        }
    }
}

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such thing.
    #[error("{0} not found")]
    NotFound(String),
    /// There are too many already.
    #[error("quota {0} exceeded")]
    Quota(&'static str),
    /// Something else depends on it.
    #[error("{0}")]
    Conflict(String),
}

impl Refused {
    pub(super) fn url_group(name: &UrlGroupName) -> Self {
        Self::NotFound(format!("topic {name}"))
    }

    pub(super) fn schedule(id: &ScheduleId) -> Self {
        Self::NotFound(format!("schedule {id}"))
    }

    pub(super) fn dead_letter(id: &str) -> Self {
        Self::NotFound(format!("dlq message {id}"))
    }
}
