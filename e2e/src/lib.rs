//! What must hold end to end, whatever framework the receiver is written in.
//!
//! A test starts a receiver in its framework and hands it to the scenarios here, which publish with the real client to
//! a local server and look at what the receiver's handlers saw.

#![expect(clippy::missing_panics_doc, reason = "a scenario is a test; it panics where the loop is broken")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

pub mod hostile;
pub mod outcomes;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use qstash_client::{Client, Message};
use qstash_dev::DevServer;
use qstash_types::SigningKeys;
use qstash_verify::{Signer, Verifier, VerifierBuilder};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc};

/// What a handler behind `VerifySignature` saw.
#[derive(Debug, PartialEq)]
pub enum Seen {
    /// `POST /ok`, answered with 200 and [`ANSWER`].
    Work(Value),
    /// `POST /fail`, answered with 500 and `boom`.
    Failing {
        /// The number of earlier attempts, from the delivery's headers.
        retried: u32,
    },
    /// `POST /done`, with a `Signed<Callback>`.
    Callback {
        /// Of the attempt.
        status: u16,
        /// Of the attempt.
        retried: u32,
        /// Of the response.
        body: Bytes,
    },
    /// `POST /failed`, with a `Signed<FailureCallback>`.
    Failure {
        /// Of the last attempt.
        status: u16,
        /// Of the last response.
        body: Bytes,
        /// The entry in the dead letter queue.
        dlq_id: String,
    },
    /// `POST /delivery`, the body of a `Delivery`.
    Delivery(Bytes),
    /// `POST /signed`, a `Signed<Value>`.
    Signed(Value),
    /// `POST /bytes`, the framework's own extractor of bytes.
    Bytes(Bytes),
}

/// What `POST /ok` answers.
pub const ANSWER: &str = r#"{"pages":42}"#;

/// Where handlers put what they saw.
pub type Sightings = mpsc::UnboundedSender<Seen>;

