//! Queues as the API shows them.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{QueueName, timestamp::optional_unix_millis, tolerant};

/// A queue as `GET /v2/queues` and `GET /v2/queues/{name}` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct QueueRecord {
    /// The name.
    pub name: QueueName,
    /// When the queue was made.
    #[serde(default, with = "optional_unix_millis", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<SystemTime>,
    /// When its settings were last changed.
    #[serde(default, with = "optional_unix_millis", skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<SystemTime>,
    /// How many deliveries may run at the same time.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub parallelism: u32,
    /// How many messages are not delivered yet.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub lag: u64,
    /// Whether deliveries are held back.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub paused: bool,
}

impl QueueRecord {
    /// A record of which nothing else is known.
    pub fn new(name: QueueName) -> Self {
        Self { name, created_at: None, updated_at: None, parallelism: 0, lag: 0, paused: false }
    }
}
