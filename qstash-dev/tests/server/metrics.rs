//! What the server counts, and whether it is well.

use std::time::Duration;

use qstash_dev::{DevServer, Fault};
use serde_json::json;

use crate::{
    client::{call, get, publish},
    data::Folder,
    destination::Destination,
    exposition::Samples,
};

const STATES: &str = "qstash_dev_states_entered_total";
const ATTEMPTS: &str = "qstash_dev_attempt_duration_seconds_count";
const MESSAGES: &str = "qstash_dev_messages";

async fn samples(server: &DevServer) -> Samples {
    let answer = get(server, "/metrics").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    Samples::read(&answer.text())
}

/// A name, labels and a value.
type Expected<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

fn assert_values(samples: &Samples, expected: &[Expected<'_>]) {
    for (name, labels, value) in expected {
        let found = samples.value(name, labels);
        assert!((found - value).abs() < f64::EPSILON, "{name} {labels:?} is {found}, not {value}");
    }
}

#[tokio::test]
async fn metrics_tell_what_has_happened() {
    let destination = Destination::answering(200).await;
    let server = DevServer::start().await.unwrap();
    let url = destination.url("/");
    server.fault(Fault::Status(503).at(&url).times(2));
    server.fault(Fault::Refuse.at(destination.url("/refused")).times(9));
    publish(&server, &url).header("Upstash-Delay", "1d").accepted().await;
    publish(&server, &destination.url("/refused")).header("Upstash-Retries", "0").accepted().await;
    server.advance(Duration::from_secs(2 * 24 * 60 * 60)).await;
    let samples = samples(&server).await;
    assert_values(
        &samples,
        &[
            (STATES, &[("state", "CREATED")], 2.0),
            (STATES, &[("state", "ACTIVE")], 4.0),
            (STATES, &[("state", "ERROR")], 3.0),
            (STATES, &[("state", "RETRY")], 2.0),
            (STATES, &[("state", "DELIVERED")], 1.0),
            (STATES, &[("state", "FAILED")], 1.0),
            (STATES, &[("state", "CANCELED")], 0.0),
            (ATTEMPTS, &[("status", "5xx")], 2.0),
            (ATTEMPTS, &[("status", "2xx")], 1.0),
            (ATTEMPTS, &[("status", "none")], 1.0),
            (ATTEMPTS, &[("status", "4xx")], 0.0),
            ("qstash_dev_attempt_wait_seconds_count", &[], 4.0),
            ("qstash_dev_delivery_duration_seconds_count", &[], 1.0),
            ("qstash_dev_delivery_duration_seconds_bucket", &[("le", "3600")], 0.0),
            ("qstash_dev_dead_letters", &[], 1.0),
        ],
    );
    let took = samples.value("qstash_dev_delivery_duration_seconds_sum", &[]);
    assert!(
        (86_400.0..2.0 * 86_400.0).contains(&took),
        "a day of delay, and two waits before retries: {took}"
    );
    let ahead = samples.value("qstash_dev_clock_ahead_seconds", &[]);
    assert!((172_000.0..174_000.0).contains(&ahead), "{ahead}");
}

#[tokio::test]
async fn metrics_tell_what_messages_wait_for() {
    let destination = Destination::serving(|connection| async move {
        let _held = connection;
        std::future::pending::<()>().await;
    })
    .await;
    let server = DevServer::builder().memory(1 << 30).start().await.unwrap();
    let url = destination.url("/");
    publish(&server, &url).header("Upstash-Delay", "1h").accepted().await;
    publish(&server, &url).accepted().await;
    let name = "odd-name_1.2";
    for _ in 0..2 {
        let enqueue = format!("/v2/enqueue/{name}/");
        call(&server, "POST", &format!("{enqueue}{url}")).accepted().await;
    }
    for _ in 0..3 {
        let controlled = publish(&server, &url).header("Upstash-Flow-Control-Key", "one at a time");
        controlled.header("Upstash-Flow-Control-Value", "parallelism=1").accepted().await;
    }
    let busy = samples(&server).await;
    assert_values(
        &busy,
        &[
            (MESSAGES, &[("waits_for", "time")], 1.0),
            (MESSAGES, &[("waits_for", "answer")], 3.0),
            (MESSAGES, &[("waits_for", "queue")], 1.0),
            (MESSAGES, &[("waits_for", "flow-control")], 2.0),
            (MESSAGES, &[("waits_for", "free-attempt")], 0.0),
            ("qstash_dev_queue_messages", &[("queue", name)], 2.0),
            ("qstash_dev_attempts_running", &[], 3.0),
            ("qstash_dev_attempts_limit", &[], 256.0),
            ("qstash_dev_memory_limit_bytes", &[], f64::from(1 << 30)),
        ],
    );
    let used = busy.value("qstash_dev_memory_used_bytes", &[]);
    assert!((7.0 * 100.0..1e6).contains(&used), "{used}");

    call(&server, "DELETE", "/v2/messages").send().await;
    let after = samples(&server).await;
    assert_values(
        &after,
        &[(MESSAGES, &[("waits_for", "time")], 0.0), (MESSAGES, &[("waits_for", "queue")], 0.0)],
    );
    assert_values(&after, &[(MESSAGES, &[("waits_for", "flow-control")], 0.0)]);
}

#[tokio::test]
async fn messages_that_have_come_to_their_end_wait_for_nothing_and_commits_are_timed() {
    let destination = Destination::answering(200).await;
    let folder = Folder::new();
    for (builder, keeps) in [(DevServer::builder(), false), (folder.server(), true)] {
        let server = builder.start().await.unwrap();
        for _ in 0..5 {
            publish(&server, &destination.url("/")).accepted().await;
        }
        server.settled().await;
        let samples = samples(&server).await;
        for awaited in ["time", "answer", "queue", "flow-control", "free-attempt"] {
            assert_values(&samples, &[("qstash_dev_messages", &[("waits_for", awaited)], 0.0)]);
        }
        let commits = samples.value("qstash_dev_commit_duration_seconds_count", &[]);
        assert_eq!(commits >= 5.0, keeps, "{commits}");
        server.shutdown().await;
    }
}

/// However many messages there are, and wherever they go.
#[tokio::test]
async fn the_number_of_series_is_limited() {
    let server = DevServer::start().await.unwrap();
    let before = samples(&server).await.len();
    for number in 0..120 {
        let url = format!("http://127.0.0.1:9/{number}");
        let delayed = call(&server, "POST", &format!("/v2/enqueue/queue-{number}/{url}"));
        delayed
            .header("Upstash-Delay", "1h")
            .header("Upstash-Label", &format!("label-{number}"))
            .send()
            .await;
    }
    let queues = samples(&server).await.len() - before;
    assert_eq!(queues, 100, "a server has no more queues");
}

#[tokio::test]
async fn metrics_need_a_token_unless_they_are_public() {
    let server = DevServer::start().await.unwrap();
    let stranger = |server| get(server, "/metrics").without("Authorization");
    assert_eq!(stranger(&server).send().await.status, 401);
    let read_only = format!("Bearer {}", server.read_only_token());
    assert_eq!(stranger(&server).header("Authorization", &read_only).send().await.status, 200);
    let posted = call(&server, "POST", "/metrics").send().await;
    assert_eq!((posted.status, posted.error()), (405, "only GET is allowed here".to_owned()));

    let public = DevServer::builder().metrics_public().start().await.unwrap();
    assert_eq!(stranger(&public).send().await.status, 200);
    let wrong = stranger(&public).header("Authorization", "Bearer wrong").send().await;
    assert_eq!(wrong.status, 401, "who shows a token shows a right one");
    let page = stranger(&public).header("Origin", "https://example.com").send().await;
    assert_eq!(page.status, 403);
    let elsewhere = stranger(&public).without("Host").header("Host", "example.com").send().await;
    assert_eq!(elsewhere.status, 403);
    assert_eq!(get(&public, "/v2/logs").without("Authorization").send().await.status, 401);
}

#[tokio::test]
async fn anybody_may_ask_whether_the_server_is_there_and_whether_it_can_work() {
    let server = DevServer::start().await.unwrap();
    publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
    for path in ["/healthz", "/readyz", "/health"] {
        let answer = get(&server, path).without("Authorization").send().await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "status": "ok" })));
        assert_eq!(call(&server, "POST", path).without("Authorization").send().await.status, 405);
        let elsewhere = get(&server, path).without("Host").header("Host", "example.com").send().await;
        assert_eq!(elsewhere.status, 403);
    }
}
