//! Bad company: handlers that take longer than their delivery may, and receivers whose clocks are wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{Router, http::StatusCode, routing::post};
use qstash_axum::{KeySet, Verifier, VerifySignature};
use qstash_client::{Client, Message};
use qstash_dev::DevServer;
use qstash_idempotency::{ClaimKey, Idempotent, MemoryStore, Reply, Store, StoreError, Transition};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};
use tower::ServiceExt;

use crate::{
    axum_app::request,
    deliveries::{Attempt, ORIGIN, signing_key},
    stores::store,
};

const MINUTE: Duration = Duration::from_mins(1);

/// A store that tells when a success is kept.
struct Telling(MemoryStore, Arc<Notify>);

impl Store for Telling {
    async fn apply(&self, key: &ClaimKey, transition: &Transition) -> Result<Reply, StoreError> {
        let reply = self.0.apply(key, transition).await;
        if matches!(transition, Transition::Finish { .. }) {
            self.1.notify_one();
        }
        reply
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.0.sweep(limit).await
    }
}

/// A service whose handler ends when it is told to, and takes as long as it likes.
struct Slow {
    origin: String,
    calls: Arc<AtomicU32>,
    called: Arc<Notify>,
    kept: Arc<Notify>,
    end: watch::Sender<bool>,
}

impl Slow {
    async fn start(qstash: &DevServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (calls, called, kept) = (Arc::new(AtomicU32::new(0)), Arc::<Notify>::default(), Arc::default());
        let (end, ended) = watch::channel(false);
        let (count, call) = (Arc::clone(&calls), Arc::clone(&called));
        let handler = move || {
            count.fetch_add(1, Ordering::SeqCst);
            call.notify_one();
            let mut ended = ended.clone();
            async move {
                let _ = ended.wait_for(|ended| *ended).await;
                "handled"
            }
        };
        let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build().unwrap();
        let store = Telling(MemoryStore::new(), Arc::clone(&kept));
        let idempotent = Idempotent::new(store).ignore_hang_up().wait(Duration::ZERO);
        let app = Router::new()
            .route("/slow", post(handler))
            .layer(idempotent)
            .layer(VerifySignature::new(verifier));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { origin, calls, called, kept, end }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_takes_longer_than_its_delivery_may_does_not_end_in_the_dead_letter_queue() {
    let qstash = DevServer::start().await.unwrap();
    let slow = Slow::start(&qstash).await;
    let client = Client::new(qstash.url(), qstash.token()).unwrap();
    let message = Message::to(format!("{}/slow", slow.origin)).body("{}").timeout(MINUTE).retries(3);
    client.publish(message).await.unwrap();
    slow.called.notified().await;

    // QStash hangs up after a minute; two more attempts come and are sent away, with ever longer waits.
    qstash.advance(25 * MINUTE).await;
    assert_eq!(slow.calls.load(Ordering::SeqCst), 1, "no other handler runs");
    let statuses: Vec<_> = qstash.log().await.iter().filter_map(|entry| entry.response_status).collect();
    assert!(statuses.iter().filter(|status| **status == 503).count() >= 2, "{statuses:?}");
    assert!(qstash.dead_letters().await.is_empty());

    // The handler ends, and the next attempt is answered as it was.
    slow.end.send_replace(true);
    slow.kept.notified().await;
    qstash.advance(60 * MINUTE).await;
    qstash.settled().await;
    assert_eq!(slow.calls.load(Ordering::SeqCst), 1);
    assert!(qstash.dead_letters().await.is_empty());
    assert_eq!(qstash.deliveries().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn receivers_whose_clocks_are_an_hour_apart_agree_about_leases_and_tokens() {
    const HOUR: Duration = Duration::from_hours(1);
    let (claims, calls) = (store(), Arc::new(AtomicU32::new(0)));
    // What a receiver takes for now, and how far it forgives, so that it takes the tokens at all.
    let receiver = |clock: fn() -> SystemTime| {
        let verifier = Verifier::builder(KeySet::new([("test", signing_key())]))
            .origin(ORIGIN)
            .clock(clock)
            .tolerance(2 * HOUR)
            .build()
            .unwrap();
        let calls = Arc::clone(&calls);
        let handler = move || {
            calls.fetch_add(1, Ordering::SeqCst);
            async { tokio::time::sleep(10 * MINUTE).await }
        };
        Router::new()
            .route("/hook", post(handler))
            .layer(Idempotent::new(claims.clone()).wait(Duration::ZERO))
            .layer(VerifySignature::new(verifier))
    };
    let late: Router = receiver(|| SystemTime::now() - HOUR);
    let early: Router = receiver(|| SystemTime::now() + HOUR);

    let first = Attempt::new("msg_1", "{}");
    let running = tokio::spawn(late.clone().oneshot(request(&first)));
    for _ in 0..9 {
        tokio::time::sleep(MINUTE).await;
        let other = early.clone().oneshot(request(&first.next())).await.unwrap();
        assert_eq!(other.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(running.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(early.clone().oneshot(request(&first.next())).await.unwrap().status(), StatusCode::OK);
    let replay = early.oneshot(request(&first.with_ids(&["msg_2"]))).await.unwrap();
    assert_eq!(replay.status(), StatusCode::FORBIDDEN);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
