//! The outbox through its public doors, over SQLite, and over PostgreSQL where there is one.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bench;
mod faults;
mod keys;
mod outbox;
mod relays;
mod schema;
mod transport;
