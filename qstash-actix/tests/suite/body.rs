//! The handler gets the very bytes that were signed.

use actix_http::Request;
use actix_web::{
    Error,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::StatusCode,
    web::{self, Bytes, Payload},
};
use futures_core::Stream;
use qstash_actix::{Delivery, Signed};
use testkit::{
    bodies::{self, GZIP, MIB},
    signing::signature,
};

use crate::{
    receiver::{Answer, delivery, request, send, serve},
    scripted_body::ScriptedBody,
};

/// Answers with what the handler saw.
async fn echo() -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    serve(|routes| {
        routes
            .route("/delivery", web::post().to(async |delivery: Delivery| delivery.body().clone()))
            .route("/signed", web::post().to(async |Signed(text): Signed<String>| text))
            .route("/bytes", web::post().to(async |bytes: Bytes| bytes))
            .route("/raw", web::post().to(raw));
    })
    .await
}

/// Reads the payload as it is, without any of actix's extractors.
async fn raw(mut payload: Payload) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(chunk) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut payload).poll_next(cx)).await {
        body.extend(chunk.unwrap());
    }
    body
}

/// Sends a body in chunks of this size.
async fn send_chunked(path: &str, body: &Bytes, size: usize) -> Answer {
    let request = request(path, &signature(path, body)).insert_header(("content-encoding", "gzip"));
    send(&echo().await, ScriptedBody::chunked(body.clone(), size).of(request)).await
}

#[actix_web::test]
async fn handlers_see_the_exact_bytes() {
    for body in bodies::odd() {
        for path in ["/delivery", "/raw"] {
            for size in [1, 3, MIB] {
                let answer = send_chunked(path, &body, size).await;
                assert_eq!(
                    (answer.status, &answer.body),
                    (StatusCode::OK, &body),
                    "{path} in chunks of {size}"
                );
            }
        }
    }
}

#[actix_web::test]
async fn five_mebibytes_pass_every_limit_of_actix() {
    let (json, text) = bodies::large();
    let answer = send_chunked("/delivery", &json, 16 * 1024).await;
    assert_eq!((answer.status, answer.body == json), (StatusCode::OK, true));
    let answer = send_chunked("/signed", &json, 6 * MIB).await;
    assert_eq!((answer.status, answer.body == text), (StatusCode::OK, true));
}

#[actix_web::test]
async fn the_extractors_of_actix_decompress_what_was_signed() {
    let answer = send_chunked("/bytes", &Bytes::from_static(GZIP), 10).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello gzip"[..]));
}

#[actix_web::test]
async fn the_extractors_of_actix_keep_their_limits() {
    let app = echo().await;
    let limit = 256 * 1024;
    let answer = send(&app, delivery("/bytes", vec![b' '; limit])).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = send(&app, delivery("/bytes", vec![b' '; limit + 1])).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.rejection.is_none());
}

#[actix_web::test]
async fn a_body_of_one_chunk_is_not_copied() {
    let body = Bytes::from("x".repeat(1000));
    let address = body.as_ptr() as usize;
    let app = serve(|routes| {
        let handler = move |delivery: Delivery| {
            assert_eq!(delivery.body().as_ptr() as usize, address);
            std::future::ready("")
        };
        routes.route("/", web::post().to(handler));
    })
    .await;
    assert_eq!(send(&app, delivery("/", body)).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_body_may_take_its_time() {
    let body = ScriptedBody::chunked("hello", 2).hesitating();
    let polls = body.polls();
    let request = body.of(request("/raw", &signature("/raw", b"hello")));
    let answer = send(&echo().await, request).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello"[..]));
    assert_eq!(polls.count(), 8);
}

#[actix_web::test]
async fn empty_chunks_do_not_count() {
    let body = ScriptedBody::chunks(["", "hel", "", "lo", ""]);
    let answer = send(&echo().await, body.of(request("/raw", &signature("/raw", b"hello")))).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello"[..]));
}
