//! The broker, driven through its events and effects alone: no socket, no clock, no waiting.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod callbacks;
mod cancelling;
mod dead_letters;
mod deduplication;
mod fairness;
mod flow_control;
mod life;
mod logs;
mod memory;
mod queues;
mod reading;
mod restore;
mod retries;
mod schedules;
mod sim;
mod url_groups;
mod year;
