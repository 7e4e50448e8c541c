//! The broker: what QStash does with messages, as a pure state machine.
//!
//! [`Broker::handle`] takes an [`Event`] and the time it happens at, and returns the [`Effect`]s to carry out, in this
//! order. There is no socket, no clock and no randomness in here: time is an argument, ids come from a seed, and
//! strangers' input was parsed before it became an event. The same seed and the same events give the same effects and
//! the same log, byte for byte.
//!
//! What must outlive the broker leaves it as [`Effect::Keep`]: each [`Record`] says how one thing stands, until another
//! with the same key takes its place or [`Effect::Forget`] ends it. [`Broker::restore`] makes a broker of those that are left.
//!
//! ```
//! use std::{net::Ipv4Addr, time::SystemTime};
//! use qstash_dev::broker::{Broker, CallId, Command, Effect, Event, Millis, Publication};
//! use qstash_types::{DeliveryOptions, Destination, HeaderMap};
//!
//! let mut broker = Broker::new(42);
//! let effects = broker.handle(
//!     Millis::of(SystemTime::now()),
//!     Event::Call {
//!         call: CallId(1),
//!         command: Box::new(Command::Publish(Publication {
//!             destination: Destination::try_from("http://127.0.0.1:3000/hook")?,
//!             options: DeliveryOptions::default(),
//!             headers: HeaderMap::new(),
//!             body: "hello".into(),
//!             caller_ip: Ipv4Addr::LOCALHOST.into(),
//!         })),
//!     },
//! );
//! assert!(matches!(
//!     effects[..],
//!     [Effect::Keep(_), Effect::Log(_), Effect::Answer { .. }, Effect::Log(_), Effect::Deliver(_)]
//! ));
//! # Ok::<_, qstash_types::InvalidDestination>(())
//! ```

mod attempts;
mod callback;
mod cancel;
mod command;
mod dead_letters;
mod deduplication;
mod delivered;
mod due;
mod event;
mod filter;
mod flow_control;
mod ids;
mod kept;
mod log;
mod machine;
mod message;
mod millis;
mod options;
mod publish;
mod queues;
mod record;
mod redacted;
mod restore;
mod retry_after;
mod schedules;
mod url_groups;
mod verdict;

pub use command::{
    Accepted, Activity, Answer, Command, Cursor, Endpoint, EndpointKey, FlowChange, Page, Publication,
    Refused,
};
pub use event::{AttemptId, CallId, Delivery, Effect, Event, Outcome, Response};
pub use filter::Filter;
pub use log::Entry;
pub use machine::Broker;
pub use message::{LONGEST_BODY, Message};
pub use millis::Millis;
pub use record::{Record, RecordKey};
