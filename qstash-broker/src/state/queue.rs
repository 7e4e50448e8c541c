//! Queues.

use std::num::NonZeroU32;

use qstash_types::{MessageId, QueueName};
use serde::{Deserialize, Serialize};

use super::{Activity, Time};

/// What its owner has made of a queue.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct QueueState {
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
    pub(crate) parallelism: NonZeroU32,
    pub(crate) activity: Activity,
}

/// A slot of a queue, which is free when the message and all of its callbacks have come to their end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) queue: QueueName,
    pub(crate) holder: MessageId,
}
