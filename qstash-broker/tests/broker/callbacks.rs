//! What callbacks and failure callbacks report, and to whom.

use std::{num::NonZeroU32, time::Duration};

use http::Method;
use qstash_broker::{PageRequest, RetryDeadLetters, Selector};
use qstash_types::{Callback, LogState};
use serde_json::Value;

use crate::sim::{Sim, answered, answered_with, json, message, publication, unreachable};

const CALLBACK: (&str, &str) = ("upstash-callback", "http://127.0.0.1:9/done");
const FAILURE_CALLBACK: (&str, &str) = ("upstash-failure-callback", "http://127.0.0.1:9/failed");

/// Ends attempts at the message with this outcome, and answers callbacks, until nothing is left to do. Returns the
/// callbacks by the last segment of their URL.
fn run_down(sim: &mut Sim, outcome: impl Fn() -> qstash_broker::AttemptEnd) -> Vec<(String, Value)> {
    let mut callbacks = Vec::new();
    loop {
        while let Some(delivery) = sim.running.front() {
            let path = delivery.url.as_str().rsplit('/').next().unwrap().to_owned();
            if path == "hook" {
                sim.end(outcome());
            } else {
                callbacks.push((path, json(&sim.end(answered(200)))));
            }
        }
        sim.until_next_attempt();
        if sim.running.is_empty() {
            return callbacks;
        }
    }
}

#[test]
fn a_callback_follows_every_attempt_and_the_failure_callback_the_last_one() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retries", "2"), CALLBACK, FAILURE_CALLBACK]));
    let callbacks = run_down(&mut sim, || answered(500));
    let seen: Vec<_> =
        callbacks.iter().map(|(path, body)| (path.as_str(), body["retried"].as_u64().unwrap())).collect();
    assert_eq!(seen, [("done", 0), ("done", 1), ("done", 2), ("failed", 2)]);
    let dead_letter = sim.broker.dead_letters().next().unwrap();
    let ids: Vec<_> = callbacks.iter().map(|(_, body)| body.get("dlqId")).collect();
    assert_eq!(ids, [None, None, None, Some(&Value::from(dead_letter.dlq_id.as_str()))]);
}

#[test]
fn a_success_is_called_back_and_is_no_failure() {
    let mut sim = Sim::new();
    sim.publish(message(&[CALLBACK, FAILURE_CALLBACK]));
    let callbacks = run_down(&mut sim, || answered_with(201, &[("x-seen", "yes")], "all good"));
    let [(path, body)] = &callbacks[..] else { panic!("{callbacks:?}") };
    assert_eq!(path, "done");
    let callback: Callback = serde_json::from_value(body.clone()).unwrap();
    assert!(callback.is_success());
    assert_eq!(callback.text().unwrap(), "all good");
    assert_eq!(callback.headers().unwrap().get("x-seen"), Some("yes"));
}

#[test]
fn a_non_retryable_error_fires_both_callbacks_although_retries_are_left() {
    let mut sim = Sim::new();
    sim.publish(message(&[CALLBACK, FAILURE_CALLBACK]));
    let callbacks = run_down(&mut sim, || answered_with(489, &[("upstash-nonretryable-error", "true")], ""));
    let paths: Vec<_> = callbacks.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["done", "failed"]);
    assert_eq!(callbacks[1].1["header"]["Upstash-Nonretryable-Error"], serde_json::json!(["true"]));
}

#[test]
fn without_a_response_the_status_is_zero_and_the_body_is_the_reason() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retries", "0"), FAILURE_CALLBACK]));
    let callbacks = run_down(&mut sim, unreachable);
    let body = &callbacks[0].1;
    assert_eq!((&body["status"], &body["header"]), (&0.into(), &serde_json::json!({})));
    let callback: Callback = serde_json::from_value(body.clone()).unwrap();
    assert_eq!(callback.text().unwrap(), "connection failed");
}

