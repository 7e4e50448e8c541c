//! How a server ends: at once, or when what it has begun is done.

use std::sync::Arc;

use qstash_dev::DevServer;
use qstash_types::LogState;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, mpsc},
};

use crate::{
    client::{get, publish},
    destination::{Destination, read, response},
};

/// A destination that tells when a request has arrived, and answers when it is told to.
async fn slow() -> (Destination, mpsc::UnboundedReceiver<String>, Arc<Notify>) {
    let (arrived, arrivals) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let gate = go_on.clone();
    let destination = Destination::serving(move |mut stream| {
        let (arrived, gate) = (arrived.clone(), gate.clone());
        async move {
            while let Some(request) = read(&mut stream).await {
                arrived.send(request.path().to_owned()).unwrap();
                gate.notified().await;
                stream.write_all(&response(200, "done")).await.unwrap();
                arrived.send("answered".to_owned()).unwrap();
            }
        }
    })
    .await;
    (destination, arrivals, go_on)
}

#[tokio::test]
async fn a_server_that_finishes_lets_attempts_come_to_their_end_and_begins_no_other() {
    let (destination, mut arrivals, go_on) = slow().await;
    let server = DevServer::start().await.unwrap();
    publish(&server, &destination.url("/work"))
        .header("Upstash-Callback", &destination.url("/callback"))
        .accepted()
        .await;
    assert_eq!(arrivals.recv().await.unwrap(), "/work");

    let address = server.address();
    let idle = TcpStream::connect(address).await.unwrap();
    let finishing = tokio::spawn(server.finish());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!finishing.is_finished());
    go_on.notify_one();
    assert_eq!(arrivals.recv().await.unwrap(), "answered");
    finishing.await.unwrap();
    drop(idle);
    assert!(arrivals.try_recv().is_err());
}

/// Finishes a server while this call is being made, and returns its answer.
async fn answer_of_a_server_that_finishes(server: DevServer, target: &str, body: &str) -> String {
    let (address, token) = (server.address(), server.token().to_owned());
    let mut call = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    call.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    call.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 "));

    let finishing = tokio::spawn(server.finish());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!finishing.is_finished());
    call.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    call.read_to_string(&mut answer).await.unwrap();
    finishing.await.unwrap();
    answer
}

#[tokio::test]
async fn a_server_that_finishes_answers_the_calls_that_were_made() {
    let server = DevServer::start().await.unwrap();
    let answer = answer_of_a_server_that_finishes(server, "/v2/publish/http://127.0.0.1:9/", "body").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("messageId"), "{answer}");
}

#[tokio::test]
async fn a_server_that_finishes_keeps_nobody_waiting_for_what_no_longer_comes() {
    let server = DevServer::start().await.unwrap();
    let id = publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
    let body = format!(r#"{{"messageId": "{id}", "state": "DELIVERED", "timeout": "5s"}}"#);
    let answer = answer_of_a_server_that_finishes(server, "/dev/wait", &body).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("shutting down"), "{answer}");
}

#[tokio::test]
async fn a_server_with_nothing_to_do_finishes_whatever_waits_for_later() {
    let server = DevServer::start().await.unwrap();
    publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
    assert_eq!(server.log().await.first().unwrap().state, LogState::Created);
    server.finish().await;
}

#[tokio::test]
async fn logs_have_an_address_of_their_own_where_that_is_wanted() {
    let mut server = DevServer::start().await.unwrap();
    publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
    let address = server.serve_logs(([127, 0, 0, 1], 0)).await.unwrap();
    let at_logs = |target: &str| get(&server, target).to(address);
    assert_eq!(at_logs("/v2/logs").send().await.json()["logs"][0]["state"], "CREATED");
    assert_eq!(at_logs("/v2/events").send().await.json()["events"][0]["state"], "CREATED");
    assert_eq!(at_logs("/v2/logs").without("Authorization").send().await.status, 401);
    assert_eq!(at_logs("/v2/logs").header("Origin", "https://example.com").send().await.status, 403);
    for elsewhere in ["/v2/keys", "/v2/dlq", "/"] {
        assert_eq!(at_logs(elsewhere).send().await.status, 404, "{elsewhere}");
    }

    let error = server.serve_logs(address).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address} (errors.md#listen)"));
    server.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}
