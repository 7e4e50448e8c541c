//! One file per resource of the API.

pub(crate) mod dlq;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod messages;
pub(crate) mod publish;

mod listing;
