//! One file per resource of the API.

pub(crate) mod batch;
pub(crate) mod dev;
pub(crate) mod dlq;
pub(crate) mod flow_control;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod messages;
pub(crate) mod publish;
pub(crate) mod queues;
pub(crate) mod schedules;
pub(crate) mod topics;

mod bounded;
pub(crate) mod delivery_options;
mod hints;
mod listing;
