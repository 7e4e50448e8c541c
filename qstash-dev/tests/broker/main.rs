//! The broker, driven through its events and effects alone: no socket, no clock, no waiting.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod callbacks;
mod deduplication;
mod life;
mod reading;
mod retries;
mod sim;
