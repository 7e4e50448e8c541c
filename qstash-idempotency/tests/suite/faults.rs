//! A store in trouble.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::http::StatusCode;
use qstash_idempotency::{ClaimKey, Idempotent, MemoryStore, Reply, Store, StoreError, Transition};
use testkit::log;
use tokio::time::Instant;

use crate::{
    axum_app::App,
    deliveries::Attempt,
    stores::{Fault, FaultyStore, Kind, store},
};

#[tokio::test(start_paused = true)]
async fn without_a_store_no_handler_runs_and_the_backoff_is_that_of_qstash() {
    let store = FaultyStore::new();
    let app = App::new(Idempotent::new(store.clone()), async |_| "handled");
    for fault in [Fault::Fails, Fault::Hangs] {
        store.set(&[(Kind::Claim, fault)]);
        let answered = app.send(&Attempt::new("msg_1", "{}")).await;
        assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answered.header("retry-after"), None);
    }
    assert_eq!(app.calls(), 0);
    store.set(&[]);
    assert_eq!(app.send(&Attempt::new("msg_1", "{}")).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_waited_for_as_long_as_is_set() {
    let store = FaultyStore::new();
    store.set(&[(Kind::Claim, Fault::Hangs)]);
    let app = App::new(Idempotent::new(store).store_timeout(Duration::from_secs(9)), async |_| "handled");
    let started = Instant::now();
    assert_eq!(app.send(&Attempt::new("msg_1", "{}")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(started.elapsed().as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_full_store_is_a_store_in_trouble() {
    let app = App::new(Idempotent::new(MemoryStore::with_budget(100)), async |_| "handled");
    let answered = app.send(&Attempt::new("msg_1", "{}")).await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((answered.header("retry-after"), app.calls()), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn trouble_is_one_line_a_minute() {
    log::start();
    let store = FaultyStore::new();
    store.set(&[(Kind::Claim, Fault::Fails)]);
    let app = App::new(Idempotent::new(store), async |_| "handled");
    for number in 0..50 {
        app.send(&Attempt::new(&format!("msg_{number}"), "{}")).await;
    }
    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("ERROR") && lines[0].contains("connection refused"), "{lines:?}");
    tokio::time::advance(Duration::from_mins(1)).await;
    app.send(&Attempt::new("msg_50", "{}")).await;
    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("suppressed=49"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_success_that_cannot_be_kept_is_answered_as_the_success_that_it_is() {
    log::start();
    let store = FaultyStore::new();
    let app = App::new(Idempotent::new(store.clone()), async |call| format!("call {call}"));
    for fault in [Fault::Fails, Fault::Hangs] {
        store.set(&[(Kind::Finish, fault)]);
        log::take();
        let first = Attempt::new(&format!("{fault:?}"), "{}");
        assert_eq!(app.send(&first).await.status, StatusCode::OK);
        let lines = log::take().concat();
        assert!(lines.contains("WARN") && lines.contains("could not be noted as done"), "{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_cannot_be_given_back_ends_with_its_lease() {
    let store = FaultyStore::new();
    let idempotent = Idempotent::new(store.clone()).lease(Duration::from_secs(30)).wait(Duration::ZERO);
    let app =
        App::new(
            idempotent,
            async |call| {
                if call == 0 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
            },
        );
    let first = Attempt::new("msg_1", "{}");
    store.set(&[(Kind::Release, Fault::Fails)]);
    assert_eq!(app.send(&first).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    store.set(&[]);
    assert_eq!(app.send(&first.next()).await.status, StatusCode::SERVICE_UNAVAILABLE);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(app.send(&first.next()).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_store_has_no_room_for_is_not_kept_and_the_success_is() {
    let app = App::new(Idempotent::new(MemoryStore::with_budget(1000)), async |_| "x".repeat(2000));
    let first = Attempt::new("msg_1", "{}");
    assert_eq!(app.send(&first).await.body.len(), 2000);
    let again = app.send(&first.next()).await;
    assert!(again.is_replayed());
    assert_eq!(again.header("idempotent-body"), Some("not-kept"));
    assert_eq!(app.calls(), 1);
}

/// A store that keeps other things than it was given.
struct Disorderly(MemoryStore, &'static [u8]);

impl Store for Disorderly {
    async fn apply(&self, key: &ClaimKey, transition: &Transition) -> Result<Reply, StoreError> {
        match self.0.apply(key, transition).await? {
            Reply::Done { .. } => Ok(Reply::Done { answer: self.1.into() }),
            reply => Ok(reply),
        }
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.0.sweep(limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_read_is_no_success() {
    for kept in [&b""[..], b"\x01", b"<html>", &[0xff; 100]] {
        let app = App::new(Idempotent::new(Disorderly(store(), kept)), async |_| "handled");
        let first = Attempt::new("msg_1", "{}");
        assert_eq!(app.send(&first).await.status, StatusCode::OK);
        let again = app.send(&first.next()).await;
        assert_eq!((again.status, again.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, None));
        assert_eq!(app.calls(), 1, "and no reason to run again");
    }
}

/// A store that counts what it is asked to sweep.
#[derive(Clone)]
struct Swept(MemoryStore, Arc<AtomicU32>);

impl Store for Swept {
    async fn apply(&self, key: &ClaimKey, transition: &Transition) -> Result<Reply, StoreError> {
        self.0.apply(key, transition).await
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        assert!(limit <= 1000, "steps are bounded");
        // As if there were three full steps and a rest.
        let calls = self.1.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(if calls.is_multiple_of(4) { 1 } else { limit })
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_swept_once_a_minute_in_bounded_steps() {
    let swept = Swept(store(), Arc::default());
    let app = App::new(Idempotent::new(swept.clone()), async |_| "handled");
    for number in 0..20 {
        app.send(&Attempt::new(&format!("msg_{number}"), "{}")).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(swept.1.load(Ordering::SeqCst), 4);
    tokio::time::sleep(Duration::from_mins(1)).await;
    app.send(&Attempt::new("msg_20", "{}")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(swept.1.load(Ordering::SeqCst), 8);
}
