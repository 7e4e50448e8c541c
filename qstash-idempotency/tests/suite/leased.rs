//! The leased form: who runs, who waits, who is sent away, and how runs end.

use std::{future::pending, sync::Arc, time::Duration};

use axum::http::StatusCode;
use qstash_axum::Outcome;
use qstash_idempotency::Idempotent;
use testkit::log;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    axum_app::App,
    deliveries::Attempt,
    stores::{Fault, FaultyStore, Kind, store},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_delivery_that_was_handled_is_answered_with_the_first_answer() {
    let app = App::new(Idempotent::new(store()), async |call| format!("call {call}"));
    let first = Attempt::new("msg_1", "{}");
    let answered = app.send(&first).await;
    assert_eq!((answered.status, &*answered.body), (StatusCode::OK, &b"call 0"[..]));
    assert!(!answered.is_replayed());

    for duplicate in [first.clone(), first.next(), first.next().next()] {
        let again = app.send(&duplicate).await;
        assert_eq!((again.status, &*again.body), (StatusCode::OK, &b"call 0"[..]));
        assert!(again.is_replayed());
    }
    assert_eq!(app.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_final_as_a_success_is() {
    let app = App::new(Idempotent::new(store()), async |_| Outcome::non_retryable("no such account"));
    let first = Attempt::new("msg_1", "{}");
    for (attempt, replayed) in [(first.clone(), false), (first.next(), true)] {
        let answered = app.send(&attempt).await;
        assert_eq!((answered.status.as_u16(), &*answered.body), (489, &b"no such account"[..]));
        assert_eq!(answered.header("upstash-nonretryable-error"), Some("true"));
        assert_eq!(answered.is_replayed(), replayed);
    }
    assert_eq!(app.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_other_answer_lets_the_next_attempt_run_at_once() {
    for status in [100, 199, 300, 302, 400, 403, 422, 429, 488, 490, 500, 503] {
        let status = StatusCode::from_u16(status).unwrap();
        let app = App::new(Idempotent::new(store()), move |call| async move {
            if call == 0 { status } else { StatusCode::OK }
        });
        let first = Attempt::new("msg_1", "{}");
        assert_eq!(app.send(&first).await.status, status);
        assert_eq!(app.send(&first.next()).await.status, StatusCode::OK, "after {status}");
        assert_eq!(app.calls(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_lets_the_next_attempt_run_at_once() {
    let app = App::new(Idempotent::new(store()).wait(Duration::ZERO), async |call| {
        assert_ne!(call, 0, "the first call panics");
    });
    let first = Attempt::new("msg_1", "{}");
    assert!(tokio::spawn(app.send(&first)).await.unwrap_err().is_panic());
    settle().await;
    assert_eq!(app.send(&first.next()).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_lets_the_next_attempt_run_at_once() {
    let app = App::new(Idempotent::new(store()).wait(Duration::ZERO), async |call| {
        if call == 0 {
            pending::<()>().await;
        }
    });
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(app.send(&first));
    settle().await;
    assert_eq!(app.send(&first.next()).await.status, StatusCode::SERVICE_UNAVAILABLE);
    call.abort();
    settle().await;
    assert_eq!(app.send(&first.next()).await.status, StatusCode::OK);
    assert_eq!(app.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_outlive_its_caller_and_the_next_attempt_gets_its_answer() {
    let idempotent = Idempotent::new(store()).wait(60 * SECOND).ignore_hang_up();
    let app = App::new(idempotent, async |_| {
        sleep(40 * SECOND).await;
        "late"
    });
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(app.send(&first));
    settle().await;
    call.abort();
    let answered = app.send(&first.next()).await;
    assert_eq!((answered.status, &*answered.body), (StatusCode::OK, &b"late"[..]));
    assert!(answered.is_replayed());
    assert_eq!(app.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_handler_that_outlives_its_caller_is_the_callers_all_the_same() {
    let app = App::new(Idempotent::new(store()).ignore_hang_up(), async |call| {
        assert_ne!(call, 0, "the first call panics");
    });
    let first = Attempt::new("msg_1", "{}");
    assert!(tokio::spawn(app.send(&first)).await.unwrap_err().is_panic());
    settle().await;
    assert_eq!(app.send(&first.next()).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn duplicates_wait_for_the_first_one_and_answer_as_it_does() {
    let app = App::new(Idempotent::new(store()), async |call| {
        sleep(3 * SECOND).await;
        format!("call {call}")
    });
    let first = Attempt::new("msg_1", "{}");
    let calls: Vec<_> = (0..10).map(|_| tokio::spawn(app.send(&first.next()))).collect();
    for call in calls {
        assert_eq!(&*call.await.unwrap().body, b"call 0");
    }
    assert_eq!(app.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_that_waits_takes_over_from_a_first_one_that_fails() {
    let app = App::new(Idempotent::new(store()), async |call| {
        sleep(SECOND).await;
        if call == 0 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    });
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(app.send(&first));
    settle().await;
    let duplicate = app.send(&first.next()).await;
    assert_eq!(duplicate.status, StatusCode::OK);
    assert!(!duplicate.is_replayed());
    assert_eq!(call.await.unwrap().status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_long_enough_is_sent_away_until_the_lease_or_the_backoff_is_over() {
    const MINUTE: Duration = Duration::from_mins(1);
    // The lease, the attempts before, and when to come again.
    let cases = [
        (MINUTE, 0, "60"),
        (20 * MINUTE, 1, "1200"),
        (MINUTE, 1, "149"),
        (MINUTE, 2, "1809"),
        (MINUTE, 4, "86400"),
        (48 * 60 * MINUTE, 0, "86400"),
    ];
    for (lease, retried, expected) in cases {
        let app = App::new(Idempotent::new(store()).lease(lease).wait(Duration::ZERO), async |_| {
            pending::<()>().await;
        });
        let first = Attempt::new("msg_1", "{}");
        let call = tokio::spawn(app.send(&first));
        settle().await;
        let again = app.send(&Attempt { retried, ..first.next() }).await;
        assert_eq!(again.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(again.header("retry-after"), Some(expected), "{lease:?}, {retried}");
        call.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_as_long_as_it_is_set() {
    let app = App::new(Idempotent::new(store()).wait(7 * SECOND), async |_| pending::<()>().await);
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(app.send(&first));
    settle().await;
    let started = Instant::now();
    assert_eq!(app.send(&first.next()).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(started.elapsed().as_secs(), 7);
    call.abort();
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_longer_than_its_lease_keeps_it() {
    let store = FaultyStore::new();
    let app = App::new(Idempotent::new(store.clone()).lease(30 * SECOND), async |_| {
        sleep(600 * SECOND).await;
    });
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(app.send(&first));
    for _ in 0..5 {
        sleep(100 * SECOND).await;
        assert_eq!(app.send(&first.next()).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(call.await.unwrap().status, StatusCode::OK);
    assert!(app.send(&first.next()).await.is_replayed());
    assert_eq!(app.calls(), 1);
    let renewals = store.renewals();
    assert!((58..=60).contains(&renewals), "three in a lease: {renewals}");
    sleep(600 * SECOND).await;
    assert_eq!(store.renewals(), renewals, "none after the end");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_within_the_lease_takes_the_claim_from_nobody() {
    let store = FaultyStore::new();
    let app = App::new(Idempotent::new(store.clone()).lease(30 * SECOND), async |_| sleep(60 * SECOND).await);
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(app.send(&first));
    sleep(5 * SECOND).await;
    store.set(&[(Kind::Renew, Fault::Fails)]);
    sleep(20 * SECOND).await;
    store.set(&[]);
    sleep(20 * SECOND).await;
    assert_eq!(app.send(&first.next()).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(call.await.unwrap().status, StatusCode::OK);
    assert_eq!(app.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_renewals_failed_is_late_and_its_answer_is_not_kept() {
    log::start();
    let store = FaultyStore::new();
    let app = App::new(Idempotent::new(store.clone()).lease(30 * SECOND), async |call| {
        sleep(if call == 0 { 100 } else { 60 } * SECOND).await;
        format!("call {call}")
    });
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(app.send(&first));
    settle().await;
    store.set(&[(Kind::Renew, Fault::Fails)]);
    sleep(45 * SECOND).await;
    store.set(&[]);
    // The lease is over, so the next attempt runs although the first one still does.
    let second = tokio::spawn(app.send(&first.next()));
    sleep(10 * SECOND).await;
    assert_eq!(app.calls(), 2);
    log::take();
    assert_eq!(&*call.await.unwrap().body, b"call 0", "its own answer is sent");
    let logged = log::take().concat();
    assert!(logged.contains("a handler was late"), "{logged}");
    assert_eq!(&*second.await.unwrap().body, b"call 1");
    assert_eq!(&*app.send(&first.next()).await.body, b"call 1", "the late answer was not kept");
}

#[tokio::test(start_paused = true)]
async fn a_success_is_kept_even_if_the_caller_hangs_up_while_it_is_kept() {
    let store = FaultyStore::new();
    let app = App::new(Idempotent::new(store.clone()), async |call| format!("call {call}"));
    store.set(&[(Kind::Finish, Fault::Hangs)]);
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(app.send(&first));
    settle().await;
    assert_eq!(app.calls(), 1);
    call.abort();
    settle().await;
    // The lease still holds it, instead of the end of the call having given it back.
    let again = app.send(&first.next()).await;
    assert_eq!(again.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_success_is_kept_even_if_the_caller_hangs_up_while_the_answer_is_read() {
    let stalled = Arc::new(Notify::new());
    let notify = Arc::clone(&stalled);
    let app = App::new(Idempotent::new(store()), move |_| {
        let notify = Arc::clone(&notify);
        async move {
            axum::body::Body::from_stream(futures_util::stream::once(async move {
                notify.notify_one();
                pending::<Result<&str, std::io::Error>>().await
            }))
        }
    });
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(app.send(&first));
    stalled.notified().await;
    call.abort();
    settle().await;
    let again = app.send(&first.next()).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.header("idempotent-body"), Some("not-kept"));
    assert_eq!(app.calls(), 1);
}

/// Lets everything run that can without time passing.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}
