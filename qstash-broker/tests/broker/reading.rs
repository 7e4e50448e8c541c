//! What reads of the API show.

use std::time::Duration;

use qstash_broker::Time;
use qstash_types::LogState;
use serde_json::{Value, json};

use crate::sim::{START, Sim, answered, answered_with, message, publication, unreachable};

/// What stands in place of `hello`.
const DIGEST: &str = "REDACTED:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[test]
fn a_message_shows_how_it_is_delivered() {
    let mut sim = Sim::new();
    let receipt = sim.publish(publication(
        "http://127.0.0.1:9/hook",
        &[
            ("content-type", "application/json"),
            ("upstash-forward-x-trace", "abc"),
            ("upstash-delay", "90s"),
            ("upstash-retries", "2"),
            ("upstash-retry-delay", "1000"),
            ("upstash-callback", "http://127.0.0.1:9/done"),
            ("upstash-callback-forward-x-tenant", "42"),
            ("upstash-failure-callback", "http://127.0.0.1:9/failed"),
            ("upstash-failure-callback-forward-x-tenant", "43"),
            ("upstash-label", "a,b"),
            ("upstash-flow-control-key", "k"),
            ("upstash-flow-control-value", "parallelism=2, rate=10, period=1m"),
        ],
        r#"{"hello":"world"}"#,
    ));
    let record = sim.broker.message(receipt.message_id.as_str()).unwrap();
    assert_eq!(
        serde_json::to_value(record).unwrap(),
        json!({
            "messageId": receipt.message_id, "url": "http://127.0.0.1:9/hook", "method": "POST",
            "header": {"Content-Type": ["application/json"], "X-Trace": ["abc"]},
            "body": "{\"hello\":\"world\"}", "maxRetries": 2, "retryDelayExpression": "1000",
            "notBefore": 1_700_000_090_000_u64, "createdAt": 1_700_000_000_000_u64,
            "callback": "http://127.0.0.1:9/done", "callbackHeader": {"X-Tenant": ["42"]},
            "failureCallback": "http://127.0.0.1:9/failed", "failureCallbackHeader": {"X-Tenant": ["43"]},
            "callerIP": "127.0.0.1", "label": "a", "labels": ["a", "b"],
            "flowControlKey": "k", "parallelism": 2, "rate": 10, "period": 60,
        })
    );
}

#[test]
fn redacted_values_are_delivered_and_not_shown() {
    let mut sim = Sim::new();
    let receipt = sim.publish(publication(
        "http://127.0.0.1:9/hook",
        &[
            ("upstash-redact-fields", "body,header[X-Secret]"),
            ("upstash-forward-x-secret", "hello"),
            ("upstash-forward-x-open", "hello"),
            ("upstash-retries", "0"),
        ],
        "hello",
    ));
    let record = sim.broker.message(receipt.message_id.as_str()).unwrap();
    assert_eq!(record.delivery.body, DIGEST);
    assert_eq!(record.delivery.headers.get("x-secret"), Some(DIGEST));
    assert_eq!(record.delivery.headers.get("x-open"), Some("hello"));

    let delivery = sim.end(answered(500));
    assert_eq!(delivery.body, "hello");
    assert_eq!(delivery.headers["x-secret"], "hello");

    let dead_letter = sim.broker.dead_letters().next().unwrap();
    assert_eq!(dead_letter.message.delivery.body, DIGEST);
    assert_eq!(dead_letter.message.delivery.headers.get("x-secret"), Some(DIGEST));
    for entry in sim.broker.log() {
        assert_eq!(entry.delivery.body, DIGEST);
        assert_eq!(entry.delivery.headers.get("x-secret"), Some(DIGEST));
    }
}

#[test]
fn all_headers_can_be_redacted() {
    let mut sim = Sim::new();
    let receipt = sim.publish(message(&[
        ("upstash-redact-fields", "headers"),
        ("content-type", "hello"),
        ("upstash-forward-x-a", "hello"),
    ]));
    let record = sim.broker.message(receipt.message_id.as_str()).unwrap();
    assert_eq!(record.delivery.headers.get("content-type"), Some(DIGEST));
    assert_eq!(record.delivery.headers.get("x-a"), Some(DIGEST));
    assert_eq!(record.delivery.body, "{}");
}

