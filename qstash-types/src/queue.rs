//! Queues as the API shows them.

use std::time::SystemTime;

use crate::{OddFields, QueueName, record::record};

/// A queue as `GET /v2/queues` and `GET /v2/queues/{name}` show it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueRecord {
    /// The name.
    pub name: QueueName,
    /// When the queue was made.
    pub created_at: Option<SystemTime>,
    /// When its settings were last changed.
    pub updated_at: Option<SystemTime>,
    /// How many deliveries may run at the same time.
    pub parallelism: u32,
    /// How many messages are not delivered yet.
    pub lag: u64,
    /// Whether deliveries are held back.
    pub paused: bool,
    /// The fields that could not be read.
    pub odd: OddFields,
}

record! {
    QueueRecord {
        name: Id("name"),
        created_at: UnixMillis("createdAt"),
        updated_at: UnixMillis("updatedAt"),
        parallelism: Plain("parallelism"),
        lag: Plain("lag"),
        paused: Plain("paused"),
    }
}

impl QueueRecord {
    /// A record of which nothing else is known.
    pub fn new(name: QueueName) -> Self {
        Self {
            name,
            created_at: None,
            updated_at: None,
            parallelism: 0,
            lag: 0,
            paused: false,
            odd: OddFields::default(),
        }
    }
}
