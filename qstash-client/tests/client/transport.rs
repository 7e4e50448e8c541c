//! The transports that come with features, against a server on loopback that records bytes. Which one: reqwest where that
//! feature is on, and otherwise hyper.

use std::time::Duration;

use qstash_client::{Client, Error, Message, RetryPolicy};
#[cfg(any(feature = "reqwest", feature = "__tls"))]
use tokio::net::TcpListener;
#[cfg(feature = "__tls")]
use tokio::{io::AsyncWriteExt, time::timeout};

#[cfg(feature = "__tls")]
use crate::loopback;
#[cfg(feature = "reqwest")]
use crate::loopback::http_client;
use crate::{
    loopback::{RawServer, http_answer, refusing},
    support::ACCEPTED,
};

fn client(url: &str) -> Client {
    Client::new(url, "t").unwrap()
}

fn impatient(url: &str) -> Client {
    let builder = Client::builder().base_url(url).token("t");
    builder.retry(RetryPolicy::never()).build().unwrap()
}

fn message() -> Message {
    Message::to("https://example.com")
}

#[tokio::test]
async fn the_destination_arrives_byte_for_byte() {
    let server = RawServer::accepting().await;
    let client = client(&server.url);
    let destinations = [
        "https://example.com",
        "https://example.com/",
        "https://example.com/?foo=bar",
        "https://example.com/123/?asdasd=ooo",
        "https://example.com?foo=bar",
        "https://example.com//a//b/",
        "https://example.com/a%2Fb%2fc/%41",
        "https://example.com/100%/%zz",
        "https://example.com/it's",
        "https://example.com/~user/a|b/[c]/d;e=f,g:h@i&j=k+l$m!n*o(p)",
        "https://example.com/?a=|&b=[c]&d=~&e=/?/..//%27&f=a+b%20c",
        "https://example.com/?url=https://other.example/../x?y=z",
        "https://example.com/.../a.b/..c",
        "HTTPS://Example.COM:443/Path",
        "http://user:pass@example.com:8080/x",
        "http://[::1]:8080/x",
        "https://example.com/a?",
    ];
    // In turn and once more each, since the transport may remember the latest URLs.
    let destinations = destinations.iter().chain(&destinations).flat_map(|destination| [destination; 2]);
    for destination in destinations.clone() {
        client.publish(Message::to(*destination)).await.unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), destinations.clone().count());
    for (request, destination) in requests.iter().zip(destinations) {
        let line = request.lines().next().unwrap();
        assert_eq!(line, format!("POST /v2/publish/{destination} HTTP/1.1"));
    }
}

#[tokio::test]
async fn headers_and_body_arrive() {
    let server = RawServer::accepting().await;
    let published = client(&server.url)
        .publish(message().text("hällo").retries(2).forward("X-Trace", "a=1"))
        .await
        .unwrap();
    assert_eq!(published.message_id().as_str(), "msg_1");
    let request = &server.requests()[0];
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "hällo");
    let hosts: Vec<_> = head.lines().filter_map(|line| line.strip_prefix("host: ")).collect();
    assert_eq!(hosts, [server.url.strip_prefix("http://").unwrap()]);
    for line in [
        "authorization: Bearer t",
        "content-length: 6",
        "content-type: text/plain; charset=utf-8",
        "upstash-retries: 2",
        "upstash-forward-x-trace: a=1",
        concat!("user-agent: qstash-client/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(head.lines().any(|own| own == line), "{line} is not in {head}");
    }
}

