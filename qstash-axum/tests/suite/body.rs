//! The handler gets the very bytes that were signed.

use axum::{
    Router,
    body::{Body, Bytes},
    http::StatusCode,
    routing::post,
};
use qstash_axum::{Delivery, Signed};
use testkit::{
    bodies::{self, MIB},
    signing::signature,
};

use crate::{
    receiver::{Answer, delivery, layer, request, send},
    scripted_body::{ScriptedBody, data, trailers},
};

/// Answers with what the handler saw.
fn echo() -> Router {
    Router::new()
        .route("/bytes", post(async |bytes: Bytes| bytes))
        .route("/delivery", post(async |delivery: Delivery| delivery.body().clone()))
        .route("/signed", post(async |Signed(text): Signed<String>| text))
        .layer(layer())
}

/// Sends a body in frames of this size.
async fn send_chunked(path: &str, body: &Bytes, size: usize) -> Answer {
    let chunked = Body::new(ScriptedBody::chunked(body.clone(), size));
    let request = request(path, &signature(path, body)).header("content-encoding", "gzip");
    send(&echo(), request.body(chunked).unwrap()).await
}

#[tokio::test]
async fn handlers_see_the_exact_bytes() {
    for body in bodies::odd() {
        for path in ["/bytes", "/delivery"] {
            for size in [1, 3, MIB] {
                let answer = send_chunked(path, &body, size).await;
                assert_eq!(
                    (answer.status, &answer.body),
                    (StatusCode::OK, &body),
                    "{path} in frames of {size}"
                );
            }
        }
    }
}

#[tokio::test]
async fn five_mebibytes_pass_every_limit_of_axum() {
    let (json, text) = bodies::large();
    for path in ["/bytes", "/delivery"] {
        let answer = send_chunked(path, &json, 16 * 1024).await;
        assert_eq!((answer.status, answer.body == json), (StatusCode::OK, true), "{path}");
    }
    let answer = send_chunked("/signed", &json, 6 * MIB).await;
    assert_eq!((answer.status, answer.body == text), (StatusCode::OK, true));
}

#[tokio::test]
async fn a_body_of_one_frame_is_not_copied() {
    let body = Bytes::from("x".repeat(1000));
    let address = body.as_ptr() as usize;
    let handler = async move |delivery: Delivery, bytes: Bytes| {
        assert_eq!(delivery.body().as_ptr() as usize, address);
        assert_eq!(bytes.as_ptr() as usize, address);
    };
    let app = Router::new().route("/", post(handler)).layer(layer());
    assert_eq!(send(&app, delivery("/", body)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_may_take_its_time() {
    let body = ScriptedBody::chunked("hello", 2).hesitating();
    let polls = body.polls();
    let request = request("/bytes", &signature("/bytes", b"hello"));
    let answer = send(&echo(), request.body(Body::new(body)).unwrap()).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello"[..]));
    assert_eq!(polls.count(), 8);
}

#[tokio::test]
async fn trailers_and_empty_frames_do_not_count() {
    let body = ScriptedBody::frames([data(""), data("hel"), data(""), data("lo"), trailers()]);
    let request = request("/bytes", &signature("/bytes", b"hello"));
    let answer = send(&echo(), request.body(Body::new(body)).unwrap()).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello"[..]));
}
