//! Destinations that take their time, or say more than they should: an attempt ends within its timeout, and the log tells the
//! truth about it.

use std::{future, time::Duration};

use qstash_dev::DevServer;
use qstash_types::{LogEntry, LogState};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
    task::yield_now,
    time::sleep,
};

use crate::{
    client::{get, publish},
    destination::{Connection, Destination, read, response},
};

const MIB: usize = 1024 * 1024;

/// A server that does not wait long, in real time, before it lets time go on.
async fn impatient() -> DevServer {
    DevServer::builder().patience(Duration::from_millis(50)).start().await.unwrap()
}

/// Publishes a message with one attempt that may take 30 seconds, lets a minute pass, and returns how the attempt ended.
async fn outcome(server: &DevServer, destination: &Destination) -> LogEntry {
    publish(server, &destination.url("/"))
        .header("Upstash-Timeout", "30s")
        .header("Upstash-Retries", "0")
        .accepted()
        .await;
    server.advance(Duration::from_secs(60)).await;
    let ended = |entry: &LogEntry| matches!(entry.state, LogState::Delivered | LogState::Error);
    server.log().await.into_iter().find(ended).expect("the attempt has ended")
}

/// Sends the beginning at once, and then the same byte once a second.
async fn trickle(mut stream: Connection, beginning: &str, byte: u8) {
    read(&mut stream).await;
    stream.write_all(beginning.as_bytes()).await.unwrap();
    while stream.write_all(&[byte]).await.is_ok() {
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn an_answer_that_trickles_is_a_failed_attempt_at_the_end_of_its_time() {
    for (beginning, byte) in [
        ("", b'H'),
        ("HTTP/1.1 200 OK\r\nX: ", b'x'),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b'x'),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n", b'x'),
        ("HTTP/1.1 200 OK\r\n\r\n", b'x'),
    ] {
        let server = impatient().await;
        let destination = Destination::serving(move |stream| trickle(stream, beginning, byte)).await;
        let entry = outcome(&server, &destination).await;
        let expected = Some("no response within 30s");
        assert_eq!((entry.error.as_deref(), entry.response_status), (expected, None), "{beginning:?}");
        assert_eq!(server.dead_letters().await.len(), 1);
    }
}

#[tokio::test]
async fn a_destination_that_takes_no_body_is_a_failed_attempt_at_the_end_of_its_time() {
    let server = impatient().await;
    let destination = Destination::serving(async |stream| {
        let _stream = stream;
        future::pending::<()>().await;
    })
    .await;
    publish(&server, &destination.url("/"))
        .header("Upstash-Timeout", "30s")
        .header("Upstash-Retries", "0")
        .body(vec![0; 9 * MIB])
        .accepted()
        .await;
    server.advance(Duration::from_secs(60)).await;
    assert_eq!(server.log().await[1].error.as_deref(), Some("no response within 30s"));
}

#[tokio::test]
async fn informational_responses_are_no_answer_and_the_final_one_counts() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::start(|_| {
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
        let before = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n{hints}");
        [before.as_bytes(), &response(500, "final")].concat()
    })
    .await;
    let entry = outcome(&server, &destination).await;
    assert_eq!((entry.response_status, &*entry.response_body), (Some(500), b"final".as_slice()));
}

#[tokio::test]
async fn informational_responses_without_end_hold_nobody_else_up() {
    let server = impatient().await;
    let destination = Destination::serving(async |mut stream| {
        read(&mut stream).await;
        while stream.write_all(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)).await.is_ok() {
            yield_now().await;
        }
    })
    .await;
    let entry = outcome(&server, &destination).await;
    assert_eq!(entry.error.as_deref(), Some("no response within 30s"));
    let good = Destination::answering(200).await;
    assert_eq!(outcome(&server, &good).await.state, LogState::Delivered);
}

#[tokio::test]
async fn a_protocol_that_nobody_wants_to_switch_to_is_a_failed_attempt() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::serving(async |mut stream| {
        read(&mut stream).await;
        let switch =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello";
        stream.write_all(switch.as_bytes()).await.unwrap();
        future::pending::<()>().await;
    })
    .await;
    let entry = outcome(&server, &destination).await;
    assert_eq!((entry.state, entry.response_status), (LogState::Error, Some(101)));
}

#[tokio::test]
async fn of_an_answer_of_a_gibibyte_ten_mebibytes_are_read_and_its_status_counts() {
    let server = DevServer::start().await.unwrap();
    let (told, mut written) = mpsc::unbounded_channel();
    let destination = Destination::serving(move |mut stream| {
        let told = told.clone();
        async move {
            read(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n").await.unwrap();
            let mut written = 0;
            while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {
                written += 16 * 1024;
            }
            told.send(written).unwrap();
        }
    })
    .await;
    let entry = outcome(&server, &destination).await;
    assert_eq!(entry.state, LogState::Delivered);
    let story = get(&server, &format!("/dev/messages/{}", entry.message_id)).send().await.json();
    let kept = story["events"].as_array().unwrap().last().unwrap()["responseBody"].as_str().unwrap().len();
    assert_eq!(kept, (10 * MIB).div_ceil(3) * 4);
    // What was taken beyond is in the buffers of the system.
    let taken: usize = written.recv().await.unwrap();
    assert!(taken < 64 * MIB, "{taken} bytes were taken");
}

#[tokio::test]
async fn an_answer_whose_length_makes_no_sense_is_a_failed_attempt() {
    let server = DevServer::start().await.unwrap();
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no valid response: "),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "no valid response: "),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "no valid response: "),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "the response broke off: "),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "the response broke off: ",
        ),
        ("HTTP/1.1 99 Low\r\n\r\n", "no valid response: "),
        ("HTTP/2 200\r\n\r\n", "no valid response: "),
        ("\u{16}\u{3}\u{1}\r\n\r\n", "no valid response: "),
    ] {
        let destination = Destination::start(|_| answer.as_bytes().to_vec()).await;
        let entry = outcome(&server, &destination).await;
        let error = entry.error.unwrap_or_default();
        assert!(entry.response_status.is_none() && error.starts_with(expected), "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_is_read_counts() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::serving(async |mut stream| {
        stream.read_u8().await.unwrap();
        stream.write_all(&response(413, "too long")).await.unwrap();
        future::pending::<()>().await;
    })
    .await;
    publish(&server, &destination.url("/"))
        .header("Upstash-Retries", "0")
        .body(vec![0; 9 * MIB])
        .accepted()
        .await;
    server.settled().await;
    let log = server.log().await;
    assert_eq!((log[1].response_status, &*log[1].response_body), (Some(413), b"too long".as_slice()));
}
