//! Publishing: the request as a value, and what is made of the answer.

use std::time::{Duration, SystemTime};

use futures_util::{TryStreamExt, stream};
use http::{HeaderMap, Method, header};
use qstash_client::{
    CallbackTarget, Message,
    types::{DeduplicationId, Destination, FlowLimits, Redaction, RetryDelay, Url},
    url_groups::Endpoint,
};

use crate::support::{
    ACCEPTED, Answer, Script, TOKEN, interrupted, not_sent, ok, status, values, with_headers,
};

fn json_of_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut pairs: Vec<_> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    pairs.sort();
    pairs
}

/// Publishes one message and gives back the headers that it was sent with.
async fn headers_of(message: Message) -> HeaderMap {
    let server = Script::default();
    server.client().publish(message).await.unwrap();
    server.request().headers().clone()
}

#[tokio::test]
async fn a_message_is_one_post_with_its_destination_in_the_path() {
    let server = Script::default();
    let message = Message::to("https://example.com/hook?a=1&b=%2F").json(&["hello"]).without_deduplication();

    server.client().publish(message).await.unwrap();

    let request = server.request();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(
        request.uri().to_string(),
        "https://qstash.example/v2/publish/https://example.com/hook?a=1&b=%2F"
    );
    assert_eq!(request.body(), r#"["hello"]"#);
    let agent = concat!("qstash-client/", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        json_of_headers(request.headers()),
        [
            ("authorization", format!("Bearer {TOKEN}").as_str()),
            ("content-type", "application/json"),
            ("user-agent", agent),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[tokio::test]
async fn a_url_group_is_named_in_the_path() {
    let server = Script::default();
    server.client().publish(Message::to_url_group("signups.eu")).await.unwrap();
    assert_eq!(server.request().uri().path(), "/v2/publish/signups.eu");
}

#[tokio::test]
async fn a_base_url_may_have_a_path_of_its_own() {
    let server = Script::default();
    let client = server.builder().base_url("https://gateway.example/qstash/").build().unwrap();
    client.publish(Message::to("https://example.com")).await.unwrap();
    assert_eq!(
        server.request().uri().to_string(),
        "https://gateway.example/qstash/v2/publish/https://example.com"
    );
}

#[tokio::test]
async fn every_setter_writes_its_header() {
    let limits = FlowLimits::default();
    let message = Message::to("https://example.com")
        .text("hi")
        .method(Method::PUT)
        .timeout(Duration::from_millis(1500))
        .retries(7)
        .retry_delay("1000 * (1 + retried)")
        .flow_control("pool", limits.rate(10).parallelism(2).period(Duration::from_secs(60)))
        .forward("X-Trace", "abc")
        .forward("x-trace", "def")
        .delay(Duration::from_secs(90))
        .deduplication_id("order-7")
        .label("eu")
        .label("urgent")
        .redact(Redaction::body())
        .forward_all_headers()
        .header("Upstash-Future-Option", "on")
        .callback("https://api.example.com/done")
        .failure_callback(
            CallbackTarget::to("https://api.example.com/failed")
                .method(Method::PATCH)
                .timeout(Duration::from_secs(5))
                .retries(0)
                .retry_delay("1000".parse::<RetryDelay>().unwrap())
                .flow_control("pool", limits.parallelism(1))
                .forward("x-tenant", "42"),
        );

    let mut headers = headers_of(message).await;
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::USER_AGENT);

    let expected = [
        ("content-type", "text/plain; charset=utf-8"),
        ("upstash-callback", "https://api.example.com/done"),
        ("upstash-deduplication-id", "order-7"),
        ("upstash-delay", "90s"),
        ("upstash-failure-callback", "https://api.example.com/failed"),
        ("upstash-failure-callback-flow-control-key", "pool"),
        ("upstash-failure-callback-flow-control-value", "parallelism=1"),
        ("upstash-failure-callback-forward-x-tenant", "42"),
        ("upstash-failure-callback-method", "PATCH"),
        ("upstash-failure-callback-retries", "0"),
        ("upstash-failure-callback-retry-delay", "1000"),
        ("upstash-failure-callback-timeout", "5s"),
        ("upstash-flow-control-key", "pool"),
        ("upstash-flow-control-value", "parallelism=2, rate=10, period=60s"),
        ("upstash-forward-x-trace", "abc"),
        ("upstash-forward-x-trace", "def"),
        ("upstash-future-option", "on"),
        ("upstash-header-forward", "true"),
        ("upstash-label", "eu,urgent"),
        ("upstash-method", "PUT"),
        ("upstash-redact-fields", "body"),
        ("upstash-retries", "7"),
        ("upstash-retry-delay", "1000 * (1 + retried)"),
        ("upstash-timeout", "2s"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(json_of_headers(&headers), expected);
}

#[tokio::test]
async fn of_delay_and_not_before_the_last_call_wins() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_001);
    let message = Message::to("https://example.com");

    let headers = headers_of(message.clone().delay(Duration::from_secs(1)).not_before(time)).await;
    assert_eq!(values(&headers, "upstash-not-before"), ["1700000001"]);
    assert_eq!(values(&headers, "upstash-delay"), [""; 0]);

    let headers = headers_of(message.not_before(time).delay(Duration::from_secs(1))).await;
    assert_eq!(values(&headers, "upstash-not-before"), [""; 0]);
    assert_eq!(values(&headers, "upstash-delay"), ["1s"]);
}

#[tokio::test]
async fn of_the_kinds_of_deduplication_the_last_call_wins() {
    let message = Message::to("https://example.com");

    let headers = headers_of(message.clone().deduplication_id("a").deduplicate_by_content()).await;
    assert_eq!(values(&headers, "upstash-content-based-deduplication"), ["true"]);
    assert_eq!(values(&headers, "upstash-deduplication-id"), [""; 0]);

    let headers = headers_of(message.clone().deduplicate_by_content().without_deduplication()).await;
    assert_eq!(values(&headers, "upstash-content-based-deduplication"), [""; 0]);
    assert_eq!(values(&headers, "upstash-deduplication-id"), [""; 0]);

    let headers = headers_of(message.without_deduplication().deduplication_id("a")).await;
    assert_eq!(values(&headers, "upstash-deduplication-id"), ["a"]);
}

#[tokio::test]
async fn a_raw_header_passes_through_but_a_setter_wins_over_it() {
    let message = Message::to("https://example.com")
        .header("Upstash-Retries", "9")
        .header("Upstash-Timeout", "60")
        .header("x-plain", "1")
        .header("x-plain", "2")
        .retries(1);
    let headers = headers_of(message).await;
    assert_eq!(values(&headers, "upstash-retries"), ["1"]);
    assert_eq!(values(&headers, "upstash-timeout"), ["60"]);
    assert_eq!(values(&headers, "x-plain"), ["1", "2"]);
}

#[tokio::test]
async fn each_publish_of_the_same_message_gets_an_id_of_its_own() {
    let server = Script::default();
    let client = server.client();
    let message = Message::to("https://example.com");

    client.publish(message.clone()).await.unwrap();
    client.publish(message.clone()).await.unwrap();

    let ids: Vec<_> = server
        .requests()
        .iter()
        .map(|request| values(request.headers(), "upstash-deduplication-id").join(" "))
        .collect();
    assert_ne!(ids[0], ids[1]);
    for id in ids {
        assert_eq!(id.len(), 32);
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    assert_eq!(message.parts().unwrap().options.deduplication, None);
}

#[tokio::test]
async fn a_typed_value_is_taken_wherever_text_is() {
    let destination: Destination = "https://example.com".try_into().unwrap();
    let id = DeduplicationId::new("a").unwrap();
    let callback = qstash_client::types::Url::new("https://example.com/done").unwrap();
    let message = Message::to(destination)
        .deduplication_id(&id)
        .callback(callback)
        .failure_callback("https://example.com/failed".to_owned());
    let headers = headers_of(message).await;
    assert_eq!(values(&headers, "upstash-deduplication-id"), ["a"]);
    assert_eq!(values(&headers, "upstash-callback"), ["https://example.com/done"]);
    assert_eq!(values(&headers, "upstash-failure-callback"), ["https://example.com/failed"]);
}

#[tokio::test]
async fn text_may_be_borrowed_from_a_string() {
    let server = Script::new([ok(ACCEPTED), ok(ACCEPTED), ok(r#"{"scheduleId":"s"}"#), ok("")]);
    let client = server.client();
    let (url, id) = ("https://example.com".to_owned(), "a".to_owned());
    let (cron, retry_delay) = ("0 4 * * *".to_owned(), "1000".to_owned());
    let message = || Message::to(&url).callback(&url).label(&id).retry_delay(&retry_delay);
    client.publish(message().deduplication_id(&id)).await.unwrap();
    client.queue(&id).enqueue(message()).await.unwrap();
    client.schedule(&id).upsert(&cron, message()).await.unwrap();
    client.url_group(&id).upsert([Endpoint::new(&url).name(&id)]).await.unwrap();
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn bytes_are_sent_as_they_are_without_a_media_type() {
    let server = Script::default();
    let message = Message::to("https://example.com").body(vec![0xff, 0x00]);
    server.client().publish(message).await.unwrap();
    let request = server.request();
    assert_eq!(request.body().as_ref(), [0xff, 0x00]);
    assert_eq!(values(request.headers(), "content-type"), [""; 0]);
}

#[tokio::test]
async fn any_success_status_is_a_success() {
    for code in [200, 201, 202] {
        let server = Script::new([status(code, r#"{"messageId":"msg_7","url":"https://a.example"}"#)]);
        let published = server.client().publish(Message::to("https://a.example")).await.unwrap();
        assert_eq!(published.message_id().as_str(), "msg_7");
        assert_eq!(published.receipts().len(), 1);
        assert!(!published.is_duplicate());
    }
}

#[tokio::test]
async fn a_url_group_gives_a_receipt_per_endpoint_in_both_documented_shapes() {
    let list = r#"[{"messageId":"msg_1","url":"https://a.example"},
                   {"messageId":"msg_2","url":"https://b.example","deduplicated":true}]"#;
    let wrapped = r#"{"messages":[{"messageId":"msg_1","url":"https://a.example"},
                                  {"messageId":"msg_2","url":"https://b.example","deduplicated":true}]}"#;
    for answer in [list, wrapped] {
        let server = Script::new([ok(answer)]);
        let message = Message::to_url_group("group").deduplication_id("mine");
        let published = server.client().publish(message).await.unwrap();
        assert_eq!(published.message_id().as_str(), "msg_1");
        let receipts: Vec<_> = published
            .receipts()
            .iter()
            .map(|receipt| (receipt.message_id.as_str(), receipt.url.as_deref(), receipt.deduplicated))
            .collect();
        assert_eq!(
            receipts,
            [("msg_1", Some("https://a.example"), false), ("msg_2", Some("https://b.example"), true)]
        );
        assert!(!published.is_duplicate(), "one endpoint did get a new message");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_this_very_call_may_have_enqueued_is_no_duplicate() {
    type Failure = fn() -> Answer;
    // The failure before the answer, and whether the answer can be about another publish alone.
    let cases: [(Failure, bool); 4] =
        [(not_sent, true), (|| status(429, ""), true), (interrupted, false), (|| status(503, ""), false)];
    let message = || Message::to("https://example.com").deduplication_id("mine");
    for (failure, is_certain) in cases {
        let one = Script::new([failure(), ok(r#"{"messageId":"msg_1","deduplicated":true}"#)]);
        let published = one.client().publish(message()).await.unwrap();
        assert_eq!(published.is_duplicate(), is_certain, "{published:?}");

        let many = || Script::new([failure(), ok(r#"[{"messageId":"msg_1","deduplicated":true}]"#)]);
        let outcome = many().client().batch([message()]).await.unwrap();
        assert_eq!(outcome.into_result().unwrap()[0].is_duplicate(), is_certain);
        let results = many().client().publisher().publish(stream::iter([message()]));
        let published: Vec<_> = results.try_collect().await.unwrap();
        assert_eq!(published[0].is_duplicate(), is_certain);
    }
}

#[tokio::test]
async fn a_duplicate_is_reported_only_if_the_caller_asked_for_deduplication() {
    let duplicate = || [status(202, r#"{"messageId":"msg_1","deduplicated":true}"#)];
    let message = Message::to("https://example.com");
    let cases = [
        (message.clone().deduplication_id("mine"), true),
        (message.clone().deduplicate_by_content(), true),
        (message.clone(), false),
    ];
    for (message, reported) in cases {
        let published = Script::new(duplicate()).client().publish(message).await.unwrap();
        assert_eq!(published.is_duplicate(), reported);
        assert_eq!(published.receipts()[0].deduplicated, reported);
    }
}

#[tokio::test]
async fn unknown_fields_of_an_answer_are_ignored() {
    let server = Script::new([with_headers(
        ok(r#"{"messageId":"msg_1","url":null,"deduplicated":null,"new":{"a":1}}"#),
        &[("x-new", "1".to_owned())],
    )]);
    let published = server.client().publish(Message::to("https://example.com")).await.unwrap();
    assert_eq!(published.message_id().as_str(), "msg_1");
}

#[tokio::test]
async fn an_odd_field_of_a_receipt_costs_that_field_alone() {
    let server = Script::new([ok(r#"{"messageId":"msg_1","url":7,"deduplicated":true}"#)]);
    let published = server.client().publish(Message::to("https://h").deduplication_id("mine")).await.unwrap();
    let receipt = &published.receipts()[0];
    assert_eq!((receipt.message_id.as_str(), receipt.url.as_deref()), ("msg_1", None));
    assert!(receipt.deduplicated);
    assert_eq!(receipt.odd.get("url"), Some("7"));
}

#[tokio::test]
async fn a_destination_that_is_too_long_behind_the_base_url_is_refused() {
    let start = "https://example.com/";
    let longest = format!("{start}{}", "a".repeat(Url::MAX_LEN - start.len()));
    let server = Script::default();
    let error = server.client().publish(Message::to(longest)).await.unwrap_err();
    assert_eq!(error.to_string(), "invalid destination: the URL is longer than 65534 bytes");
    assert!(server.requests().is_empty());
}
