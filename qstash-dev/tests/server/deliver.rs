//! Destinations that misbehave: each attempt ends, says why, and is followed by what follows a failure.

use std::time::Duration;

use qstash_dev::DevServer;
use qstash_types::{LogEntry, LogState};
#[cfg(feature = "tls")]
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

use crate::{
    client::publish,
    destination::{Destination, read, response},
};

/// Publishes a message without retries, and returns the entry of its failed attempt.
async fn failure(server: &DevServer, url: &str) -> LogEntry {
    let id = publish(server, url).header("Upstash-Retries", "0").accepted().await;
    server.settled().await;
    let log = server.log().await;
    let states: Vec<_> = log
        .iter()
        .filter(|entry| entry.message_id.as_str() == id)
        .map(|entry| entry.state.as_str())
        .collect();
    assert_eq!(states, ["FAILED", "ERROR", "ACTIVE", "CREATED"]);
    log.into_iter().find(|entry| entry.state == LogState::Error).unwrap()
}

async fn reason(server: &DevServer, url: &str) -> String {
    let entry = failure(server, url).await;
    assert_eq!(entry.response_status, None);
    entry.error.unwrap()
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn an_https_destination_is_not_called() {
    let server = DevServer::start().await.unwrap();
    let expected = "connection failed: https is the feature `tls`, which is off; \
                    --map-host localhost=http://127.0.0.1:PORT does without it";
    assert_eq!(reason(&server, "https://localhost/hook").await, expected);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn an_https_destination_is_asked_for_its_certificate_by_name() {
    let (greeted, mut greetings) = tokio::sync::mpsc::unbounded_channel();
    let destination = Destination::serving(move |mut stream| {
        let greeted = greeted.clone();
        async move {
            let kind = stream.read_u8().await.unwrap();
            let version = stream.read_u16().await.unwrap();
            let mut hello = vec![0; stream.read_u16().await.unwrap().into()];
            stream.read_exact(&mut hello).await.unwrap();
            greeted.send((kind, version, hello)).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let server = DevServer::start().await.unwrap();
    let url = destination.url("/").replace("http://127.0.0.1", "https://app.localhost");
    let reason = reason(&server, &url).await;
    assert!(reason.starts_with("connection failed: received corrupt message"), "{reason}");
    let (kind, version, hello) = greetings.recv().await.unwrap();
    assert_eq!((kind, version), (0x16, 0x0301));
    assert!(hello.windows(13).any(|window| window == b"app.localhost"));
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_a_failed_attempt() {
    let server = DevServer::start().await.unwrap();
    let gone = Destination::answering(200).await.url("/");
    let reason = reason(&server, &gone).await;
    assert!(reason.starts_with("connection failed: "), "{reason}");
}

#[tokio::test]
async fn a_destination_that_closes_at_once_is_a_failed_attempt() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::serving(async |stream| drop(stream)).await;
    let reason = reason(&server, &destination.url("/")).await;
    assert!(reason.starts_with("no valid response: "), "{reason}");
}

#[tokio::test]
async fn a_destination_that_speaks_no_http_is_a_failed_attempt() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::serving(async |mut stream| {
        read(&mut stream).await;
        stream.write_all(b"220 mail.example.com ESMTP\r\n").await.unwrap();
    })
    .await;
    let reason = reason(&server, &destination.url("/")).await;
    assert!(reason.starts_with("no valid response: "), "{reason}");
}

#[tokio::test]
async fn a_response_that_ends_too_early_is_a_failed_attempt() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::serving(async |mut stream| {
        read(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    })
    .await;
    let reason = reason(&server, &destination.url("/")).await;
    assert!(reason.starts_with("the response broke off: "), "{reason}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = DevServer::start().await.unwrap();
    let elsewhere = Destination::answering(200).await;
    let location = elsewhere.url("/");
    let destination = Destination::start(move |_| {
        format!("HTTP/1.1 307 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    })
    .await;
    let entry = failure(&server, &destination.url("/")).await;
    assert_eq!(entry.response_status, Some(307));
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn a_response_without_end_is_cut_off_at_ten_mebibytes() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::serving(async |mut stream| {
        read(&mut stream).await;
        stream.write_all(b"HTTP/1.1 500 x\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {}
    })
    .await;
    let entry = failure(&server, &destination.url("/")).await;
    assert_eq!(entry.response_status, Some(500));
    assert_eq!(entry.response_body.len(), 10 * 1024 * 1024);
}

#[tokio::test]
async fn a_head_of_60_kibibytes_is_read_and_one_of_200_is_not() {
    let server = DevServer::start().await.unwrap();
    for (length, status) in [(60 * 1024, Some(500)), (200 * 1024, None)] {
        let destination = Destination::start(move |_| {
            let padding = "x".repeat(length);
            format!("HTTP/1.1 500 x\r\nX-Padding: {padding}\r\nContent-Length: 0\r\n\r\n").into_bytes()
        });
        let entry = failure(&server, &destination.await.url("/")).await;
        assert_eq!(entry.response_status, status, "{length}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_a_failed_attempt() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::serving(async |mut stream| {
        read(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while stream.write_all(b"X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n").await.is_ok() {}
    })
    .await;
    let reason = reason(&server, &destination.url("/")).await;
    assert!(reason.starts_with("no valid response: "), "{reason}");
}

#[tokio::test]
async fn a_message_survives_a_bad_moment_of_its_destination() {
    let server = DevServer::start().await.unwrap();
    let attempts = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let destination = Destination::serving(move |mut stream| {
        let attempt = attempts.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async move {
            if attempt > 0 && read(&mut stream).await.is_some() {
                stream.write_all(&response(200, "")).await.unwrap();
            }
        }
    })
    .await;
    publish(&server, &destination.url("/")).accepted().await;
    server.advance(Duration::from_secs(13)).await;
    let log = server.log().await;
    let states: Vec<_> = log.iter().rev().map(|entry| entry.state.as_str()).collect();
    assert_eq!(states, ["CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "DELIVERED"]);
}
