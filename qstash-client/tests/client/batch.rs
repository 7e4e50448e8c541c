//! Batches: one document for many messages, one result for each.

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use qstash_client::{
    CallbackTarget, Client, Error, Message, RetryPolicy,
    types::{FlowLimits, Redaction},
};
use serde_json::{Map, Value, json};

use crate::support::{Answer, Script, TOKEN, interrupted, not_sent, ok, status, values};

fn message(number: usize) -> Message {
    Message::to(format!("https://example.com/{number}")).json(&number)
}

fn items(request: &Request<Bytes>) -> Vec<Value> {
    serde_json::from_slice(request.body()).unwrap()
}

fn id(item: &Value) -> &str {
    item["headers"]["upstash-deduplication-id"].as_str().unwrap()
}

/// A server that accepts each item under its destination, after a while, and counts the calls that are open at once.
fn accepting(open: &Arc<AtomicUsize>, most: &Arc<AtomicUsize>) -> Client {
    let (open, most) = (open.clone(), most.clone());
    let transport = tower::service_fn(move |request: Request<Bytes>| {
        let (open, most) = (open.clone(), most.clone());
        async move {
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            open.fetch_sub(1, Ordering::SeqCst);
            let answers: Vec<_> =
                items(&request).iter().map(|item| json!({ "messageId": item["destination"] })).collect();
            Ok::<_, std::io::Error>(Response::new(Bytes::from(serde_json::to_vec(&answers).unwrap())))
        }
    });
    Script::default().builder().transport(transport).build().unwrap()
}

#[tokio::test]
async fn urls_groups_and_queues_go_into_one_document() {
    let server = Script::new([ok(
        r#"[{"messageId":"msg_1"},[{"messageId":"msg_2","url":"https://a"},{"messageId":"msg_3","url":"https://b"}],
            {"messageId":"msg_4","deduplicated":true}]"#,
    )]);
    let outcome = server
        .client()
        .batch([
            Message::to("https://example.com/?a=1&b=x")
                .text("h\"i")
                .retries(2)
                .forward("x-trace", "ä")
                .forward("x-trace", "b")
                .without_deduplication(),
            Message::to_url_group("signups").delay(Duration::from_secs(5)).deduplication_id("two"),
            Message::to("https://example.com").in_queue("emails").deduplication_id("three"),
        ])
        .await
        .unwrap();

    let request = server.request();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri().to_string(), "https://qstash.example/v2/batch");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(
        items(&request),
        [
            json!({
                "destination": "https://example.com/?a=1&b=x",
                "headers": {
                    "content-type": "text/plain; charset=utf-8",
                    "upstash-retries": "2",
                    "upstash-forward-x-trace": "ä, b",
                },
                "body": "h\"i",
            }),
            json!({
                "destination": "signups",
                "headers": { "upstash-delay": "5s", "upstash-deduplication-id": "two" },
            }),
            json!({
                "destination": "https://example.com",
                "queue": "emails",
                "headers": { "upstash-deduplication-id": "three" },
            }),
        ]
    );
    let published = outcome.into_result().unwrap();
    let ids: Vec<Vec<_>> = published
        .iter()
        .map(|published| published.receipts().iter().map(|receipt| receipt.message_id.as_str()).collect())
        .collect();
    assert_eq!(ids, [vec!["msg_1"], vec!["msg_2", "msg_3"], vec!["msg_4"]]);
    assert!(published[2].is_duplicate());
}

