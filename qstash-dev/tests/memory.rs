//! Whatever a caller sends, as large and as often as it takes: the memory of the process stays where its limit is.
//!
//! The fields are those that `qstash_types::header` and the description of the API name. The only test in this file, because
//! it watches the whole process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use qstash_dev::DevServer;
use qstash_types::header::{self, CALLBACK_SETTINGS, FAILURE_CALLBACK_SETTINGS, MESSAGE_SETTINGS};
use serde_json::{Map, Value as Json, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use client::{Call, call};

#[path = "server/client.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod client;

const KIBIBYTE: usize = 1024;
const MEBIBYTE: usize = 1024 * KIBIBYTE;
/// What the server may keep.
const LIMIT: usize = MEBIBYTE;
/// How much is sent of each field.
const SENT: usize = 6 * MEBIBYTE;
/// How much the process may have grown at any moment while one field is tried: what the server may keep, its log, and what a
/// call takes up.
const GROWTH: usize = 4 * MEBIBYTE;
/// What the allocator and the system do makes the process grow now and then, by as much however much is sent. What the server keeps
/// shows the more clearly the more is sent. So a field that has grown is tried again with so many times as much, which may
/// make the process grow by so many times as much.
const ATTEMPTS: [(usize, usize); 4] = [(1, 1), (2, 1), (4, 2), (8, 3)];
/// A large body.
const BODY: usize = 256 * KIBIBYTE;
/// What fits into the head of a request.
const IN_A_HEAD: usize = 48 * KIBIBYTE;
/// What is short enough to be accepted as a name, a key or a label.
const NAME: usize = 1000;
/// How many connections the server has.
const STRANGERS: usize = 200;
const LOCAL: &str = "http://127.0.0.1:9/";

/// What is documented of the API. `qstash-client` is held against it as well.
const API: &str = include_str!("../../qstash-client/tests/described_api/api.txt");
/// What official SDKs send besides.
const UNDOCUMENTED: [&str; 5] = ["messageIds", "groupBy", "search", "host", "path"];

fn memory(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * KIBIBYTE
}

/// By how much the process has grown at the most while something happened.
async fn peak(work: impl Future<Output = ()>) -> usize {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS:");
    work.await;
    memory("VmHWM:").saturating_sub(before)
}

/// What has made the process grow by too much.
struct Judge<'a> {
    server: &'a DevServer,
    complaints: Vec<String>,
}

impl Judge<'_> {
    /// Sends calls of about so many bytes each.
    async fn hear(&mut self, what: &str, bytes: usize, make: impl Fn(usize) -> Call) {
        let (mut numbers, mut seen) = (0.., Vec::new());
        for (sent, growth) in ATTEMPTS {
            let grown = peak(async {
                for number in numbers.by_ref().take(sent * SENT / bytes) {
                    let status = make(number).send().await.status;
                    assert!(status < 500, "{what}: {status}");
                }
            });
            let grown = grown.await;
            self.clear().await;
            if grown <= growth * GROWTH {
                return;
            }
            seen.push(format!("{} MiB of {}", grown / MEBIBYTE, sent * SENT / MEBIBYTE));
        }
        self.complaints.push(format!("{what}: {} that were sent", seen.join(", ")));
    }

    fn judge(&mut self, what: &str, grown: usize, limit: usize) {
        if grown > limit {
            self.complaints.push(format!("{what}: {} MiB", grown / MEBIBYTE));
        }
    }

    fn call(&self, method: &str, target: &str) -> Call {
        call(self.server, method, target)
    }

    /// Gives back what can be given back.
    async fn clear(&self) {
        self.call("DELETE", "/v2/messages").send().await;
        for (resource, field) in [("queues", "name"), ("topics", "name"), ("schedules", "scheduleId")] {
            let list = self.call("GET", &format!("/v2/{resource}")).send().await.json();
            for entry in list.as_array().unwrap() {
                let name = entry[field].as_str().unwrap();
                self.call("DELETE", &format!("/v2/{resource}/{name}")).send().await;
            }
        }
    }
}

