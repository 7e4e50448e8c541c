//! `POST /v2/publish/{destination}`, from the request to what arrives at the destination.

use std::time::{Duration, SystemTime};

use qstash_dev::DevServer;
use qstash_types::Callback;
use qstash_verify::{Presented, Verifier};

use crate::{
    client::{call, get, publish},
    destination::{Destination, response},
};

#[tokio::test]
async fn a_message_arrives_byte_for_byte_and_signed_for_the_exact_url() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let url = destination.url("/a//b/../%2e%2E/c%2Fd;x?a=1&b=%20&&c");
    let body = b"\x00\xff not UTF-8 \r\n".to_vec();
    let id = publish(&server, &url)
        .header("Content-Type", "application/x-odd")
        .header("Upstash-Method", "PATCH")
        .header("Upstash-Forward-X-Trace", "abc")
        .body(body.clone())
        .accepted()
        .await;
    server.settled().await;

    let received = &destination.received()[0];
    assert_eq!(received.line, "PATCH /a//b/../%2e%2E/c%2Fd;x?a=1&b=%20&&c HTTP/1.1");
    assert_eq!(received.body, body);
    assert_eq!(received.header("host"), Some(destination.authority.as_str()));
    assert_eq!(received.header("content-type"), Some("application/x-odd"));
    assert_eq!(received.header("x-trace"), Some("abc"));
    assert_eq!(received.header("user-agent"), Some("Upstash-QStash"));
    assert_eq!(received.header("upstash-message-id"), Some(id.as_str()));
    assert_eq!(received.header("upstash-caller-ip"), Some("127.0.0.1"));
    assert_eq!(received.header("authorization"), None);

    let verifier = Verifier::builder(server.signing_keys()).exact_url(&url).build().unwrap();
    let signature = received.header("upstash-signature").unwrap();
    let request = Presented::new([signature.as_bytes()], received.target());
    let signed = verifier.verify(&request, body, SystemTime::now()).unwrap();
    assert_eq!(signed.claims().subject(), url);
    assert!(signed.claims().token_id().unwrap().starts_with("jwt_"));
}

#[tokio::test]
async fn a_signature_is_as_fresh_as_the_real_time_however_far_a_test_moves_the_clock() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(500).await;
    publish(&server, &destination.url("/")).header("Upstash-Retries", "1").accepted().await;
    server.advance(Duration::from_secs(60)).await;
    let verifier = Verifier::builder(server.signing_keys()).exact_url(destination.url("/")).build().unwrap();
    let received = destination.received();
    assert_eq!(received.len(), 2);
    for attempt in received {
        let signature = attempt.header("upstash-signature").unwrap().to_owned();
        let request = Presented::new([signature.as_bytes()], "/");
        let signed = verifier.verify(&request, "", SystemTime::now()).unwrap();
        let issued = signed.claims().issued_at().unwrap();
        assert!(SystemTime::now().duration_since(issued).unwrap() < Duration::from_secs(30));
    }
}

#[tokio::test]
async fn parameters_for_the_server_stay_with_it_and_all_others_go_to_the_destination() {
    let cases = [
        ("/hook?upstash-retries=1", "/hook"),
        ("/hook?a=1&upstash-retries=1&b=2", "/hook?a=1&b=2"),
        ("/hook?UPSTASH-Retries=1&a=%41+b", "/hook?a=%41+b"),
        ("/hook?%75pstash-retries=1&=x&y=", "/hook?=x&y="),
        ("/hook?qstash_token=unused&a", "/hook?a"),
        ("/hook?", "/hook?"),
        ("?a=1", "/?a=1"),
        ("", "/"),
    ];
    for (target, arrived) in cases {
        let server = DevServer::start().await.unwrap();
        let destination = Destination::answering(200).await;
        publish(&server, &destination.url(target)).accepted().await;
        server.settled().await;
        assert_eq!(destination.received()[0].target(), arrived, "{target}");
    }
}

#[tokio::test]
async fn a_control_header_can_stand_in_the_query_and_the_header_wins() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let query = "/?upstash-retries=7&upstash-retry-delay=1000%20*%20(1+%2B+retried)&upstash-forward-x-a=b";
    publish(&server, &destination.url(query)).accepted().await;
    publish(&server, &destination.url(query)).header("Upstash-Retries", "2").accepted().await;
    server.settled().await;
    let mut received = destination.received();
    received.sort_by_key(|request| request.header("upstash-max-retries").map(ToOwned::to_owned));
    assert_eq!(received[0].header("upstash-max-retries"), Some("2"));
    assert_eq!(received[1].header("upstash-max-retries"), Some("7"));
    assert_eq!(received[1].header("upstash-retry-delay"), Some("1000 * (1 + retried)"));
    assert_eq!(received[1].header("x-a"), Some("b"));
}

#[tokio::test]
async fn a_url_that_a_proxy_has_squeezed_or_encoded_is_the_same_destination() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let authority = &destination.authority;
    let forms = [
        format!("http:/{authority}/hook?a=1"),
        format!("http%3A%2F%2F{authority}%2Fhook%3Fa=1"),
        format!("http%3a%2f%2f{authority}/hook%3Fa%3D1&upstash-retries=0").replace('&', "?"),
        format!("http%3A%2F%2F{authority}%2Fhook?a=1"),
    ];
    for form in &forms {
        publish(&server, form).accepted().await;
    }
    server.settled().await;
    let targets: Vec<_> = destination.received().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(targets, ["/hook?a=1"; 4]);
}