#[tokio::test]
async fn an_item_has_the_headers_that_a_publish_of_the_same_message_has() {
    let second = Duration::from_secs(1);
    let limits = FlowLimits::default().rate(10).period(second);
    let target = || {
        let target =
            CallbackTarget::to("https://h/done?a=\u{7e}").method(Method::PUT).timeout(second).retries(0);
        target.retry_delay("pow(2, retried)").flow_control("k\"\\é", limits).forward("x-a", "\"\\\té")
    };
    let plain = message(1)
        .method(Method::PATCH)
        .timeout(second)
        .retries(7)
        .retry_delay("1000 * (1 + retried)")
        .flow_control("ключ \"1\"", limits)
        .delay(second)
        .deduplication_id("order \"7\"")
        .label("a\\b")
        .label("c")
        .redact(Redaction::body())
        .forward("x-a", "1")
        .forward("x-b", "\t\"")
        .forward_all_headers()
        .callback(target())
        .failure_callback(target());
    let messages = [
        plain.clone(),
        plain.clone().forward("x-a", "2"),
        plain.clone().header("x-own", "\"").header("Upstash-Future", "1").header("x-own", "2"),
        plain.clone().not_before(SystemTime::UNIX_EPOCH + second).deduplicate_by_content(),
        plain.callback(target().forward("x-a", "2")).without_deduplication(),
    ];
    for message in messages {
        let server = Script::default();
        server.client().publish(message.clone()).await.unwrap();
        let _ = server.client().batch([message]).await.unwrap();
        let [published, batch] = &server.requests()[..] else { panic!("two calls are two requests") };
        let expected: Map<String, Value> = published
            .headers()
            .keys()
            .filter(|name| !["authorization", "user-agent"].contains(&name.as_str()))
            .map(|name| (name.to_string(), values(published.headers(), name.as_str()).join(", ").into()))
            .collect();
        assert!(expected.len() > 12);
        assert_eq!(items(batch)[0]["headers"], Value::Object(expected));
    }
}

#[tokio::test]
async fn a_message_that_the_server_refuses_fails_alone_and_can_be_sent_again_under_its_id() {
    let server = Script::new([ok(
        r#"[{"messageId":"msg_1","deduplicated":true},{"error":"invalid destination"},{"messageId":7},[]]"#,
    )]);
    let client = server.client();
    let outcome = client.batch((0..4).map(message)).await.unwrap();

    let [Ok(first), Err(refused), Err(odd), Err(empty)] = outcome.results() else {
        panic!("{outcome:?}");
    };
    assert!(!first.is_duplicate(), "it was the client's own id");
    assert_eq!(refused.to_string(), "QStash refused the message: invalid destination");
    assert!(!refused.is_retryable() && !refused.is_ambiguous() && refused.error().is_none());
    assert!(odd.is_ambiguous() && !odd.is_retryable(), "it was accepted, only nobody knows as what");
    assert!(matches!(odd.error(), Some(Error::Decode(_))));
    assert!(!empty.is_ambiguous(), "a group without endpoints gets no message");

    let error = outcome.into_result().unwrap_err();
    assert_eq!(error.to_string(), "3 of 4 messages were not accepted");
    assert_eq!(error.source().unwrap().to_string(), "QStash refused the message: invalid destination");

    let outcome = error.into_outcome();
    assert_eq!(outcome.failures().count(), 3);
    assert!(outcome.into_retryable().is_empty(), "none of them would be accepted the next time");
}

#[tokio::test]
async fn an_empty_field_beside_another_says_nothing() {
    let server = Script::new([ok(
        r#"[{"messageId":"","error":"full"},{"messageId":null,"error":"full"},{"messageId":"msg_1","error":""}]"#,
    )]);
    let outcome = server.client().batch((0..3).map(message)).await.unwrap();
    let [Err(empty), Err(null), Ok(accepted)] = outcome.results() else {
        panic!("{outcome:?}");
    };
    for refused in [empty, null] {
        assert_eq!(refused.to_string(), "QStash refused the message: full");
        assert!(!refused.is_ambiguous());
    }
    assert_eq!(accepted.message_id().as_str(), "msg_1");
}