#[test]
fn a_callback_is_a_message_with_settings_of_its_own() {
    let mut sim = Sim::new();
    sim.publish(message(&[
        ("upstash-forward-x-trace", "abc"),
        ("upstash-label", "source"),
        CALLBACK,
        ("upstash-callback-method", "PUT"),
        ("upstash-callback-retries", "1"),
        ("upstash-callback-retry-delay", "2000"),
        ("upstash-callback-timeout", "20s"),
        ("upstash-callback-forward-x-job", "7"),
        ("upstash-callback-flow-control-key", "k"),
        ("upstash-callback-flow-control-value", "rate=3, period=1m"),
    ]));
    sim.end(answered(200));
    let callback = sim.next_delivery();
    assert_eq!(callback.method, Method::PUT);
    assert_eq!(callback.headers["x-job"], "7");
    assert_eq!(callback.headers["upstash-max-retries"], "1");
    assert_eq!(callback.headers["upstash-retry-delay"], "2000");
    assert_eq!(callback.headers["upstash-flow-control-value"], "rate=3,period=60");
    assert!(!callback.headers.contains_key("x-trace"));
    assert!(!callback.headers.contains_key("upstash-label"));
    let id = callback.headers["upstash-message-id"].to_str().unwrap();
    let record = sim.broker.message(id).unwrap();
    assert_eq!(record.delivery.flow_control.unwrap().key.as_str(), "k");
    let entry = sim.newest(&LogState::Active);
    assert_eq!(entry.timeout, Some(Duration::from_secs(20)));
    let limits = entry.delivery.flow_control.unwrap().limits;
    assert_eq!((limits.rate, limits.period), (NonZeroU32::new(3), Some(Duration::from_secs(60))));
    assert_eq!(sim.newest(&LogState::Delivered).delivery.callback_headers.get("x-job"), Some("7"));
}

#[test]
fn a_callback_has_as_many_retries_as_its_source_unless_it_says_otherwise() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retries", "1"), ("upstash-retry-delay", "1000"), CALLBACK]));
    sim.end(answered(200));
    let callback = sim.next_delivery();
    assert_eq!(callback.headers["upstash-max-retries"], "1");
    assert!(!callback.headers.contains_key("upstash-retry-delay"));
}

#[test]
fn a_callback_that_fails_for_good_is_a_dead_letter_and_calls_nobody_back() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retries", "1"), CALLBACK, FAILURE_CALLBACK]));
    sim.end(answered(200));
    let first = sim.end(answered(500));
    sim.until_next_attempt();
    let second = sim.end(answered(500));
    assert_eq!(first.headers["upstash-message-id"], second.headers["upstash-message-id"]);
    sim.until_next_attempt();
    assert!(sim.running.is_empty());
    let dead_letters: Vec<_> = sim.broker.dead_letters().collect();
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(dead_letters[0].message.url, "http://127.0.0.1:9/done");
}

#[test]
fn a_callback_carries_redacted_values_and_reads_of_it_do_not_show_them() {
    let mut sim = Sim::new();
    sim.publish(publication(
        "http://127.0.0.1:9/hook",
        &[
            ("upstash-redact-fields", "body, header[x-secret]"),
            ("upstash-forward-x-secret", "open sesame"),
            CALLBACK,
            ("upstash-callback-forward-x-secret", "open sesame"),
        ],
        "secret body",
    ));
    sim.end(answered(200));
    let callback = sim.next_delivery();
    let report: Callback = serde_json::from_slice(&callback.body).unwrap();
    assert_eq!(report.source_body().unwrap(), "secret body");
    assert_eq!(report.source_headers().unwrap().get("x-secret"), Some("open sesame"));
    assert_eq!(callback.headers["x-secret"], "open sesame");

    let id = callback.headers["upstash-message-id"].to_str().unwrap();
    let record = sim.broker.message(id).unwrap();
    assert!(record.delivery.body.starts_with(b"REDACTED:"));
    assert!(record.delivery.headers.get("x-secret").unwrap().starts_with("REDACTED:"));
    assert!(!sim.log().contains("open sesame"));
}

#[test]
fn a_callback_belongs_to_its_source_over_a_restart_and_over_another_try() {
    let mut sim = Sim::new();
    let source = sim.publish(message(&[
        ("upstash-callback", "http://127.0.0.1:9/callback"),
        ("upstash-callback-retries", "0"),
    ]));
    let source_of_newest = |sim: &Sim| sim.broker.entries().next().unwrap().message.source.clone();
    sim.end(answered(200));
    assert_eq!(source_of_newest(&sim), Some(source.message_id.clone()));
    sim.crash();
    sim.until_next_attempt();
    assert_eq!(source_of_newest(&sim), Some(source.message_id.clone()));
    sim.end(answered(500));
    let page = PageRequest { after: None, count: 1 };
    let selector = Selector::default();
    sim.call(RetryDeadLetters { selector, page, changes: Box::default() }).unwrap();
    assert_eq!(source_of_newest(&sim), Some(source.message_id));
}