#[tokio::test]
async fn an_empty_body_has_a_length() {
    let server = RawServer::accepting().await;
    client(&server.url).publish(message()).await.unwrap();
    assert!(server.requests()[0].contains("\r\ncontent-length: 0\r\n"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let target = RawServer::accepting().await;
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let headers = format!("location: {}/v2/publish/x\r\ncontent-length: 0\r\n", target.url);
        let server = RawServer::start(http_answer(status, &headers, "")).await;
        let error = client(&server.url).publish(message()).await.unwrap_err();
        assert!(error.status().unwrap().is_redirection());
        assert!(!error.is_retryable());
        assert_eq!(server.requests().len(), 1);
    }
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn a_refused_connection_did_not_reach_the_server() {
    let (url, _socket) = refusing();
    let error = impatient(&url).publish(Message::to("https://example.com/?CANARY")).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)));
    assert!(error.is_retryable() && !error.is_ambiguous() && !error.is_timeout());
    let chain = chain(&error);
    assert!(chain.contains(&url), "{chain} does not name the server");
    assert!(!chain.contains("CANARY") && !format!("{error:?}").contains("CANARY"), "{chain}");
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_ambiguous() {
    let server = RawServer::start("").await;
    let error = impatient(&server.url).publish(message()).await.unwrap_err();
    assert!(error.is_retryable() && error.is_ambiguous());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn garbage_and_half_an_answer_are_ambiguous() {
    let half = http_answer("200 OK", "content-length: 1000\r\n", ACCEPTED);
    for answer in ["SSH-2.0-OpenSSH_9.6\r\n", &half] {
        let server = RawServer::start(answer).await;
        let error = impatient(&server.url).publish(message()).await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)), "{error:?}");
        assert!(error.is_ambiguous());
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused_and_not_asked_for_again() {
    let body = vec![b' '; 65 * 1024 * 1024];
    let mut answer = http_answer("200 OK", "", "").into_bytes();
    answer.extend(body);
    let server = RawServer::start(answer).await;
    let error = client(&server.url).dlq().list().await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)));
    assert_eq!(chain(&error), "the answer of QStash is too long: it has more than 67108864 bytes");
    assert!(!error.is_retryable() && error.is_ambiguous());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_dead_letter_with_two_large_bodies_can_be_read() {
    let body = "AAAA".repeat(10_000_000 / 3);
    let letter = format!(
        r#"{{"dlqId":"1-0","messageId":"m","url":"u","createdAt":1,"bodyBase64":"{body}","responseBodyBase64":"{body}"}}"#
    );
    let server = RawServer::start(http_answer("200 OK", "", &letter)).await;
    let letter = client(&server.url).dead_letter("1-0").get().await.unwrap();
    assert_eq!(letter.message.delivery.body.len() + letter.response_body.len(), 2 * 9_999_999);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_id() {
    let server = RawServer::start("").await;
    let policy = RetryPolicy::default().retries(2).first_wait(Duration::ZERO);
    let client = Client::builder().base_url(&*server.url).token("t").retry(policy).build().unwrap();
    let error = client.publish(message()).await.unwrap_err();
    let id = format!("upstash-deduplication-id: {}\r\n", error.deduplication_id().unwrap());
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.contains(&id)));
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a_reqwest_client_of_the_caller_is_used() {
    let server = RawServer::accepting().await;
    let own = http_client()
        .default_headers([("x-own".parse().unwrap(), "1".parse().unwrap())].into_iter().collect())
        .build()
        .unwrap();
    let client = Client::builder().base_url(&*server.url).token("t").http_client(own).build().unwrap();
    client.publish(message()).await.unwrap();
    assert!(server.requests()[0].contains("\r\nx-own: 1\r\n"));
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn what_reqwest_refuses_to_send_was_not_sent() {
    let server = RawServer::accepting().await;
    let only_https = http_client().https_only(true).build().unwrap();
    let builder = Client::builder().base_url(&*server.url).token("t").retry(RetryPolicy::never());
    let error = builder.http_client(only_https).build().unwrap().publish(message()).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)) && !error.is_ambiguous(), "{error:?}");
    assert!(server.requests().is_empty());
}

#[cfg(feature = "__tls")]
#[tokio::test]
async fn https_to_a_port_without_tls_says_to_write_http_and_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let connections = tokio::spawn(async move {
        let mut connections = 0;
        while let Ok(Ok((mut stream, _))) = timeout(Duration::from_secs(5), listener.accept()).await {
            // What is not HTTP is answered at once.
            let answer = http_answer("400 Bad Request", "content-length: 0\r\n", "");
            stream.write_all(answer.as_bytes()).await.unwrap();
            connections += 1;
        }
        connections
    });
    let error = loopback::builder(&url).build().unwrap().publish(message()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the server at {url} does not speak TLS, write http:// in the base URL (errors.md#plain-server)"
        )
    );
    assert!(!error.is_retryable() && !error.is_ambiguous());
    tokio::time::pause();
    assert_eq!(connections.await.unwrap(), 1);
}

