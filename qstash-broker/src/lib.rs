//! An internal part of `qstash-dev`, which promises nothing: any version may change everything in it.
//!
//! The broker: what QStash does with messages, as a pure state machine.
//!
//! [`Broker::call`] and [`Broker::handle`] take a [`Command`] or an [`Event`] and the time it happens at, and return the
//! [`Effect`]s to carry out, in this order. There is no socket, no clock and no randomness in here: time is an argument,
//! ids come from a seed, and strangers' input was parsed before it became a command. The same seed and the same commands
//! and events give the same effects and the same log, byte for byte.
//!
//! What must outlive the broker leaves it as [`Effect::Keep`]: each [`Record`] says how one thing stands, until another
//! with the same key takes its place or [`Effect::Forget`] ends it. [`Broker::restore`] makes a broker of those that are left.
//!
//! ```
//! use std::{net::Ipv4Addr, time::SystemTime};
//! use qstash_broker::{Broker, Effect, Publication, Publish, Time};
//! use qstash_types::{DeliveryOptions, Destination, HeaderMap};
//!
//! let mut broker = Broker::new(42);
//! let effects = broker.call(
//!     Time::of(SystemTime::now()),
//!     Publish(Publication {
//!         destination: Destination::try_from("http://127.0.0.1:3000/hook")?,
//!         options: DeliveryOptions::default(),
//!         headers: HeaderMap::new(),
//!         body: "hello".into(),
//!         caller_ip: Ipv4Addr::LOCALHOST.into(),
//!     }),
//! );
//! assert!(matches!(
//!     effects[..],
//!     [Effect::Keep(_), Effect::Log(_), Effect::Answer(Ok(_)), Effect::Log(_), Effect::Send(_)]
//! ));
//! # Ok::<_, qstash_types::InvalidDestination>(())
//! ```
//!
//! # Who owns what
//!
//! | Part | Owns | Uses |
//! |---|---|---|
//! | `state` | plain values: what is kept, and how it is written down | |
//! | `hall` | messages and where each stands, turns, what is due, ids, effects, the log | `state` |
//! | `rooms` | a map for each rule: queues, flow control, schedules, URL groups, dead letters, deduplication | `state`, `hall` |
//! | `life` | the order: publish, accept, line up, admit, attempt, conclude, finish | `state`, `hall`, `rooms` |
//! | `commands` | what calls change | `state`, `hall`, `rooms`, `life` |
//! | `restore`, `view` | the broker after a restart, and what can be read of it | `state`, `hall`, `life` |
//!
//! `.ci/arrows` holds the files to the third column.

mod commands;
mod hall;
mod life;
mod restore;
mod rooms;
mod state;
mod view;

pub use self::{
    commands::{
        Cancel, ChangeFlowControl, DeleteDeadLetters, DeleteQueue, DeleteSchedule, DeleteUrlGroup,
        DeletedDeadLetters, DeliverNow, Publish, PutEndpoints, PutQueue, PutSchedule, RemoveEndpoints,
        RetriedDeadLetters, RetryDeadLetters, RunSchedule, SetDefaults, SetSchedule,
    },
    hall::{AttemptId, Census, Dispatch, Effect, Entry},
    life::{Broker, Command, Event},
    rooms::{EndpointKey, FlowChange},
    state::{
        Accepted, Activity, AttemptEnd, Capacity, Cursor, LONGEST_BODY, PageRequest, Publication, Record,
        RecordKey, Refused, Response, Selector, StoredEndpoint, StoredMessage, Terms, Time,
    },
    view::{Awaited, Unfinished},
};
