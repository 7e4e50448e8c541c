#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod database;
mod error;
mod life;
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
mod relay;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;
mod stored;
mod table;
mod turn;

pub use self::{
    database::OutboxDatabase,
    error::OutboxError,
    outbox::{Backlog, DeadMessage, Outbox},
    relay::{Relay, RelayReport},
};