#[tokio::test]
async fn a_call_that_fails_gives_back_its_messages_with_the_ids_that_it_used() {
    let server =
        Script::new([interrupted(), ok(r#"[{"messageId":"a","deduplicated":true},{"messageId":"b"}]"#)]);
    let client = server.builder().retry(RetryPolicy::never()).build().unwrap();
    let outcome = client.batch([message(0), message(1).deduplication_id("mine")]).await.unwrap();
    for result in outcome.results() {
        let failed = result.as_ref().unwrap_err();
        assert!(failed.is_ambiguous() && failed.is_retryable());
        assert_eq!(failed.to_string(), "the message was not handed over");
    }

    let published = client.batch(outcome.into_retryable()).await.unwrap().into_result().unwrap();
    assert!(!published[0].is_duplicate(), "the same message is no duplicate of itself");
    let requests = server.requests();
    assert_eq!(requests[0].body(), requests[1].body());
    assert_eq!(id(&items(&requests[0])[1]), "mine");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_repeated_only_if_every_message_is_deduplicated() {
    type Failure = fn() -> Answer;
    let matrix: [(Failure, usize, usize); 5] = [
        (not_sent, 2, 2),
        (interrupted, 1, 2),
        (|| status(429, ""), 2, 2),
        (|| status(500, ""), 1, 2),
        (|| status(400, ""), 1, 1),
    ];
    for (failure, bare, protected) in matrix {
        for (second, sent) in [(message(1).without_deduplication(), bare), (message(1), protected)] {
            let server = Script::new([failure(), ok(r#"[{"messageId":"a"},{"messageId":"b"}]"#)]);
            let outcome = server.client().batch([message(0), second]).await.unwrap();
            assert_eq!(outcome.into_result().is_ok(), sent == 2);
            let requests = server.requests();
            assert_eq!(requests.len(), sent);
            assert!(requests.iter().all(|request| request.body() == requests[0].body()));
        }
    }
}

#[tokio::test]
async fn answers_for_another_number_of_messages_are_not_guessed_at() {
    for answer in [r#"[{"messageId":"a"}]"#, "[]", r#"{"messageId":"a"}"#, "null"] {
        let server = Script::new([ok(answer)]);
        let outcome = server.client().batch([message(0), message(1)]).await.unwrap();
        for result in outcome.results() {
            let failed = result.as_ref().unwrap_err();
            assert!(matches!(failed.error(), Some(Error::Decode(_))));
            assert!(failed.is_ambiguous());
        }
    }
    let single = Script::new([ok(r#"{"messageId":"a"}"#)]).client().batch([message(0)]).await.unwrap();
    assert_eq!(single.into_result().unwrap()[0].message_id().as_str(), "a");
}

#[tokio::test]
async fn a_mistake_in_any_message_is_found_before_anything_is_sent() {
    let cases = [
        (Message::to("example.com"), "messages[150] destination"),
        (Message::to("https://h").body(vec![b'a', 0xff]), "messages[150] body"),
        (Message::to("https://h").header("x-a", [0xff]), "messages[150] header"),
        (Message::to("https://h").forward("x-a", [0xff]), "messages[150] header"),
        (Message::to("https://h").in_queue("q").delay(Duration::from_secs(1)), "messages[150] delay"),
        (
            Message::to("https://h").in_queue("q").not_before(std::time::SystemTime::UNIX_EPOCH),
            "messages[150] not-before",
        ),
        (Message::to("https://h").in_queue("a/b"), "messages[150] queue"),
    ];
    for (bad, field) in cases {
        let server = Script::default();
        let messages = (0..150).map(message).chain([bad]);
        let error = server.client().batch(messages).await.unwrap_err();
        let Error::Input(mistake) = error else {
            panic!("{error:?}");
        };
        assert_eq!(mistake.field(), field);
        assert!(server.requests().is_empty());
    }
    let server = Script::default();
    let error = server.client().batch([]).await.unwrap_err();
    assert_eq!(error.to_string(), "invalid batch: there is no message in it");
    assert!(server.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn many_messages_become_calls_of_a_hundred_with_eight_at_a_time() {
    let (open, most) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let client = accepting(&open, &most);
    let published = client.batch((0..2001).map(message)).await.unwrap().into_result().unwrap();
    assert_eq!(published.len(), 2001);
    for (number, published) in published.iter().enumerate() {
        assert_eq!(published.message_id().as_str(), format!("https://example.com/{number}"));
    }
    assert_eq!(most.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn calls_are_split_by_bytes_and_a_huge_message_goes_alone() {
    let large = |bytes: usize| Message::to("https://h").text("x".repeat(bytes));
    for (bytes, counts) in
        [(&[400_000, 400_000, 400_000, 3_000_000, 1][..], &[2, 1, 1, 1][..]), (&[3_000_000, 1, 1], &[1, 2])]
    {
        let server = Script::default();
        let _ = server.client().batch(bytes.iter().copied().map(large)).await;
        let sent: Vec<_> = server.requests().iter().map(|request| items(request).len()).collect();
        assert_eq!(sent, counts);
    }
}
