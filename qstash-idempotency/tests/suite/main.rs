//! What the crate promises, seen through its public doors.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod actix;
mod answers;
mod axum_app;
mod claims;
mod clock;
mod company;
mod deliveries;
mod faults;
mod keys;
mod leased;
mod left_out;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod proxy;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stores;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod transactional;
mod transactions;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod words;