/// Every header that a call can carry.
fn header_names() -> Vec<String> {
    let settings = [&MESSAGE_SETTINGS, &CALLBACK_SETTINGS, &FAILURE_CALLBACK_SETTINGS];
    let mut names: BTreeSet<_> = header::all().map(|name| name.to_string()).collect();
    names.extend(settings.iter().flat_map(|settings| settings.all()).map(ToString::to_string));
    names.extend(settings.iter().map(|settings| format!("{}large", settings.forward_prefix)));
    names.extend(["content-type", "large", "upstash-unknown"].map(str::to_owned));
    // A message with a cron expression is refused.
    names.remove(header::CRON.as_str());
    names.into_iter().collect()
}

/// The words of the lines of the description that begin so, short of what is no name in them.
fn described(word: &str) -> BTreeSet<String> {
    let lines = API.lines().filter_map(|line| line.strip_prefix("    ")?.strip_prefix(word));
    let words = lines.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A value of a header with this many bytes, its own for each number.
fn value(name: &str, length: usize, number: usize) -> String {
    let list = |entry: &str| format!("{number}{}", entry.repeat(length / entry.len()));
    match name {
        _ if name == header::CALLBACK || name == header::FAILURE_CALLBACK => {
            format!("{LOCAL}{number}{}", "x".repeat(length))
        }
        _ if name == header::LABEL && number.is_multiple_of(2) => list(",x"),
        _ if name == header::REDACT_FIELDS => list(",header[x]"),
        _ => format!("{number}{}", "x".repeat(length)),
    }
}

/// The headers of a message that waits and has both callbacks, with one more.
fn with_header(name: &str, value: String) -> Json {
    let mut headers = json!({"Upstash-Delay": "1d", "Upstash-Header-Forward": "true"});
    headers["Upstash-Callback"] = LOCAL.into();
    headers["Upstash-Failure-Callback"] = LOCAL.into();
    let known = headers.as_object_mut().unwrap();
    known.retain(|known, _| !known.eq_ignore_ascii_case(name));
    known.insert(name.to_owned(), value.into());
    headers
}

/// Each header in a message of a batch, in the defaults of a URL group and in a schedule.
async fn headers(judge: &mut Judge<'_>) {
    for name in header_names() {
        let server = judge.server;
        let batch = |number| {
            let headers = with_header(&name, value(&name, BODY, number));
            let items = json!([{"destination": LOCAL, "headers": headers}]);
            call(server, "POST", "/v2/batch").body(items.to_string())
        };
        judge.hear(&format!("a message with {name}"), BODY, batch).await;

        // As long as a name may be, in many messages: what is accepted is counted.
        let tiny = |number: usize| {
            let item = |index: usize| {
                let headers = with_header(&name, value(&name, NAME, number * 1000 + index));
                json!({"destination": LOCAL, "headers": headers, "body": "x"})
            };
            let items: Vec<_> = (0..BODY / NAME).map(item).collect();
            call(server, "POST", "/v2/batch").body(serde_json::to_vec(&items).unwrap())
        };
        let first = tiny(0).send().await.json();
        judge.clear().await;
        if first[0].get("messageId").is_some() {
            judge.hear(&format!("tiny messages with {name}"), BODY, tiny).await;
        }

        let group = |number: usize| {
            let headers = with_header(&name, value(&name, 100 * KIBIBYTE, number));
            call(server, "PATCH", &format!("/v2/topics/g{number}"))
                .body(json!({"headers": headers}).to_string())
        };
        judge.hear(&format!("a URL group with {name}"), 100 * KIBIBYTE, group).await;

        let schedule = |number| {
            let target = format!("/v2/schedules/{LOCAL}");
            let mut create = call(server, "POST", &target).header("Upstash-Cron", "0 0 1 1 *");
            for url in ["upstash-callback", "upstash-failure-callback"] {
                if url != name {
                    create = create.header(url, LOCAL);
                }
            }
            create.header(&name, &value(&name, IN_A_HEAD, number))
        };
        judge.hear(&format!("a schedule with {name}"), IN_A_HEAD, schedule).await;
    }
}

/// Settings of callbacks that there are not.
async fn settings_without_a_callback(judge: &mut Judge<'_>) {
    let server = judge.server;
    let names: Vec<_> = [&CALLBACK_SETTINGS, &FAILURE_CALLBACK_SETTINGS]
        .into_iter()
        .flat_map(|settings| {
            [format!("{}large", settings.forward_prefix), settings.flow_control_key.to_string()]
        })
        .collect();
    for length in [NAME, 100 * KIBIBYTE] {
        let make = |number: usize| {
            let headers: Map<_, _> =
                names.iter().map(|name| (name.clone(), value(name, length, number).into())).collect();
            let item = json!({"destination": LOCAL, "headers": headers, "body": "x"});
            let items = vec![item; BODY / (names.len() * length)];
            call(server, "POST", "/v2/batch").body(serde_json::to_vec(&items).unwrap())
        };
        judge.hear(&format!("settings without a callback, {length}"), BODY, make).await;
    }
}

/// The fields of bodies: those of messages, and those of every other call.
async fn bodies(judge: &mut Judge<'_>) {
    let server = judge.server;
    let large = |number: usize| format!("{number}{}", "x".repeat(BODY));
    let mut fields = described("body application/json");
    fields.extend(["method", "unknown"].map(str::to_owned));
    for known in
        ["destination", "body", "headers", "queue", "queueName", "parallelism", "endpoints", "url", "name"]
    {
        assert!(fields.contains(known), "{known} is no longer described: {fields:?}");
    }
    for field in &fields {
        let usual = json!({
            "destination": LOCAL, "queueName": "q", "url": LOCAL, "headers": {"Upstash-Delay": "1d"},
            "endpoints": [{"url": LOCAL}]
        });
        let with = |number, value: Json| {
            let mut body = usual.clone();
            body[field] = value;
            // Each time something else, for calls that replace what there was.
            body["id"] = json!(number);
            body
        };
        for (method, target, form) in [
            ("POST", "/v2/batch", "[_]"),
            ("POST", "/v2/queues", "_"),
            ("POST", "/v2/topics/g/endpoints", r#"{"endpoints": [_]}"#),
            ("DELETE", "/v2/topics/g/endpoints", r#"{"endpoints": [_]}"#),
            ("PATCH", "/v2/topics/g", "_"),
        ] {
            let make = |number| {
                let body = with(number, large(number).into()).to_string();
                call(server, method, target).body(form.replacen('_', &body, 1))
            };
            judge.hear(&format!("{method} {target} with {field}"), BODY, make).await;
        }
    }
    let destination = |number| {
        let url = format!("{LOCAL}{}", large(number));
        call(server, "POST", "/v2/batch").body(json!([{"destination": url}]).to_string())
    };
    judge.hear("a long destination", BODY, destination).await;
    let raw =
        |number| call(server, "POST", &format!("/v2/publish/{LOCAL}?upstash-delay=1d")).body(large(number));
    judge.hear("bodies", BODY, raw).await;
}

/// The parameters of every listing and bulk change, in the query and in the body; and names in paths.
async fn parameters(judge: &mut Judge<'_>) {
    let server = judge.server;
    let mut names = described("query");
    names.extend(UNDOCUMENTED.map(str::to_owned));
    assert!(names.len() > 20, "{names:?}");
    let each = IN_A_HEAD / names.len();
    for (method, path) in [
        ("GET", "/v2/logs"),
        ("GET", "/v2/events"),
        ("GET", "/v2/dlq"),
        ("GET", "/v2/flowControl"),
        ("DELETE", "/v2/messages"),
        ("DELETE", "/v2/dlq"),
        ("POST", "/v2/dlq/retry"),
        ("POST", "/v2/flowControl/k/pin"),
        ("POST", "/v2/flowControl/k/unpin"),
    ] {
        let query = |number: usize| {
            let pairs: Vec<_> =
                names.iter().map(|name| format!("{name}={number}{}", "x".repeat(each))).collect();
            call(server, method, &format!("{path}?{}", pairs.join("&")))
        };
        judge.hear(&format!("{method} {path}?…"), IN_A_HEAD, query).await;
        let body = |number: usize| {
            let list = [format!("{number}{}", "x".repeat(BODY / names.len()))];
            let fields: Map<_, _> = names.iter().map(|name| (name.clone(), json!(list))).collect();
            call(server, method, path).body(serde_json::to_vec(&fields).unwrap())
        };
        judge.hear(&format!("{method} {path} with a body"), BODY, body).await;
    }
    let name = |number: usize, length| format!("{number}{}", "x".repeat(length));
    for (method, path, verb) in [
        ("POST", "/v2/schedules/http://127.0.0.1:9/", ""),
        ("POST", "/v2/publish/http://127.0.0.1:9/", ""),
        ("POST", "/v2/publish/", ""),
        ("POST", "/v2/enqueue/", "/http://127.0.0.1:9/"),
        ("POST", "/v2/queues/", "/pause"),
        ("POST", "/v2/flowControl/", "/pause"),
        ("POST", "/v2/flowControl/", "/pin?parallelism=3&rate=5&period=60"),
        ("POST", "/v2/topics/", "/endpoints"),
    ] {
        for length in [900, IN_A_HEAD] {
            let make = |number| {
                call(server, method, &format!("{path}{}{verb}", name(number, length)))
                    .header("Upstash-Cron", if path.contains("schedules") { "0 0 1 1 *" } else { "" })
                    .header("Upstash-Delay", "1d")
                    .body(r#"{"endpoints": [{"url": "http://127.0.0.1:9/"}]}"#)
            };
            // A thousand calls are as many as there may be of most things.
            judge.hear(&format!("{method} {path}…{verb}, {length}"), length.max(SENT / 1000), make).await;
        }
    }
}

/// Heads without an end, from strangers.
async fn strangers(judge: &mut Judge<'_>) {
    let server = judge.server;
    let grown = peak(async {
        let mut open = Vec::new();
        for _ in 0..2 * STRANGERS {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            // It may be closed before it has got that far.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nX: ").await;
            let _ = stream.write_all(&vec![b'x'; 240 * KIBIBYTE]).await;
            open.push(stream);
            if open.len() > STRANGERS {
                open.remove(0);
            }
        }
        assert_eq!(call(server, "GET", "/v2/keys").send().await.status, 200);
    });
    let grown = grown.await;
    judge.judge("strangers", grown, STRANGERS * 160 * KIBIBYTE);
}

/// Lists that would take up dozens of times as much as their text, if they were read into trees.
async fn trees(judge: &mut Judge<'_>) {
    let zeros = format!("[{}0]", "0,".repeat(2 * MEBIBYTE));
    for (method, target, body) in [
        ("POST", "/v2/batch", format!(r#"[{{"headers": {{"x": {zeros}}}}}]"#)),
        ("POST", "/v2/batch", format!(r#"[{{"body": {zeros}}}]"#)),
        ("POST", "/v2/batch", format!("[{zeros}]")),
        ("POST", "/v2/batch", zeros.clone()),
        ("PATCH", "/v2/topics/g", format!(r#"{{"headers": {{"x": {zeros}}}}}"#)),
        ("PATCH", "/v2/topics/g", format!(r#"{{"headers": {zeros}}}"#)),
        ("POST", "/v2/topics/g/endpoints", format!(r#"{{"endpoints": {zeros}}}"#)),
        ("POST", "/v2/queues", format!(r#"{{"queueName": {zeros}}}"#)),
        ("DELETE", "/v2/messages", format!(r#"{{"messageIds": {zeros}}}"#)),
        ("DELETE", "/v2/dlq", format!(r#"{{"dlqIds": [{zeros}]}}"#)),
        ("POST", "/v2/dlq/retry", format!(r#"{{"{}": 0}}"#, "x".repeat(4 * MEBIBYTE))),
    ] {
        let what = format!("{method} {target} with {}…", &body[..body.len().min(24)]);
        let length = body.len();
        let call = judge.call(method, target).body(body);
        let grown = peak(async { assert!(call.send().await.status < 500) }).await;
        // The request, in the test and in the server.
        judge.judge(&what, grown, 8 * length);
    }
}

/// A call with a body of zeros, of which the test holds no more than a piece.
async fn zeros(address: SocketAddr, token: String, framing: Framing, pieces: usize) {
    let piece = "0,".repeat(32 * KIBIBYTE);
    let head = match framing {
        Framing::Length => format!("Content-Length: {}", pieces * piece.len()),
        Framing::Chunks => "Transfer-Encoding: chunked".to_owned(),
    };
    let mut stream = TcpStream::connect(address).await.unwrap();
    let own = format!("Host: {address}\r\nAuthorization: Bearer {token}");
    let head = format!("POST /v2/batch HTTP/1.1\r\n{own}\r\n{head}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..pieces {
        let sent = match framing {
            Framing::Length => stream.write_all(piece.as_bytes()).await,
            Framing::Chunks => stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await,
        };
        // A refusal may come before the end.
        if sent.is_err() {
            return;
        }
    }
    // The last chunk never comes: what was sent stays in the server for as long as it is willing to wait.
    let mut answer = [0; 16];
    let _ = stream.read(&mut answer).await;
}

#[derive(Clone, Copy)]
enum Framing {
    Length,
    Chunks,
}

/// Bodies that come at the same time: there is room for 256 MiB of them.
async fn bodies_at_once(judge: &mut Judge<'_>) {
    for framing in [Framing::Length, Framing::Chunks] {
        let all = async {
            let (address, token) = (judge.server.address(), judge.server.token());
            let calls = (0..12).map(|_| zeros(address, token.to_owned(), framing, 1_500));
            let calls: JoinSet<_> = calls.collect();
            // Those that go on waiting for their room are given up.
            let _ = timeout(Duration::from_secs(8), calls.join_all()).await;
        };
        let grown = peak(all).await;
        judge.judge("bodies at once", grown, 320 * MEBIBYTE);
    }
}

/// A batch of 95 MiB is read beside the other calls: none of them waits for a large part of the time that it takes.
async fn others_are_answered_meanwhile(server: &DevServer) {
    let keys = async || {
        let started = Instant::now();
        assert_eq!(call(server, "GET", "/v2/keys").send().await.status, 200);
        started.elapsed()
    };
    let mut idle = Duration::ZERO;
    for _ in 0..10 {
        idle = idle.max(keys().await);
    }
    let list = format!("[{}0]", "0,".repeat(95 * MEBIBYTE / 2));
    let batch = call(server, "POST", "/v2/batch").body(format!(r#"[{{"headers": {{"x": {list}}}}}]"#));
    drop(list);
    let started = Instant::now();
    let mut batch = std::pin::pin!(batch.send());
    let mut slowest = Duration::ZERO;
    let answer = loop {
        tokio::select! {
            answer = &mut batch => break answer,
            took = keys() => slowest = slowest.max(took),
        }
    };
    let whole = started.elapsed();
    assert_eq!(answer.status, 200);
    assert!(slowest < whole / 3 + 20 * idle, "{slowest:?} of {whole:?}, and {idle:?} otherwise");
}

#[tokio::test]
async fn the_process_does_not_grow_beyond_its_limit_whatever_is_sent() {
    let server = DevServer::builder().memory(LIMIT as u64).connections(STRANGERS).start().await.unwrap();
    let mut judge = Judge { server: &server, complaints: Vec::new() };
    // The allocator keeps some of what it has had.
    let item = json!([{"destination": LOCAL, "body": "x".repeat(BODY)}]).to_string();
    judge.hear("a first time", BODY, |_| call(&server, "POST", "/v2/batch").body(item.clone())).await;
    judge.complaints.clear();

    headers(&mut judge).await;
    settings_without_a_callback(&mut judge).await;
    bodies(&mut judge).await;
    parameters(&mut judge).await;
    strangers(&mut judge).await;
    trees(&mut judge).await;
    bodies_at_once(&mut judge).await;
    others_are_answered_meanwhile(&server).await;
    assert!(judge.complaints.is_empty(), "{}", judge.complaints.join("\n"));
}
