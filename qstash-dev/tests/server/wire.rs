//! What goes on the wire: valid HTTP, over connections that are there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use qstash_dev::DevServer;
use qstash_types::{LogState, Url};
use qstash_verify::{Presented, Verifier};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use crate::{
    client::{call, publish},
    destination::{Connection, Destination, Received, read, response},
};

/// Publishes a message without retries to each URL, and returns the URLs that were accepted.
async fn accepted(server: &DevServer, urls: Vec<String>) -> Vec<String> {
    let no_retry = json!({ "Upstash-Retries": "0" });
    let items: Vec<_> =
        urls.iter().map(|url| json!({ "destination": url, "headers": no_retry, "body": url })).collect();
    let answer = call(server, "POST", "/v2/batch").body(serde_json::to_vec(&items).unwrap()).send().await;
    let Value::Array(answers) = answer.json() else { panic!("{}", answer.text()) };
    let both = urls.into_iter().zip(answers);
    both.filter(|(_, answer)| answer.get("messageId").is_some()).map(|(url, _)| url).collect()
}

/// The longest URL that is accepted. The verifier takes no token of more than 64 KiB.
const LONGEST_URL: usize = 16 * 1024;

/// Whether the bytes are those that RFC 3986 has in a path and a query.
fn is_request_target(target: &str) -> bool {
    target.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte))
}

#[tokio::test]
async fn what_is_accepted_is_called_by_a_valid_target_and_signed_as_it_was_written() {
    let destination = Destination::answering(200).await;
    let (address, port) = (&destination.authority, destination.authority.split_once(':').unwrap().1);
    let mut urls = Vec::new();
    for character in ('!'..='~').chain(['ä', '例', '🦀', '\u{a0}', '\u{202e}']) {
        urls.extend([
            format!("http://{address}/a{character}b"),
            format!("http://{address}/a?q={character}b"),
            format!("http://a{character}b.localhost:{port}/"),
            format!("http://u{character}v@{address}/"),
            format!("http://u:{character}v@{address}/x"),
        ]);
    }
    let longest = ["a", "<", "ä", "\"", "\\"].map(|long| {
        let base = format!("http://{address}/");
        let count = (LONGEST_URL - base.len()) / long.len();
        base + &long.repeat(count)
    });
    urls.extend(longest.clone());
    urls.extend([1, 4_000, 44_000, 54_000].map(|more| format!("{}{}", longest[0], "a".repeat(more))));
    // A few of the characters make another URL of it, to another host.
    let leads_here = |url: &String| {
        Url::parse(url).is_ok_and(|url| url.host().is_local() && url.port_or_default().to_string() == port)
    };
    let server = DevServer::start().await.unwrap();
    let mut accepted = accepted(&server, urls).await;
    server.settled().await;
    accepted.retain(leads_here);
    assert!(accepted.len() > 400, "{}", accepted.len());
    assert_eq!(
        accepted.iter().filter(|url| url.len() > 16_000).collect::<Vec<_>>(),
        Vec::from_iter(&longest)
    );

    let received = destination.received();
    for url in accepted {
        let received = received.iter().find(|received| received.body == url.as_bytes());
        let Some(received) = received else { panic!("{url} was accepted and is not called") };
        assert!(is_request_target(received.target()), "{}", received.target());
        assert!(received.header("host").unwrap().is_ascii());
        let verifier = Verifier::builder(server.signing_keys()).exact_url(&url).build().unwrap();
        let signature = received.header("upstash-signature").unwrap().as_bytes();
        let path_and_query =
            url.find("//").and_then(|start| url[start + 2..].find('/').map(|end| start + 2 + end));
        let request = Presented::new([signature], &url[path_and_query.unwrap()..]);
        let signed = verifier.verify(&request, received.body.clone(), SystemTime::now()).unwrap();
        assert_eq!(signed.claims().subject(), url);
    }
}

/// The verifier takes the target for what was signed, however it had to be spelled on the way.
#[tokio::test]
async fn a_receiver_accepts_the_target_that_it_is_called_by() {
    let destination = Destination::answering(200).await;
    let server = DevServer::start().await.unwrap();
    let characters = "<>\"`{}|^[]äß例🦀~!$&'()*+,;=:@%";
    let urls = ["a", "?q="].map(|before| format!("{}/{before}{characters}", destination.url("")));
    assert_eq!(accepted(&server, urls.to_vec()).await.len(), 2);
    server.settled().await;
    let verifier = Verifier::builder(server.signing_keys()).origin(destination.url("")).build().unwrap();
    for received in destination.received() {
        let signature = received.header("upstash-signature").unwrap().as_bytes();
        let request = Presented::new([signature], received.target());
        verifier.verify(&request, received.body.clone(), SystemTime::now()).unwrap();
    }
}

#[tokio::test]
async fn a_delivery_without_a_body_says_so_where_one_is_expected() {
    let destination = Destination::answering(200).await;
    let server = DevServer::start().await.unwrap();
    for (method, length) in
        [("POST", Some("0")), ("PUT", Some("0")), ("PATCH", Some("0")), ("GET", None), ("DELETE", None)]
    {
        publish(&server, &destination.url("/")).header("Upstash-Method", method).accepted().await;
        server.settled().await;
        let received = destination.received().pop().unwrap();
        assert!(received.line.starts_with(method));
        assert_eq!(received.header("content-length"), length, "{method}");
        assert_eq!(received.header("transfer-encoding"), None);
    }
}

