//! The broker, driven through its events and effects alone: no socket, no clock, no waiting.

mod callbacks;
mod deduplication;
mod life;
mod reading;
mod retries;
mod sim;
