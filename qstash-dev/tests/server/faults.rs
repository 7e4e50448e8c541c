//! What goes wrong on demand, and waiting for what happens.

use std::time::SystemTime;

use std::time::Duration;

use qstash_dev::{DevServer, Fault};
use qstash_types::LogState;
use qstash_verify::{Presented, Verifier};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    client::{get, publish},
    destination::{Destination, Received},
};

async fn delivered(fault: Fault) -> (DevServer, Vec<Received>) {
    let server = DevServer::builder().fault(fault).start().await.unwrap();
    let destination = Destination::answering(200).await;
    publish(&server, &destination.url("/a")).accepted().await;
    publish(&server, &destination.url("/b")).header("Upstash-Delay", "1h").accepted().await;
    server.settled().await;
    (server, destination.received())
}

fn is_genuine(server: &DevServer, received: &Received) -> bool {
    let verifier = Verifier::builder(server.signing_keys()).any_destination().build().unwrap();
    let signature = received.header("upstash-signature").unwrap().to_owned();
    let request = Presented::new([signature.as_bytes()], received.target());
    verifier.verify(&request, "", SystemTime::now()).is_ok()
}

#[tokio::test]
async fn a_delivery_can_arrive_twice() {
    let (server, received) = delivered(Fault::DuplicatedDelivery).await;
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].header("upstash-message-id"), received[1].header("upstash-message-id"));
    assert_eq!(server.deliveries().await.len(), 1);
}

#[tokio::test]
async fn a_delivery_can_arrive_after_its_token_has_expired() {
    let (server, received) = delivered(Fault::LateDelivery).await;
    assert!(!is_genuine(&server, &received[0]));
}

#[tokio::test]
async fn an_acknowledgement_can_be_lost() {
    let (server, received) = delivered(Fault::LostAcknowledgement).await;
    assert_eq!(received.len(), 1);
    assert!(server.deliveries().await.is_empty());
    let error = server.log().await.into_iter().find(|entry| entry.state == LogState::Error).unwrap();
    assert_eq!(error.error.as_deref(), Some("the response was lost"));
    assert!(error.next_delivery_time.is_some());
}

#[tokio::test]
async fn keys_can_be_rotated_while_a_delivery_is_under_way() {
    let (server, received) = delivered(Fault::RotatedKeys).await;
    assert!(!is_genuine(&server, &received[0]), "the key that signed is no longer one of the two");
}

#[tokio::test]
async fn a_delivery_can_be_overtaken() {
    let server = DevServer::builder().fault(Fault::OvertakenDelivery).start().await.unwrap();
    let destination = Destination::answering(200).await;
    publish(&server, &destination.url("/first")).accepted().await;
    publish(&server, &destination.url("/second")).accepted().await;
    server.settled().await;
    let paths: Vec<_> = destination.received().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(paths, ["/second", "/first"]);
}

#[tokio::test]
async fn a_call_can_be_answered_429_or_500() {
    let server = DevServer::start().await.unwrap();
    for (fault, status) in [(Fault::TooManyRequests, 429), (Fault::InternalError, 500)] {
        server.fault(fault);
        let answer = get(&server, "/v2/keys").send().await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.head.contains("burst-ratelimit-remaining: 0"), status == 429, "{}", answer.head);
        assert_eq!(get(&server, "/v2/keys").send().await.status, 200, "once");
    }
}

#[tokio::test]
async fn a_fault_of_the_api_waits_for_a_call_by_somebody_who_may_make_it() {
    let server = DevServer::start().await.unwrap();
    server.fault(Fault::InternalError);
    for (target, status) in [("/", 200), ("/assets/app.js", 200), ("/health", 200), ("/dev/dlq", 200)] {
        assert_eq!(get(&server, target).send().await.status, status, "{target}");
    }
    assert_eq!(get(&server, "/v2/keys").without("Authorization").send().await.status, 401);
    assert_eq!(get(&server, "/v2/keys").header("Origin", "http://evil.example").send().await.status, 403);
    assert_eq!(get(&server, "/v2/keys").send().await.status, 500);
}

