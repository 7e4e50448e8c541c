//! What a handler is told of its claim.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::post};
use qstash_axum::VerifySignature;
use qstash_idempotency::{Claim, Idempotent, MemoryStore};
use tokio::time::sleep;
use tower::ServiceExt;

use crate::{
    axum_app::request,
    deliveries::{Attempt, token, verifier},
    stores::{Fault, FaultyStore, Kind, store},
};

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_its_key_and_a_fence_that_grows() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_handler = Arc::clone(&seen);
    let handler = move |claim: Claim<MemoryStore>| {
        seen_by_handler.lock().unwrap().push((claim.key(), claim.fence()));
        async { StatusCode::INTERNAL_SERVER_ERROR }
    };
    let router = Router::new()
        .route("/hook", post(handler))
        .layer(Idempotent::new(store()))
        .layer(VerifySignature::new(verifier()));
    let first = Attempt::new("msg_1", "{}");
    for attempt in [&first, &first.next(), &first.next()] {
        router.clone().oneshot(request(attempt)).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen.is_sorted_by(|(key, fence), (next_key, next_fence)| key == next_key && fence < next_fence));
    assert!(seen[0].1.is_some());
}

#[tokio::test(start_paused = true)]
async fn id_url_and_body_each_change_more_of_a_key_than_its_group() {
    let seen = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
    let seen_by_handler = Arc::clone(&seen);
    let handler = move |claim: Claim<MemoryStore>| {
        // The group is short enough to be met on purpose, by whoever chooses the body.
        seen_by_handler.lock().unwrap().insert(claim.key().as_bytes()[claim.key().group().len()..].to_vec());
        async {}
    };
    let router = Router::new()
        .route("/{path}", post(handler))
        .layer(Idempotent::new(store()))
        .layer(VerifySignature::new(verifier()));
    let first = Attempt::new("msg_1", "{}");
    let (path, token) = ("/other", token("/other", "{}"));
    let other = Attempt { path, token, ..first.clone() };
    for attempt in [&first, &Attempt::new("msg_2", "{}"), &Attempt::new("msg_1", "[]"), &other] {
        router.clone().oneshot(request(attempt)).await.unwrap();
    }
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_when_its_claim_is_lost() {
    let store = FaultyStore::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&log);
    let handler = move |claim: Claim<FaultyStore>| {
        let noted = Arc::clone(&noted);
        async move {
            tokio::select! {
                () = claim.lost() => noted.lock().unwrap().push("lost"),
                () = sleep(Duration::from_secs(200)) => noted.lock().unwrap().push("done"),
            }
            assert_eq!(claim.is_lost(), noted.lock().unwrap().last() == Some(&"lost"));
        }
    };
    let idempotent = Idempotent::new(store.clone()).lease(Duration::from_secs(30));
    let router =
        Router::new().route("/hook", post(handler)).layer(idempotent).layer(VerifySignature::new(verifier()));
    let first = Attempt::new("msg_1", "{}");
    let call = tokio::spawn(router.clone().oneshot(request(&first)));
    sleep(Duration::from_secs(1)).await;
    store.set(&[(Kind::Renew, Fault::Fails)]);
    sleep(Duration::from_secs(32)).await;
    let second = tokio::spawn(router.clone().oneshot(request(&first.next())));
    sleep(Duration::from_secs(1)).await;
    store.set(&[]);
    call.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(*log.lock().unwrap(), ["lost", "done"]);
}

#[tokio::test]
async fn a_claim_without_its_layer_is_a_mistake_that_is_named() {
    let router: Router = Router::new().route("/hook", post(async |_: Claim<MemoryStore>| ()));
    let response = router.oneshot(request(&Attempt::new("msg_1", "{}"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
    assert!(str::from_utf8(&body).unwrap().contains("add `Idempotent::new(store)`"), "{body:?}");
}