#[tokio::test]
async fn what_the_connection_of_a_call_is_about_goes_no_further() {
    let destination = Destination::answering(200).await;
    let server = DevServer::start().await.unwrap();
    let hop_by_hop = ["connection", "upgrade", "http2-settings", "x-hop", "keep-alive", "te"];
    publish(&server, &destination.url("/"))
        .without("Connection")
        .header("Connection", "close, Upgrade, HTTP2-Settings")
        .header("Connection", "X-HOP")
        .header("Upgrade", "h2c")
        .header("Http2-Settings", "AAMAAABk")
        .header("Keep-Alive", "timeout=5")
        .header("TE", "trailers")
        .header("X-Hop", "1")
        .header("X-End", "2")
        .header("Upstash-Header-Forward", "true")
        .accepted()
        .await;
    server.settled().await;
    let received = destination.received().pop().unwrap();
    assert_eq!(hop_by_hop.map(|name| received.header(name)), [None; 6]);
    assert_eq!(received.header("x-end"), Some("2"));
}

#[tokio::test]
async fn user_and_password_in_a_url_are_sent_as_credentials() {
    let destination = Destination::answering(200).await;
    let server = DevServer::start().await.unwrap();
    // The value of the second one is that of RFC 7617, section 2.1.
    for (user_info, credentials) in [
        ("Aladdin:open%20sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test:123%C2%A3", "Basic dGVzdDoxMjPCow=="),
        ("user", "Basic dXNlcjo="),
    ] {
        let url = format!("http://{user_info}@{}/", destination.authority);
        publish(&server, &url).accepted().await;
        server.settled().await;
        let received = destination.received().pop().unwrap();
        assert_eq!(received.header("authorization"), Some(credentials));
        assert_eq!(received.header("host"), Some(&*destination.authority));
    }
    let url = format!("http://user:password@{}/", destination.authority);
    publish(&server, &url).header("Upstash-Forward-Authorization", "Bearer own").accepted().await;
    server.settled().await;
    let received: Vec<Received> = destination.received();
    assert_eq!(received.last().unwrap().header("authorization"), Some("Bearer own"), "who says more wins");
}

/// Publishes messages without retries one after the other, each as soon as the one before has ended, and counts failures.
async fn failures(server: &DevServer, url: &str, messages: usize) -> usize {
    for _ in 0..messages {
        publish(server, url).header("Upstash-Retries", "0").accepted().await;
        server.settled().await;
    }
    server.dead_letters().await.len()
}

/// A connection that ends a moment after its answer, without notice, takes a request along that was sent meanwhile. After the
/// first one, which a busy machine may cost, no connection of that destination is used twice.
#[tokio::test]
async fn a_destination_that_closes_each_connection_unannounced_costs_one_attempt_at_most() {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    let destination = Destination::serving(move |mut stream| {
        let count = count.clone();
        async move {
            if read(&mut stream).await.is_some() {
                count.fetch_add(1, Ordering::Relaxed);
                stream.write_all(&response(200, "")).await.unwrap();
                sleep(Duration::from_millis(1)).await;
            }
        }
    })
    .await;
    let server = DevServer::start().await.unwrap();
    let failures = failures(&server, &destination.url("/"), 200).await;
    assert!(failures <= 1, "{failures} of 200 messages are lost");
    assert_eq!(requests.load(Ordering::Relaxed), 200 - failures, "each other message arrives once");
}

#[tokio::test]
async fn a_connection_is_used_again_after_it_has_rested() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let destination = Destination::serving(move |mut stream| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            while read(&mut stream).await.is_some() {
                stream.write_all(&response(200, "")).await.unwrap();
            }
        }
    })
    .await;
    let server = DevServer::start().await.unwrap();
    assert_eq!(failures(&server, &destination.url("/"), 300).await, 0);
    let connections = connections.load(Ordering::Relaxed);
    assert!(connections < 100, "{connections} connections for 300 messages");
}

/// A handler that panics closes its connection without an answer. Whether it ran is known to it alone, so it must not run again
/// in the same attempt, on whichever connection that came.
#[tokio::test]
async fn a_request_that_was_read_and_not_answered_is_one_attempt() {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let destination = Destination::serving(move |mut stream: Connection| {
        let count = count.clone();
        async move {
            while let Some(request) = read(&mut stream).await {
                if request.path() == "/panic" {
                    count.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                stream.write_all(&response(200, "")).await.unwrap();
            }
        }
    })
    .await;
    let server = DevServer::start().await.unwrap();
    for round in 1..=20 {
        // Leaves a connection behind that can be used again.
        assert_eq!(failures(&server, &destination.url("/"), 3).await, round - 1);
        publish(&server, &destination.url("/panic")).header("Upstash-Retries", "1").accepted().await;
        server.advance(Duration::from_secs(3600)).await;
        assert_eq!(runs.load(Ordering::Relaxed), 2 * round, "a first attempt and a retry");
    }
    let errors = server.log().await.into_iter().filter(|entry| entry.state == LogState::Error);
    assert_eq!(errors.count(), 40);
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_as_everything_else_is() {
    let server = DevServer::start().await.unwrap();
    let many = "x: y\r\n".repeat(200);
    let long = format!("x: {}\r\n", "y".repeat(1_000_000));
    for (head, status, error) in [
        ("nonsense\r\n\r\n".to_owned(), 400, "the request is not valid HTTP/1.1"),
        ("GET /v2/keys HTTP/1.1\r\nbad header\r\n\r\n".to_owned(), 400, "the request is not valid HTTP/1.1"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000)), 414, "the request target is too long"),
        (
            format!("GET / HTTP/1.1\r\n{many}\r\n"),
            431,
            "the head of the request is too long, or has too many headers",
        ),
        (
            format!("GET / HTTP/1.1\r\n{long}\r\n"),
            431,
            "the head of the request is too long, or has too many headers",
        ),
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // The server need not read all of it.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{status} {head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({ "error": error }));
    }
}
