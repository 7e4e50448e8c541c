//! Three receiver processes on one store, killed and stopped at random under load, with faults on the way.
//!
//! ```text
//! .ci/services cargo test --release -p qstash-idempotency --all-features --test processes -- --nocapture
//! ```
//!
//! prints what became of 10,000 messages; a debug build sends 1,000, unless `QSTASH_TEST_MESSAGES` says otherwise. Without servers it says loudly that it did nothing.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod balancer;
mod history;
mod receiver;
mod trial;

use std::env;

use crate::trial::{Kind, trial};

/// This program as a receiver, which is what the tests below start. By itself it does nothing.
#[test]
fn receiver_process() {
    if let Ok(settings) = env::var(receiver::SETTINGS) {
        receiver::run(&settings);
    }
}

/// In one test, so that no trial takes the machine away from another.
#[test]
fn effects_happen_once_under_kills_and_stops() {
    let servers = (env::var("QSTASH_TEST_POSTGRES_URL"), env::var("QSTASH_TEST_REDIS_URL"));
    let (Ok(postgres), Ok(redis)) = servers else {
        use std::io::{Write, stderr};
        stderr().write_all(b"\nNOT TESTED: receivers that are killed. Run it by `.ci/services`.\n").unwrap();
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (kind, server) in [
        (Kind::PostgresTransactional, &postgres),
        (Kind::PostgresLeased, &postgres),
        (Kind::RedisLeased, &redis),
    ] {
        println!("{}", runtime.block_on(trial(kind, server)));
    }
}
