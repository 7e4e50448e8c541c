//! Where connections go, and what stays what it is when they go elsewhere.

use std::time::SystemTime;

use qstash_dev::{DevServer, DevServerBuilder};
use qstash_types::{LogEntry, LogState};
use qstash_verify::{Presented, Verifier};

use crate::{client::publish, destination::Destination};

async fn start(builder: DevServerBuilder) -> DevServer {
    builder.start().await.unwrap()
}

/// Publishes a message without retries, and returns how its attempt ended.
async fn attempt(server: &DevServer, url: &str) -> LogEntry {
    let id = publish(server, url).header("Upstash-Retries", "0").accepted().await;
    server.settled().await;
    let log = server.log().await.into_iter();
    let ended = |state: &LogState| matches!(state, LogState::Delivered | LogState::Error);
    let mut ends = log.filter(|entry| entry.message_id.as_str() == id && ended(&entry.state));
    ends.next().unwrap()
}

#[tokio::test]
async fn only_the_connection_goes_elsewhere() {
    let destination = Destination::answering(200).await;
    let server = start(DevServer::builder().map_host("api.example.com", destination.url(""))).await;
    for (url, host) in [
        ("https://api.example.com/hook?a=1", "api.example.com"),
        ("http://api.example.com/hook?a=1", "api.example.com"),
        ("https://api.example.com:8443/hook?a=1", "api.example.com:8443"),
    ] {
        let entry = attempt(&server, url).await;
        assert_eq!((&entry.state, entry.url.as_str()), (&LogState::Delivered, url));
        let received = destination.received().pop().unwrap();
        assert_eq!((received.target(), received.header("host")), ("/hook?a=1", Some(host)));
        let verifier = Verifier::builder(server.signing_keys()).exact_url(url).build().unwrap();
        let signature = received.header("upstash-signature").unwrap();
        let request = Presented::new([signature.as_bytes()], received.target());
        let signed = verifier.verify(&request, received.body.clone(), SystemTime::now()).unwrap();
        assert_eq!(signed.claims().subject(), url);
    }
}

#[tokio::test]
async fn the_narrower_mapping_goes_before_the_wider_one_and_the_later_before_the_earlier() {
    let destinations = [
        Destination::answering(200).await,
        Destination::answering(200).await,
        Destination::answering(200).await,
        Destination::answering(200).await,
    ];
    let [with_port, named, here, rest] = destinations.each_ref().map(|destination| destination.url("/"));
    let server = DevServer::builder()
        .map_host("*", rest)
        .map_host("API.example.com", "http://127.0.0.1:9")
        .map_host("API.example.com", named)
        .map_host("api.example.com:8443", with_port)
        .map_host("app.localhost", here);
    let server = start(server).await;
    let direct = Destination::answering(200).await;
    for (url, expected) in [
        ("https://api.example.com:8443/", &destinations[0]),
        ("https://api.example.com/", &destinations[1]),
        ("http://api.EXAMPLE.com:8080/", &destinations[1]),
        ("http://app.localhost:5000/", &destinations[2]),
        ("https://www.example.com/", &destinations[3]),
        ("http://192.0.2.1/", &destinations[3]),
        (&direct.url("/"), &direct),
    ] {
        let before = expected.received().len();
        assert_eq!(attempt(&server, url).await.state, LogState::Delivered, "{url}");
        assert_eq!(expected.received().len(), before + 1, "{url}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_called_says_how_to_allow_it() {
    let server = start(DevServer::builder().map_host("example.com:1", "http://127.0.0.1:9")).await;
    for host in ["example.com", "192.168.0.1", "127.0.0.1.example.com", "localhost.example.com"] {
        let entry = attempt(&server, &format!("http://{host}:2/hook")).await;
        let expected = format!(
            "connection failed: {host} is not on this machine; --map-host {host}=http://127.0.0.1:PORT sends its \
             requests here, --allow-internet lets them out"
        );
        assert_eq!((entry.response_status, entry.error.as_deref()), (None, Some(expected.as_str())));
    }
}

#[tokio::test]
async fn a_host_that_is_not_called_is_tried_again() {
    let server = DevServer::start().await.unwrap();
    publish(&server, "http://example.com/").header("Upstash-Retries", "1").accepted().await;
    server.advance(std::time::Duration::from_secs(60)).await;
    let log = server.log().await;
    assert_eq!(log.iter().filter(|entry| entry.state == LogState::Error).count(), 2);
    assert_eq!(server.dead_letters().await.len(), 1);
}

#[tokio::test]
async fn what_is_neither_here_nor_mapped_is_called_where_that_is_allowed() {
    // A link-local address without an interface: the system refuses to connect to it, and sends nothing.
    let url = "http://[fe80::1]:9/";
    let is_refused = async |server: &DevServer| {
        let entry = attempt(server, url).await;
        assert_eq!(entry.state, LogState::Error);
        entry.error.unwrap().contains("is not on this machine")
    };
    assert!(is_refused(&DevServer::start().await.unwrap()).await);
    assert!(!is_refused(&start(DevServer::builder().allow_internet()).await).await);
}

#[tokio::test]
async fn this_machine_is_called_by_every_name_it_has() {
    let destination = Destination::answering(200).await;
    let server = DevServer::start().await.unwrap();
    for host in [
        "localhost",
        "LOCALHOST.",
        "api.localhost",
        "127.1",
        "0x7f.0.0.1",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::ffff:0:0]",
        "[::]",
    ] {
        let url = destination.url("/").replace("127.0.0.1", host);
        let entry = attempt(&server, &url).await;
        assert_eq!(entry.state, LogState::Delivered, "{url}: {:?}", entry.error);
    }
}

#[tokio::test]
async fn a_mapping_that_cannot_be_meant_is_refused_at_the_start() {
    let refused = async |host: &str, target: &str| {
        let builder = DevServer::builder().map_host(host, target);
        builder.start().await.unwrap_err().to_string()
    };
    for host in ["", "http://a.example", "a.example/x", "u@a.example", "a.example:x", "*:80", ":80"] {
        let expected =
            format!("cannot map {host:?} to \"http://127.0.0.1:1\": the host must be HOST, HOST:PORT or *");
        assert_eq!(refused(host, "http://127.0.0.1:1").await, expected);
    }
    assert!(refused("BÜCHER.example", "http://127.0.0.1:1").await.contains("punycode"));
    for target in [
        "",
        "127.0.0.1:1",
        "https://127.0.0.1:1",
        "http://",
        "http://:80",
        "http://127.0.0.1:1/x",
        "http://127.0.0.1:1?x",
        "http://127.0.0.1:70000",
        "http://u:p@127.0.0.1:1",
    ] {
        let expected = format!(
            "cannot map \"a.example\" to {target:?}: the target must be http://HOST:PORT, without a path"
        );
        assert_eq!(refused("a.example", target).await, expected);
    }
}
