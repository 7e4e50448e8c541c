//! A data folder: what is still there after the end of a server, planned or not, and what is refused.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use qstash_dev::{DevServer, DevServerBuilder};
use serde_json::Value;

use crate::{
    client::{call, get, publish},
    destination::{Destination, response},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A folder of the test's own, gone on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("data-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("qstash.redb")
    }

    fn server(&self) -> DevServerBuilder {
        DevServer::builder().token("token").seed(1).data(&self.0)
    }

    async fn start(&self) -> DevServer {
        self.server().start().await.unwrap()
    }

    /// What is on the disk now, as if the server that has written it had been killed.
    fn after_a_crash(&self) -> Self {
        let copy = Self::new();
        fs::copy(self.file(), copy.file()).unwrap();
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everything that the API shows and a crash must not change.
async fn shown(server: &DevServer) -> Vec<Value> {
    let mut shown = Vec::new();
    for target in ["queues", "topics", "schedules", "dlq", "flowControl", "keys"] {
        shown.push(get(server, &format!("/v2/{target}")).send().await.json());
    }
    shown
}

#[cfg(unix)]
#[tokio::test]
async fn what_was_accepted_is_delivered_after_a_crash_with_everything_it_says() {
    let folder = Folder::new();
    let destination = Destination::answering(200).await;
    let server = folder.start().await;
    let id = publish(&server, &destination.url("/later?a=1"))
        .header("Upstash-Delay", "1h")
        .header("Upstash-Method", "PUT")
        .header("Upstash-Forward-Binary", "a\u{e9}\u{1F600}")
        .header("Upstash-Callback", &destination.url("/callback"))
        .header("Upstash-Retries", "1")
        .header("Upstash-Label", "one,two")
        .header("Upstash-Redact-Fields", "header[secret]")
        .header("Content-Type", "application/octet-stream")
        .body([0, 159, 146, 150])
        .accepted()
        .await;
    let target = format!("/v2/messages/{id}");
    let before = get(&server, &target).send().await.json();

    let copy = folder.after_a_crash();
    let server = copy.start().await;
    assert_eq!(get(&server, &target).send().await.json(), before);
    server.advance(HOUR).await;
    let received = destination.received();
    assert_eq!(received[0].line, "PUT /later?a=1 HTTP/1.1");
    assert_eq!(received[0].body, [0, 159, 146, 150]);
    assert_eq!(received[0].header("binary"), Some("a\u{e9}\u{1F600}"));
    assert_eq!(received[0].header("upstash-message-id"), Some(&*id));
    assert_eq!(received[1].path(), "/callback");
    server.shutdown().await;
    assert_eq!(copy.start().await.dead_letters().await, []);
}

#[cfg(unix)]
#[tokio::test]
async fn everything_that_the_api_shows_survives_a_crash() {
    let folder = Folder::new();
    let destination = Destination::start(|request| match request.path() {
        "/dead" => response(400, "out of ink"),
        _ => response(200, ""),
    })
    .await;
    let server = folder.start().await;
    for (method, target, body) in [
        ("POST", "/v2/queues", r#"{"queueName": "q", "parallelism": 3}"#),
        ("POST", "/v2/queues/q/pause", ""),
        (
            "POST",
            "/v2/topics/g/endpoints",
            r#"{"endpoints": [{"url": "http://127.0.0.1:9/a", "name": "a"}]}"#,
        ),
        ("POST", "/v2/schedules/http://127.0.0.1:9/s", "every day"),
        ("POST", "/v2/flowControl/slow/pin?rate=3&period=60", ""),
        ("POST", "/v2/flowControl/slow/pause", ""),
        ("POST", "/v2/keys/rotate", ""),
    ] {
        let call = call(&server, method, target).header("Upstash-Cron", "0 0 * * *").body(body);
        let answer = call.send().await;
        assert!(answer.status < 300, "{target}: {}", answer.text());
    }
    publish(&server, &destination.url("/dead")).header("Upstash-Retries", "0").body("x").accepted().await;
    server.settled().await;
    let enqueued = call(&server, "POST", "/v2/enqueue/q/http://127.0.0.1:9/x").accepted().await;
    let delivered = publish(&server, &destination.url("/once"))
        .header("Upstash-Deduplication-Id", "once")
        .accepted()
        .await;
    server.settled().await;
    let before = shown(&server).await;

    let copy = folder.after_a_crash();
    let restored = copy.start().await;
    assert_eq!(shown(&restored).await, before);
    let again = publish(&restored, &destination.url("/once")).header("Upstash-Deduplication-Id", "once");
    let again = again.send().await.json();
    assert_eq!(
        (again["messageId"].as_str(), &again["deduplicated"]),
        (Some(&*delivered), &Value::Bool(true))
    );
    let fresh = publish(&restored, &destination.url("/new")).accepted().await;
    assert!(![&enqueued, &delivered].contains(&&fresh), "the seed is the same, the ids are not");
}