#[tokio::test]
async fn a_call_can_lose_its_connection_and_be_carried_out_all_the_same() {
    let server = DevServer::builder().fault(Fault::LostConnection).start().await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let (address, token) = (server.address(), server.token());
    let call = format!(
        "POST /v2/publish/http://127.0.0.1:9/ HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Upstash-Delay: 1h\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Closed or reset: no answer either way.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
    assert_eq!(server.log().await.len(), 1);
}

#[tokio::test]
async fn a_test_can_wait_for_a_state() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let id = publish(&server, &destination.url("/")).accepted().await;
    server.wait_for(&id, LogState::Delivered).await.unwrap();
    server.wait_for(&id, LogState::Created).await.unwrap();
    assert_eq!(server.deliveries().await[0].message_id.as_str(), id);
}

#[tokio::test]
async fn a_destination_can_answer_with_any_status_hang_or_refuse_where_and_as_often_as_a_test_wants() {
    let destination = Destination::answering(200).await;
    let [hit, other] = ["/hit", "/other"].map(|path| destination.url(path));
    let server = DevServer::builder().patience(Duration::from_secs(1)).start().await.unwrap();
    for (fault, error) in [
        (Fault::Status(503), "the destination answered 503"),
        (Fault::Refuse, "connection failed: a fault refuses it"),
        (Fault::Hang, "no response within 5s"),
        (Fault::Status(7), "the fault wants the status 7, which does not exist"),
    ] {
        let before = destination.count("/hit");
        server.fault(fault.at(&hit).times(2));
        let publish = |url: &str| publish(&server, url).header("Upstash-Timeout", "5s");
        let (hit, other) = (publish(&hit).accepted().await, publish(&other).accepted().await);
        server.advance(Duration::from_secs(3600)).await;
        server.wait_for(&hit, LogState::Delivered).await.unwrap();
        server.wait_for(&other, LogState::Delivered).await.unwrap();
        let log = server.log().await;
        let errors = |id: &str| {
            let own = log.iter().filter(|entry| entry.message_id.as_str() == id);
            own.filter_map(|entry| entry.error.clone()).collect::<Vec<_>>()
        };
        assert_eq!((errors(&hit), errors(&other)), (vec![error.to_owned(); 2], vec![]));
        assert_eq!(destination.count("/hit"), before + 1, "the third attempt arrives");
    }
}

#[tokio::test]
async fn a_fault_can_be_aimed_at_a_message_and_one_that_is_meant_for_another_waits() {
    let destination = Destination::answering(200).await;
    let server = DevServer::start().await.unwrap();
    let delayed = || publish(&server, &destination.url("/")).header("Upstash-Delay", "1m");
    let (first, second) = (delayed().accepted().await, delayed().accepted().await);
    server.fault(Fault::Status(500).of_message(&second));
    server.fault(Fault::InternalError.of_message(&second));
    server.advance(Duration::from_secs(61)).await;
    server.wait_for(&first, LogState::Delivered).await.unwrap();
    server.wait_for(&second, LogState::Retry).await.unwrap();
    assert!(
        !server.log().await.iter().any(|entry| entry.message_id.as_str() == first && entry.error.is_some())
    );
}

#[tokio::test]
async fn a_wait_that_is_over_says_what_it_was_for_and_what_came_instead() {
    let server = DevServer::builder().longest_wait(Duration::from_millis(1)).start().await.unwrap();
    server.fault(Fault::Status(500));
    let id = publish(&server, "http://127.0.0.1:9/").accepted().await;
    server.settled().await;
    let error = server.wait_for(&id, LogState::Delivered).await.unwrap_err();
    let expected = format!(
        "{id} has not entered DELIVERED within 1ms: it was CREATED, then ACTIVE, then ERROR (the destination answered 500), \
         then RETRY"
    );
    assert_eq!((error.to_string(), format!("{error:?}")), (expected.clone(), expected));
    let error = server.wait_for("msg_x", LogState::Delivered).await.unwrap_err();
    assert!(error.to_string().ends_with("the log does not know it"), "{error}");
}
