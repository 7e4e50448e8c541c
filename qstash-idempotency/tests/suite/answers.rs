//! What is answered again, and what is said where that is not all.

use std::{io, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::IntoResponse,
};
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use qstash_idempotency::{Idempotent, StoredAnswer};

use crate::{
    axum_app::{Answered, App},
    deliveries::Attempt,
    stores::store,
};

const NOT_KEPT: &[u8] = b"handled before; the answer was not kept";

/// What a first and a second delivery of one message are answered with.
async fn twice<R: IntoResponse + 'static>(limit: usize, answer: fn() -> R) -> [Answered; 2] {
    let app = App::new(Idempotent::new(store()).answer_limit(limit), move |_| async move { answer() });
    let first = Attempt::new("msg_1", "{}");
    let answers = [app.send(&first).await, app.send(&first.next()).await];
    assert_eq!(app.calls(), 1);
    assert!(!answers[0].is_replayed() && answers[1].is_replayed());
    answers
}

#[tokio::test(start_paused = true)]
async fn status_headers_and_body_come_again() {
    let [first, again] = twice(1000, || {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/octet-stream"));
        headers.append("x-twice", HeaderValue::from_static("one"));
        headers.append("x-twice", HeaderValue::from_bytes(b"tw\xf6").unwrap());
        (StatusCode::CREATED, headers, &b"\x00\xff body"[..])
    })
    .await;
    assert_eq!(again.status, StatusCode::CREATED);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("content-type"), Some("application/octet-stream"));
    assert_eq!(
        again.headers.get_all("x-twice").iter().collect::<Vec<_>>(),
        first.headers.get_all("x-twice").iter().collect::<Vec<_>>()
    );
    assert_eq!(again.header("idempotent-body"), None);
}

#[tokio::test(start_paused = true)]
async fn an_empty_body_is_kept_as_what_it_is() {
    let [_, again] = twice(1000, || StatusCode::NO_CONTENT).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(again.header("idempotent-body"), None);
}

#[tokio::test(start_paused = true)]
async fn headers_of_the_moment_are_not_kept() {
    let [_, again] =
        twice(1000, || ([("date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("connection", "close")], "")).await;
    assert_eq!((again.header("date"), again.header("connection")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_body_up_to_the_limit_is_kept_and_a_larger_one_is_named_as_missing() {
    let plain = "content-type".len() + "text/plain; charset=utf-8".len();
    let [_, again] = twice(plain + 4, || "four").await;
    assert_eq!(&*again.body, b"four");

    let [first, again] = twice(plain + 3, || "four").await;
    assert_eq!(&*first.body, b"four");
    assert_eq!((again.status, &*again.body), (StatusCode::OK, NOT_KEPT));
    assert_eq!(again.header("idempotent-body"), Some("not-kept"));
    assert_eq!(again.header("content-type"), Some("text/plain; charset=utf-8"));

    let [first, again] = twice(plain - 1, || "").await;
    assert_eq!((&*first.body, &*again.body), (&b""[..], NOT_KEPT), "headers count as well");
}

#[tokio::test(start_paused = true)]
async fn a_stream_longer_than_the_limit_reaches_its_caller_whole() {
    let chunks = || {
        let chunks = (0..100).map(|number| Ok::<_, io::Error>(format!("{number:02}")));
        Body::from_stream(stream::iter(chunks))
    };
    let [first, again] = twice(50, chunks).await;
    assert_eq!(first.body.len(), 200);
    assert!(first.body.starts_with(b"000102") && first.body.ends_with(b"979899"));
    assert_eq!(&*again.body, NOT_KEPT);

    let [first, again] = twice(200, chunks).await;
    assert_eq!(first.body, again.body);
}

#[tokio::test(start_paused = true)]
async fn trailers_reach_their_caller_and_are_named_as_missing_later() {
    let [first, again] = twice(1000, || {
        let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("1"))]);
        let frames =
            [Ok::<_, io::Error>(Frame::data(Bytes::from_static(b"data"))), Ok(Frame::trailers(trailers))];
        Body::new(StreamBody::new(stream::iter(frames)))
    })
    .await;
    assert_eq!(&*first.body, b"data");
    assert_eq!(&*again.body, NOT_KEPT);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_none_and_the_next_attempt_runs() {
    let app = App::new(Idempotent::new(store()).wait(Duration::ZERO), |call| async move {
        let chunks = [Ok("begun"), if call == 0 { Err(io::Error::other("broken")) } else { Ok(", ended") }];
        Body::from_stream(stream::iter(chunks))
    });
    let first = Attempt::new("msg_1", "{}");
    let answered = app.send(&first).await;
    assert!(answered.broken);
    assert_eq!(&*answered.body, b"begun");
    let next = app.send(&first.next()).await;
    assert!(!next.broken && !next.is_replayed());
    assert_eq!(&*next.body, b"begun, ended");
}

#[test]
fn a_kept_answer_is_read_as_it_was_written() {
    let header = |name: &str, value: &'static [u8]| (name.to_owned(), Bytes::from_static(value));
    let answers = [
        StoredAnswer { status: 200, headers: vec![], body: Some(Bytes::new()) },
        StoredAnswer::without_body(489),
        StoredAnswer {
            status: 299,
            headers: vec![header("a", b""), header("a", b"\xff"), header("b", b"c")],
            body: Some(Bytes::from_static(b"\x00\x01")),
        },
    ];
    for answer in answers {
        assert_eq!(StoredAnswer::from_bytes(answer.to_bytes()), Some(answer));
    }
}

#[test]
fn what_is_not_an_answer_is_not_read_as_one() {
    let answer = StoredAnswer {
        status: 200,
        headers: vec![("name".to_owned(), Bytes::from_static(b"value"))],
        body: Some(Bytes::from_static(b"body")),
    };
    let bytes = answer.to_bytes();
    for end in 0..bytes.len() - 4 {
        assert_eq!(StoredAnswer::from_bytes(bytes.slice(..end)), None, "cut at {end}");
    }
    for (at, byte) in [(0, 2), (1, 255), (3, 2), (4, 255), (8, 255)] {
        let mut broken = bytes.to_vec();
        broken[at] = byte;
        assert_eq!(StoredAnswer::from_bytes(broken.into()), None, "{byte} at {at}");
    }
}
