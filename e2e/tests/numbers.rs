//! The numbers that a program leaves are those that `docs/observability.md` lists.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use axum::{Router, routing::post};
use metrics_util::debugging::DebuggingRecorder;
use qstash_axum::{Outcome, VerifySignature};
use qstash_client::{Client, Message, error::TransportError};
use qstash_dev::DevServer;
use qstash_verify::Verifier;

const GUIDE: &str = include_str!("../../docs/observability.md");

/// The rows of the table: name and labels.
fn documented() -> BTreeSet<String> {
    let rows = GUIDE.lines().filter(|line| line.starts_with("| `qstash_"));
    let words = |row: &str| {
        let cells: Vec<_> = row.split('|').collect();
        let names = cells[1..=2].iter().flat_map(|cell| cell.split(['`', ',', ' ']));
        names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ")
    };
    rows.map(words).collect()
}

#[tokio::test]
async fn the_guide_lists_every_number_and_no_other() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();

    let qstash = DevServer::start().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build().unwrap();
    let app =
        Router::new().route("/work", post(async || Outcome::done())).layer(VerifySignature::new(verifier));
    tokio::spawn(axum::serve(listener, app).into_future());

    let client = Client::new(qstash.url(), qstash.token()).unwrap();
    let work = Message::to(format!("{origin}/work")).forward("qstash-published-at", "1767225600000");
    client.publish(work).await.unwrap();
    qstash.settled().await;

    // Another application calls without a signature, and a call of this one has to be sent again.
    let stranger = Client::builder().base_url(&origin).token("a-token").build().unwrap();
    stranger.queues().list().await.unwrap_err();
    let is_first = AtomicBool::new(true);
    let flaky = tower::service_fn(move |_| {
        let is_first = is_first.swap(false, Ordering::Relaxed);
        let answer = http::Response::new(bytes::Bytes::from_static(b"[]"));
        std::future::ready(if is_first { Err(TransportError::not_sent("refused")) } else { Ok(answer) })
    });
    let flaky = std::sync::Arc::new(std::sync::Mutex::new(flaky));
    let transport =
        tower::service_fn(move |request| tower::Service::call(&mut *flaky.lock().unwrap(), request));
    let client =
        Client::builder().base_url(qstash.url()).token("a-token").transport(transport).build().unwrap();
    client.queues().list().await.unwrap();

    let keys = snapshotter.snapshot().into_vec().into_iter();
    let seen: BTreeSet<String> = keys
        .map(|(key, unit, description, _)| {
            assert!(description.is_some(), "{key:?} is described");
            assert_eq!(unit.is_some(), key.key().name().ends_with("_seconds"), "{key:?}");
            let labels = key.key().labels().map(metrics::Label::key);
            std::iter::once(key.key().name()).chain(labels).collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(seen, documented());
}