#[test]
fn a_failed_attempt_is_logged_with_the_response_and_the_time_of_the_next_one() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retry-delay", "1000")]));
    sim.end(answered_with(500, &[("x-a", "1")], "boom"));
    let entry = serde_json::to_value(sim.newest(&LogState::Error)).unwrap();
    let field = |name: &str| entry.get(name).cloned().unwrap_or(Value::Null);
    assert_eq!(field("state"), "ERROR");
    assert_eq!(field("error"), "the destination answered 500");
    assert_eq!(field("nextDeliveryTime"), 1_700_000_001_000_u64);
    assert_eq!(field("responseStatus"), 500);
    assert_eq!(field("responseBody"), "Ym9vbQ==");
    assert_eq!(field("responseHeader"), json!({"X-A": ["1"]}));
    assert_eq!(field("responseHeaders"), json!({"X-A": ["1"]}));
    assert_eq!(field("retryDelayExpr"), "1000");
    assert_eq!(field("retryDelayExpression"), "1000");
}

#[test]
fn a_failed_attempt_without_a_response_is_logged_with_its_reason() {
    let mut sim = Sim::new();
    sim.publish(message(&[]));
    sim.end(unreachable());
    let entry = sim.newest(&LogState::Error);
    assert_eq!(entry.error.unwrap(), "connection failed");
    assert_eq!(entry.response_status, None);
    assert!(entry.response_headers.is_empty());
}

#[test]
fn only_failed_attempts_have_a_response_in_the_log() {
    let mut sim = Sim::new();
    sim.publish(message(&[]));
    sim.end(answered_with(200, &[], "all good"));
    assert!(sim.broker.log().all(|entry| entry.response_status.is_none() && entry.response_body.is_empty()));
}

#[test]
fn the_log_shows_the_newest_entry_first_with_its_time() {
    let mut sim = Sim::new();
    sim.publish(message(&[]));
    sim.pass(Duration::from_secs(5));
    sim.end(answered(200));
    let seen: Vec<_> =
        sim.broker.log().map(|entry| (entry.state.to_string(), Time::of(entry.time.unwrap()))).collect();
    let five_seconds_later = START + Duration::from_secs(5);
    assert_eq!(
        seen,
        [
            ("DELIVERED".to_owned(), five_seconds_later),
            ("ACTIVE".to_owned(), START),
            ("CREATED".to_owned(), START)
        ]
    );
}

#[test]
fn the_log_forgets_its_oldest_entries_before_it_holds_on_to_too_many_bytes() {
    let mut sim = Sim::new();
    let body: &'static str = "x".repeat(10 * 1024 * 1024).leak();
    let receipts: Vec<_> = (0..40)
        .map(|_| {
            let receipt = sim.publish(publication("http://127.0.0.1:9/hook", &[], body));
            sim.end(answered(200));
            receipt
        })
        .collect();
    let held: usize = sim.broker.log().map(|entry| entry.delivery.body.len()).sum();
    assert!(held <= 256 * 1024 * 1024, "{held}");
    assert!(sim.states(&receipts[0]).is_empty());
    assert_eq!(sim.states(&receipts[39]), ["CREATED", "ACTIVE", "DELIVERED"]);
}

#[test]
fn dead_letters_of_one_millisecond_are_counted_and_the_newest_comes_first() {
    let mut sim = Sim::new();
    for _ in 0..3 {
        sim.publish(message(&[("upstash-retries", "0")]));
        sim.end(answered(500));
    }
    sim.pass(Duration::from_millis(1));
    sim.publish(message(&[("upstash-retries", "0")]));
    sim.end(answered(500));
    let ids: Vec<_> = sim.broker.dead_letters().map(|entry| entry.dlq_id.to_string()).collect();
    assert_eq!(ids, ["1700000000001-0", "1700000000000-2", "1700000000000-1", "1700000000000-0"]);
}

#[test]
fn a_dead_letter_shows_the_last_response_if_there_was_one() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retries", "0")]));
    sim.end(answered_with(502, &[("content-type", "text/plain")], "boom"));
    sim.pass(Duration::from_millis(1));
    sim.publish(message(&[("upstash-retries", "0")]));
    sim.end(unreachable());
    let entries: Vec<_> =
        sim.broker.dead_letters().map(|entry| serde_json::to_value(entry).unwrap()).collect();
    let field = |entry: usize, name: &str| entries[entry].get(name).cloned().unwrap_or(Value::Null);
    assert_eq!(field(0, "responseStatus"), Value::Null);
    assert_eq!(field(0, "responseHeader"), Value::Null);
    assert_eq!(field(1, "responseStatus"), 502);
    assert_eq!(field(1, "responseHeader"), json!({"Content-Type": ["text/plain"]}));
    assert_eq!(field(1, "responseBody"), "boom");
}