#[tokio::test]
async fn fixed_segments_are_matched_in_any_letter_case() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let target = format!("/V2/Publish/{}", destination.url("/Hook"));
    call(&server, "POST", &target).accepted().await;
    server.settled().await;
    assert_eq!(destination.received()[0].target(), "/Hook");
}

#[tokio::test]
async fn localhost_and_names_below_it_are_called() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let port = destination.authority.rsplit(':').next().unwrap();
    for host in ["localhost", "LOCALHOST", "api.localhost", "127.0.0.1"] {
        publish(&server, &format!("http://{host}:{port}/")).accepted().await;
    }
    server.settled().await;
    let mut hosts: Vec<_> =
        destination.received().iter().map(|request| request.header("host").unwrap().to_owned()).collect();
    hosts.sort_unstable();
    let expected =
        ["127.0.0.1", "LOCALHOST", "api.localhost", "localhost"].map(|host| format!("{host}:{port}"));
    assert_eq!(hosts, expected);
}

#[tokio::test]
async fn every_header_can_be_forwarded_short_of_the_token_the_controls_and_the_framing() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    publish(&server, &destination.url("/"))
        .header("Upstash-Header-Forward", "true")
        .header("Upstash-Telemetry-Sdk", "test")
        .header("Upstash-Forward-X-Both", "explicit")
        .header("X-Both", "plain")
        .header("X-Twice", "one")
        .header("X-Twice", "two")
        .header("Content-Type", "text/plain")
        .header("TE", "trailers")
        .body("hello")
        .accepted()
        .await;
    server.settled().await;
    let received = &destination.received()[0];
    let values = |name: &str| -> Vec<String> {
        let all = received.headers.iter().filter(|(own, _)| own == name);
        all.map(|(_, value)| value.clone()).collect()
    };
    assert_eq!(values("x-both"), ["explicit"]);
    assert_eq!(values("x-twice"), ["one", "two"]);
    assert_eq!(values("content-type"), ["text/plain"]);
    assert_eq!(values("host"), [destination.authority.as_str()]);
    assert_eq!(values("content-length"), ["5"]);
    for absent in ["authorization", "te", "connection", "upstash-header-forward", "upstash-telemetry-sdk"] {
        assert!(values(absent).is_empty(), "{absent}");
    }
}

#[tokio::test]
async fn an_authorization_that_is_not_the_token_is_forwarded_with_all_headers() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let url = destination.url(&format!("/?qstash_token={}&upstash-header-forward=true", server.token()));
    publish(&server, &url)
        .without("Authorization")
        .header("Authorization", "Basic dXNlcjpwYXNz")
        .accepted()
        .await;
    server.settled().await;
    assert_eq!(destination.received()[0].header("authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(destination.received()[0].target(), "/");
}

#[tokio::test]
async fn only_wanted_headers_are_delivered() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    publish(&server, &destination.url("/")).header("X-Private", "1").accepted().await;
    server.settled().await;
    let received = &destination.received()[0];
    assert_eq!(received.header("x-private"), None);
    assert_eq!(received.header("content-type"), None);
}

#[tokio::test]
async fn a_duplicate_is_answered_with_202_and_the_first_id() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let call = || publish(&server, &destination.url("/")).header("Upstash-Deduplication-Id", "a");
    let first = call().accepted().await;
    let answer = call().send().await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json(), serde_json::json!({"messageId": first, "deduplicated": true}));
    server.settled().await;
    assert_eq!(destination.received().len(), 1);
}

#[tokio::test]
async fn a_callback_reports_to_a_verified_receiver_what_the_destination_answered() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::start(|request| match request.path() {
        "/render" => response(201, "pages: 3"),
        _ => response(200, ""),
    })
    .await;
    let id = publish(&server, &destination.url("/render"))
        .header("Upstash-Callback", &destination.url("/done?job=7"))
        .body("draw")
        .accepted()
        .await;
    server.settled().await;
    let received = destination.received();
    let callback = received.iter().find(|request| request.path() == "/done").unwrap();
    assert_eq!(callback.target(), "/done?job=7");
    let verifier = Verifier::builder(server.signing_keys()).origin(destination.url("")).build().unwrap();
    let signature = callback.header("upstash-signature").unwrap();
    let request = Presented::new([signature.as_bytes()], callback.target());
    let signed = verifier.verify(&request, callback.body.clone(), SystemTime::now()).unwrap();
    let report: Callback = serde_json::from_slice(signed.body()).unwrap();
    assert_eq!(report.status(), 201);
    assert_eq!(report.text().unwrap(), "pages: 3");
    assert_eq!(report.source_body().unwrap(), "draw");
    assert_eq!(report.source_message_id().unwrap().as_str(), id);
}

#[tokio::test]
async fn a_message_can_be_read_while_it_is_on_its_way() {
    let server = DevServer::start().await.unwrap();
    let id = publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").body("x").accepted().await;
    let answer = get(&server, &format!("/v2/messages/{id}")).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!((&answer.json()["messageId"], &answer.json()["body"]), (&id.into(), &"x".into()));
}