/// A running server, a client of it, and a receiver with its sightings.
#[derive(Debug)]
pub struct Loop {
    qstash: DevServer,
    client: Client,
    origin: String,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Loop {
    /// Starts a server, and the receiver that `start` makes behind a verifier with these settings.
    pub async fn start(
        settings: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
        start: impl AsyncFnOnce(std::net::TcpListener, Verifier, Sightings),
    ) -> Self {
        let qstash = DevServer::start().await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let verifier = settings(Verifier::builder(qstash.signing_keys()).origin(&origin)).build().unwrap();
        let (sightings, seen) = mpsc::unbounded_channel();
        start(listener, verifier, sightings).await;
        let client = Client::new(qstash.url(), qstash.token()).unwrap();
        Self { qstash, client, origin, seen }
    }

    fn message(&self, path: &str) -> Message {
        Message::to(format!("{}{path}", self.origin))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    fn keys(&self) -> SigningKeys {
        self.qstash.signing_keys()
    }

    fn sightings(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

/// A message is delivered, and the answer of its destination arrives at the callback route.
pub async fn a_success_arrives_at_the_callback(mut turning: Loop) {
    let message = turning.message("/ok").json(&json!({"n": 1})).callback(turning.url("/done"));
    turning.client.publish(message).await.unwrap();
    turning.qstash.settled().await;
    assert_eq!(
        turning.sightings(),
        [Seen::Work(json!({"n": 1})), Seen::Callback { status: 200, retried: 0, body: ANSWER.into() }]
    );
}

/// Three attempts fail, each with its callback; then the failure callback arrives and the message is a dead letter.
pub async fn three_failures_end_in_the_failure_callback(mut turning: Loop) {
    let started = Instant::now();
    let message = turning
        .message("/fail")
        .body("work")
        .retries(2)
        .callback(turning.url("/done"))
        .failure_callback(turning.url("/failed"));
    let published = turning.client.publish(message).await.unwrap();
    turning.qstash.advance(Duration::from_secs(3600)).await;
    turning.qstash.settled().await;

    let mut seen = turning.sightings();
    let letters = turning.qstash.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].message.message_id, *published.message_id());
    assert_eq!((letters[0].response_status, &letters[0].response_body[..]), (Some(500), &b"boom"[..]));
    let failure = Seen::Failure { status: 500, body: "boom".into(), dlq_id: letters[0].dlq_id.to_string() };
    let failures = seen.iter().filter(|seen| **seen == failure).count();
    assert_eq!(failures, 1, "{seen:?}");
    seen.retain(|seen| *seen != failure);
    let expected: Vec<Seen> = (0..3)
        .flat_map(|retried| {
            [Seen::Failing { retried }, Seen::Callback { status: 500, retried, body: "boom".into() }]
        })
        .collect();
    assert_eq!(seen, expected);
    // An hour has passed for the server.
    assert!(started.elapsed() < Duration::from_secs(30), "took {:?}", started.elapsed());
}

/// Whatever bytes are published, the handler at `path` sees these bytes.
pub async fn bodies_arrive_byte_for_byte(mut turning: Loop, path: &str, seen: impl Fn(Bytes) -> Seen) {
    let gzip =
        Bytes::from_static(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x106\x05\0\0\0");
    let bodies = [
        Bytes::new(),
        Bytes::from_static(b"\xff\xfe\xed\xa0\x80"),
        Bytes::from_static(b"\xef\xbb\xbf{\"a\":1}"),
        gzip.clone(),
        Bytes::from((0..=u8::MAX).cycle().take(5 * 1024 * 1024).collect::<Vec<u8>>()),
    ];
    for body in bodies {
        let mut message = turning.message(path).body(body.clone());
        if body == gzip {
            message = message.forward("content-encoding", "gzip");
        }
        turning.client.publish(message).await.unwrap();
        turning.qstash.settled().await;
        assert_eq!(turning.sightings(), [seen(body)]);
    }
    let body = Bytes::from_static(b"one byte at a time");
    turning.deliver_in_single_bytes(path, &body).await;
    assert_eq!(turning.sightings(), [seen(body)]);
}

/// JSON of any size arrives through `Signed<T>`.
pub async fn json_arrives_whole(mut turning: Loop) {
    for length in [0, 5 * 1024 * 1024] {
        let value = json!({"text": "x".repeat(length)});
        turning.client.publish(turning.message("/signed").json(&value)).await.unwrap();
        turning.qstash.settled().await;
        assert_eq!(turning.sightings(), [Seen::Signed(value)]);
    }
}

/// A thousand messages, published as fast as the server takes them: each is delivered once, each callback arrives once.
pub async fn a_thousand_messages_arrive(mut turning: Loop) {
    const MESSAGES: usize = 1000;
    let publish = |n: usize| {
        let message = turning.message("/ok").json(&json!({ "n": n })).callback(turning.url("/done"));
        turning.client.publish(message)
    };
    let published: Vec<_> = stream::iter(0..MESSAGES).map(publish).buffer_unordered(64).collect().await;
    assert!(published.iter().all(Result::is_ok), "{:?}", published.iter().find(|answer| answer.is_err()));
    turning.qstash.settled().await;
    let errors: Vec<String> =
        turning.qstash.log().await.into_iter().filter_map(|entry| entry.error).collect();
    assert_eq!(errors, [""; 0]);

    let (work, callbacks): (Vec<Seen>, Vec<Seen>) =
        turning.sightings().into_iter().partition(|seen| matches!(seen, Seen::Work(_)));
    assert_eq!(work.len(), MESSAGES);
    let numbers: BTreeSet<String> = work.iter().map(|seen| format!("{seen:?}")).collect();
    assert_eq!(numbers.len(), MESSAGES);
    assert_eq!(callbacks.len(), MESSAGES);
    let success = Seen::Callback { status: 200, retried: 0, body: ANSWER.into() };
    assert!(callbacks.iter().all(|callback| *callback == success));
}

impl Loop {
    /// Plays QStash with a request whose body comes in frames of one byte.
    async fn deliver_in_single_bytes(&self, path: &str, body: &Bytes) {
        let token = Signer::new(self.keys().current).sign(&self.url(path), body, SystemTime::now());
        let frames: Vec<Result<Frame<Bytes>, std::convert::Infallible>> =
            (0..body.len()).map(|at| Ok(Frame::data(body.slice(at..=at)))).collect();
        let request = hyper::Request::post(path)
            .header("host", &self.origin["http://".len()..])
            .header("upstash-signature", token)
            .body(StreamBody::new(stream::iter(frames)))
            .unwrap();
        let address: SocketAddr = self.origin["http://".len()..].parse().unwrap();
        let connection = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(connection).await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        let status = response.status();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{status} {text:?}");
    }
}

/// The code in the README and in the guides compiles.
#[cfg(doctest)]
pub mod documents {
    #[doc = include_str!("../../README.md")]
    pub struct Readme;
    #[doc = include_str!("../../docs/moving.md")]
    pub struct Moving;
    #[doc = include_str!("../../docs/observability.md")]
    pub struct Observability;
    #[doc = include_str!("../../docs/receiving.md")]
    pub struct Receiving;
    #[doc = include_str!("../../docs/testing.md")]
    pub struct Testing;
}
