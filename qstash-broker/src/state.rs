//! What is kept: plain values that say how things stand, and how they are written down.
//!
//! Nothing in here decides anything, and nothing in here knows of the rest of the crate.

mod activity;
mod attempt_end;
mod capacity;
mod compact;
mod flow;
mod form;
mod limits;
mod message;
mod page;
mod publication;
mod queue;
mod record;
mod redacted;
mod refused;
mod schedule;
mod selector;
mod shown;
pub(crate) mod size;
mod terms;
mod time;
mod url_group;
mod window;

pub use self::{
    activity::Activity,
    attempt_end::{AttemptEnd, Response},
    capacity::Capacity,
    message::StoredMessage,
    page::{Cursor, PageRequest},
    publication::{Accepted, Publication},
    record::{Record, RecordKey},
    refused::Refused,
    selector::Selector,
    terms::{LONGEST_BODY, Terms},
    time::Time,
    url_group::StoredEndpoint,
};
pub(crate) use self::{
    flow::FlowState,
    limits::{check_name, check_options, check_publication, check_url},
    queue::{QueueState, Slot},
    record::{Kept, KeptDeadLetter, KeptMessage, Key, Progress},
    schedule::{Definition, Run},
    url_group::UrlGroup,
    window::{Fingerprint, Window},
};