#[cfg(feature = "__tls")]
#[tokio::test(start_paused = true)]
async fn a_handshake_without_an_answer_is_given_up_when_the_time_to_connect_is_over() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let builder = Client::builder().base_url(url).token("t").retry(RetryPolicy::never());
    let client = builder.connect_timeout(Duration::from_secs(3)).build().unwrap();
    let started = tokio::time::Instant::now();
    let error = client.publish(message()).await.unwrap_err();
    assert!(error.is_timeout() && !error.is_ambiguous(), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// Linux drops what comes to a port whose queue is full, as a network does that leads nowhere.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_where_nobody_answers_is_given_up_when_the_time_to_connect_is_over() {
    use tokio::{
        net::{TcpSocket, TcpStream},
        time::timeout,
    };

    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(queued) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(queued.unwrap());
    }
    let builder =
        Client::builder().base_url(format!("http://{address}")).token("t").retry(RetryPolicy::never());
    let client = builder.connect_timeout(Duration::from_millis(100)).build().unwrap();
    let error = client.publish(message()).await.unwrap_err();
    assert!(error.is_timeout() && !error.is_ambiguous(), "{error:?}");
}

#[tokio::test]
async fn a_refused_connection_names_the_server_and_the_cause_when_main_returns_it() {
    let (url, _socket) = refusing();
    let text = format!("{:?}", impatient(&url).publish(message()).await.unwrap_err());
    let start = format!(
        "could not connect to QStash at {url}, does `qstash-dev` run there? (errors.md#no-connection): "
    );
    assert!(text.starts_with(&start) && text.contains("refused"), "{text}");
}

#[cfg(feature = "reqwest")]
#[tokio::test(start_paused = true)]
async fn a_time_limit_of_the_callers_reqwest_client_is_a_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = http_client().timeout(Duration::from_secs(1)).build().unwrap();
    let client = Client::builder()
        .base_url(format!("http://{}", silent.local_addr().unwrap()))
        .token("t")
        .retry(RetryPolicy::never())
        .http_client(own)
        .build()
        .unwrap();
    assert!(client.publish(message()).await.unwrap_err().is_timeout());
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn calls_go_through_the_proxy_that_was_set() {
    let proxy = RawServer::accepting().await;
    let client = Client::builder()
        .base_url("http://qstash.example")
        .token("t")
        .proxy(proxy.url.replace("http://", "http://me:secret@"))
        .build()
        .unwrap();
    client.publish(Message::to("https://h/x")).await.unwrap();
    let request = &proxy.requests()[0];
    assert!(
        request.starts_with("POST http://qstash.example/v2/publish/https://h/x HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\nproxy-authorization: Basic "), "{request}");
}

#[cfg(feature = "reqwest")]
#[test]
fn a_proxy_that_is_no_url_is_refused_without_being_shown() {
    let error = Client::builder()
        .base_url("http://qstash.example")
        .token("t")
        .proxy("http://me:CANARY@:bad port")
        .build()
        .unwrap_err();
    assert_eq!(error.setting(), "proxy");
    assert!(!format!("{error:?} {error}").contains("CANARY"));
}

#[cfg(all(feature = "hyper", feature = "reqwest"))]
#[tokio::test]
async fn hyper_can_be_chosen_beside_reqwest_and_knows_no_proxy() {
    let server = RawServer::accepting().await;
    let builder = Client::builder().base_url(&*server.url).token("t").hyper();
    builder.clone().build().unwrap().publish(message()).await.unwrap();
    // reqwest adds this header to each request.
    assert!(!server.requests()[0].contains("\r\naccept: "));
    assert_eq!(builder.proxy("http://proxy.example").build().unwrap_err().setting(), "proxy");
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
