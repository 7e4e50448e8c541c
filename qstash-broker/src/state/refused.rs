//! Why calls are refused.

use qstash_types::{ScheduleId, UrlGroupName};

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such thing.
    #[error("{0} not found")]
    NotFound(String),
    /// There are too many already.
    #[error("quota {0} exceeded: {1} at the most")]
    Quota(&'static str, u64),
    /// A text is too long, or a list of texts altogether.
    #[error("{field}: longer than {limit} bytes")]
    TooLong {
        /// Which one.
        field: String,
        /// How long it may be.
        limit: usize,
    },
    /// A list is too long.
    #[error("{field}: more than {limit}")]
    TooMany {
        /// Which one.
        field: String,
        /// How many entries it may have.
        limit: usize,
    },
    /// Nothing more fits into memory.
    #[error("no memory is left: messages and settings may take up {0} bytes")]
    Memory(u64),
    /// Something else depends on it.
    #[error("{0}")]
    Conflict(String),
}

impl Refused {
    pub(crate) fn url_group(name: &UrlGroupName) -> Self {
        Self::NotFound(format!("topic {name}"))
    }

    pub(crate) fn schedule(id: &ScheduleId) -> Self {
        Self::NotFound(format!("schedule {id}"))
    }

    pub(crate) fn dead_letter(id: &str) -> Self {
        Self::NotFound(format!("dlq message {id}"))
    }
}
