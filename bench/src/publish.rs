//! Clients that publish to a server on this machine.
//!
//! Every arm sends the same message: 256 bytes of JSON, a method, retries, a callback and a forwarded header. What is counted
//! are messages, in batches too.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use qstash_client::{Client, Message};
use serde::Serialize;
use tokio::runtime::{self, Runtime};

use crate::Arm;

const DESTINATION: &str = "https://jobs.example.com/v1/render?scene=17";
const CALLBACK: &str = "https://api.example.com/v1/render/done";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TOKEN: &str = "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=";
/// The messages of a batch whose arm has no number.
const BATCH: usize = 100;

#[derive(Serialize)]
struct Job {
    id: u64,
    scene: &'static str,
    frames: [u32; 8],
    note: String,
}

fn job(id: usize) -> Job {
    let note = "x".repeat(142);
    Job {
        id: 1_000_000 + id as u64,
        scene: "mountain-lake-at-dawn",
        frames: [1, 2, 3, 5, 8, 13, 21, 34],
        note,
    }
}

/// Everything runs on one thread, so that a count is that of the work alone.
pub fn runtime() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn one_by_one(publish: impl AsyncFn(usize) + 'static) -> Arm {
    let runtime = runtime();
    Box::new(move |count| {
        runtime.block_on(async {
            for id in 0..count {
                publish(id).await;
            }
        });
    })
}

/// In batches of this size, or of the usual one where it is 0. The last one may be smaller.
fn in_batches(size: usize, publish: impl AsyncFn(Range<usize>) + 'static) -> Arm {
    let (runtime, size) = (runtime(), if size == 0 { BATCH } else { size });
    Box::new(move |count| {
        runtime.block_on(async {
            for start in (0..count).step_by(size) {
                publish(start..count.min(start + size)).await;
            }
        });
    })
}

fn message(id: usize) -> Message {
    Message::to(DESTINATION)
        .json(&job(id))
        .method(Method::PUT)
        .retries(5)
        .callback(CALLBACK)
        .forward("x-trace-id", TRACE)
}

fn client(url: &str) -> Client {
    Client::new(url, TOKEN).expect("a client")
}

pub fn ours(url: &str) -> Arm {
    publish_with(client(url))
}

pub fn ours_over_hyper_util(url: &str) -> Arm {
    publish_with(Client::builder().base_url(url).token(TOKEN).hyper().build().expect("a client"))
}

fn publish_with(client: Client) -> Arm {
    one_by_one(async move |id| drop(client.publish(message(id)).await.expect("it is accepted")))
}

pub fn ours_batch(url: &str, size: usize) -> Arm {
    let client = client(url);
    in_batches(size, async move |ids| {
        let outcome = client.batch(ids.map(message)).await.expect("no mistake");
        outcome.into_result().expect("all are accepted");
    })
}

pub fn ours_publisher(url: &str) -> Arm {
    let (client, runtime) = (client(url), runtime());
    Box::new(move |count| {
        runtime.block_on(async {
            let publisher = client.publisher().longest_wait(Duration::from_secs(1));
            let results = publisher.publish(stream::iter((0..count).map(message)));
            let accepted = results.filter(|result| std::future::ready(result.is_ok())).count().await;
            assert_eq!(accepted, count);
        });
    })
}

fn qstash_rs_client(url: &str) -> qstash_rs::Client {
    qstash_rs::Client::builder(TOKEN).base_url(url).build().expect("a client")
}

fn qstash_rs_message(id: usize) -> qstash_rs::PublishRequest {
    qstash_rs::PublishRequest::builder(qstash_rs::Destination::url(DESTINATION).expect("a URL"))
        .json_body(&job(id))
        .expect("JSON")
        .method(Method::PUT)
        .retries(5)
        .callback(CALLBACK)
        .header("x-trace-id", TRACE)
        .expect("a header")
        .build()
}

pub fn qstash_rs(url: &str) -> Arm {
    let client = qstash_rs_client(url);
    one_by_one(async move |id| drop(client.publish(qstash_rs_message(id)).await.expect("it is accepted")))
}

pub fn qstash_rs_batch(url: &str, size: usize) -> Arm {
    let client = qstash_rs_client(url);
    in_batches(size, async move |ids| {
        let messages = ids.map(|id| qstash_rs::BatchRequest::new(qstash_rs_message(id)));
        client.batch(messages).await.expect("all are accepted");
    })
}

/// The headers of the message.
const HEADERS: [(&str, &str); 5] = [
    ("content-type", "application/json"),
    ("upstash-method", "PUT"),
    ("upstash-retries", "5"),
    ("upstash-callback", CALLBACK),
    ("upstash-forward-x-trace-id", TRACE),
];

/// The same as the prepared arms clone them.
fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("authorization", format!("Bearer {TOKEN}").parse().expect("a header"));
    headers
}

fn body(id: usize) -> Bytes {
    serde_json::to_vec(&job(id)).expect("JSON").into()
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    message_id: String,
}

fn accept(answer: &[u8]) {
    let accepted: Accepted = serde_json::from_slice(answer).expect("JSON");
    assert!(!accepted.message_id.is_empty());
}

/// The least that anybody can do over reqwest: URL and headers are made once.
pub fn reqwest_prepared(url: &str) -> Arm {
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let (url, headers) =
        (reqwest::Url::parse(&format!("{url}/v2/publish/{DESTINATION}")).expect("a URL"), headers());
    one_by_one(async move |id| {
        let mut request = reqwest::Request::new(Method::POST, url.clone());
        *request.headers_mut() = headers.clone();
        *request.body_mut() = Some(body(id).into());
        let answer = client.execute(request).await.expect("an answer");
        accept(&answer.bytes().await.expect("an answer"));
    })
}

/// Posts a body over hyper-util with URL and headers that are made once, and returns the body of the answer.
fn hyper_util_post(uri: String) -> impl AsyncFn(Bytes) -> Bytes + 'static {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: HyperClient<_, Full<Bytes>> = HyperClient::builder(TokioExecutor::new()).build(connector);
    let (uri, headers): (http::Uri, _) = (uri.parse().expect("a URL"), headers());
    async move |body| {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers.clone();
        let answer = client.request(request).await.expect("an answer");
        answer.into_body().collect().await.expect("an answer").to_bytes()
    }
}

/// The least that anybody can do over hyper-util.
pub fn hyper_util_prepared(url: &str) -> Arm {
    let post = hyper_util_post(format!("{url}/v2/publish/{DESTINATION}"));
    one_by_one(async move |id| accept(&post(body(id)).await))
}

#[derive(Serialize)]
struct Item<'a> {
    destination: &'a str,
    headers: &'a BTreeMap<&'a str, &'a str>,
    body: &'a str,
}

/// The least that anybody can do for a batch: its document is written straight into one buffer.
pub fn hyper_util_batch(url: &str, size: usize) -> Arm {
    let post = hyper_util_post(format!("{url}/v2/batch"));
    let headers = BTreeMap::from(HEADERS);
    in_batches(size, async move |ids| {
        let (mut document, count) = (vec![b'['], ids.len());
        for id in ids {
            let body = serde_json::to_string(&job(id)).expect("JSON");
            let item = Item { destination: DESTINATION, headers: &headers, body: &body };
            serde_json::to_writer(&mut document, &item).expect("JSON");
            document.push(b',');
        }
        *document.last_mut().expect("it has begun") = b']';
        let accepted: Vec<Accepted> = serde_json::from_slice(&post(document.into()).await).expect("JSON");
        assert_eq!(accepted.len(), count);
    })
}
