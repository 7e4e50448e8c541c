//! What the API answers: receipts, messages, dead letters, log entries, delivery headers.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use qstash_types::{
    Callback, CallbackParts, DeadLetter, DeliveryHeaders, FailureCallback, FlowControl, LogEntry, LogState,
    MessageRecord, Receipt, Region,
};
use serde_json::{Value, json};

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

/// Reads a record and writes it again: what was there comes back, under the same names.
fn round_trip<T: serde::de::DeserializeOwned + serde::Serialize>(wire: &Value) -> T {
    let record: T = serde_json::from_value(wire.clone()).unwrap();
    assert_eq!(serde_json::to_value(&record).unwrap(), *wire);
    record
}

#[test]
fn a_receipt_is_read_whatever_is_left_out() {
    let receipt: Receipt = round_trip(&json!({"messageId": "msg_1"}));
    assert!(!receipt.deduplicated && receipt.url.is_none());
    let receipt: Receipt =
        round_trip(&json!({"messageId": "msg_1", "url": "https://a", "deduplicated": true}));
    assert!(receipt.deduplicated);
    serde_json::from_value::<Receipt>(
        json!({"messageId": "msg_1", "url": null, "deduplicated": null, "new": 1}),
    )
    .unwrap();
    assert!(serde_json::from_value::<Receipt>(json!({"messageId": ""})).is_err());
}

#[test]
fn the_documented_message_keeps_every_field() {
    let record: MessageRecord = round_trip(&json!({
        "messageId": "msg_3", "url": "https://example.com/hook", "method": "POST",
        "header": {"Content-Type": ["application/json"], "X-Trace": ["abc"]},
        "body": "{\"hello\":\"world\"}", "maxRetries": 3, "notBefore": 1_754_565_618_803_u64, "createdAt": 1_754_565_618_803_u64,
        "callback": "https://example.com/cb", "callerIP": "88.240.188.2", "label": "a", "labels": ["a", "b"],
        "flowControlKey": "k", "parallelism": 2, "rate": 10, "period": 60
    }));
    assert_eq!(record.created_at, at(1_754_565_618_803));
    assert_eq!(record.headers.get("content-type"), Some("application/json"));
}

#[test]
fn a_body_that_is_not_text_travels_as_base64() {
    let record: MessageRecord = round_trip(&json!({
        "messageId": "msg_1", "url": "https://example.com", "method": "POST", "header": {}, "bodyBase64": "/wA=", "maxRetries": 0, "createdAt": 1
    }));
    assert_eq!(record.body.as_ref(), b"\xff\0");
}

#[test]
fn the_documented_dead_letter_keeps_every_field() {
    let letter: DeadLetter = round_trip(&json!({
        "dlqId": "1725323658779-0", "messageId": "msg_1", "url": "https://example.com", "method": "POST",
        "header": {"Content-Type": ["application/json"]}, "body": "{}", "maxRetries": 3, "notBefore": 1_725_323_600_000_u64,
        "createdAt": 1_725_323_600_000_u64, "callerIP": "1.2.3.4", "responseStatus": 500,
        "responseHeader": {"Content-Type": ["text/plain"]}, "responseBody": "boom"
    }));
    assert_eq!(letter.response_body.as_ref(), b"boom");
    assert_eq!(letter.message.body.as_ref(), b"{}");
}

#[test]
fn a_log_entry_is_read_under_either_spelling_and_written_under_both() {
    let entry: LogEntry = serde_json::from_value(json!({
        "time": 1_686_652_644_442_u64, "messageId": "msg_1", "state": "ERROR", "error": "boom", "url": "https://example.com",
        "nextDeliveryTime": 1_686_652_656_624_u64, "method": "POST", "maxRetries": 3, "header": {"Content-Type": ["application/json"]},
        "body": "eyJhIjoxfQ==", "responseStatus": 500, "responseBody": "Ym9vbQ==", "responseHeaders": {"X": ["1"]},
        "retryDelayExpr": "1000", "label": "a", "labels": ["a"]
    }))
    .unwrap();
    assert_eq!(entry.body.as_ref(), br#"{"a":1}"#);
    assert_eq!(entry.response_body.as_ref(), b"boom");
    let written = serde_json::to_value(&entry).unwrap();
    for (first, second) in [("responseHeader", "responseHeaders"), ("retryDelayExpr", "retryDelayExpression")]
    {
        assert_eq!(written[first], written[second]);
        assert!(!written[first].is_null());
    }
}

#[test]
fn a_state_that_is_not_known_yet_does_not_break_decoding() {
    for (wire, state) in [
        ("CANCELED", LogState::Canceled),
        ("CANCELLED", LogState::Canceled),
        ("DELIVERED", LogState::Delivered),
        ("PONDERING", LogState::Unknown("PONDERING".into())),
    ] {
        assert_eq!(serde_json::from_value::<LogState>(wire.into()).unwrap(), state);
    }
}

#[test]
fn delivery_headers_are_written_in_the_spelling_of_the_service() {
    let mut delivery = DeliveryHeaders::default();
    delivery.message_id = Some("msg_1".parse().unwrap());
    delivery.retried = Some(1);
    delivery.max_retries = Some(3);
    delivery.region = Some(Region::EuCentral1);
    delivery.caller_ip = Some("127.0.0.1".into());
    delivery.flow_control = Some(FlowControl::new("k").unwrap().parallelism(2));
    delivery.labels = vec!["a".parse().unwrap(), "b".parse().unwrap()];
    let mut headers = HeaderMap::new();
    delivery.write(&mut headers);
    for (name, value) in [
        ("upstash-message-id", "msg_1"),
        ("upstash-retried", "1"),
        ("upstash-retries", "1"),
        ("upstash-max-retries", "3"),
        ("upstash-region", "EU-CENTRAL-1"),
        ("upstash-caller-ip", "127.0.0.1"),
        ("upstash-flow-control-key", "k"),
        ("upstash-flow-control-value", "parallelism=2,period=1"),
        ("upstash-label", "a,b"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(headers.len(), 9);
    let read = DeliveryHeaders::from_lookup(|name| headers.get(name).map(http::HeaderValue::as_bytes));
    delivery.flow_control =
        Some(FlowControl::new("k").unwrap().parallelism(2).period(Duration::from_secs(1)));
    assert_eq!(read, delivery);
}

#[test]
fn odd_delivery_headers_are_absent_rather_than_an_error() {
    let odd = DeliveryHeaders::from_lookup(|_| Some(b"\xff\xff"));
    assert_eq!(odd, DeliveryHeaders::default());
    assert_eq!(DeliveryHeaders::from_lookup(|_| Some(b"")), DeliveryHeaders::default());
}

#[test]
fn a_callback_body_is_written_in_the_documented_form() {
    let parts = CallbackParts {
        status: 500,
        headers: [("Content-Type".to_owned(), vec!["text/plain".to_owned()])].into_iter().collect(),
        body: "boom".into(),
        retried: 3,
        max_retries: 3,
        dlq_id: Some("1725323658779-0".parse().unwrap()),
        source_message_id: Some("msg_1".parse().unwrap()),
        url: "https://example.com/hook".into(),
        method: "POST".into(),
        source_body: r#"{"a":1}"#.into(),
        not_before: Some(at(1_701_198_458_025)),
        created_at: Some(at(1_701_198_447_054)),
        caller_ip: Some("178.247.74.179".into()),
        ..CallbackParts::default()
    };
    let written = serde_json::to_value(&parts).unwrap();
    assert_eq!(
        written,
        json!({
            "status": 500, "header": {"Content-Type": ["text/plain"]}, "body": "Ym9vbQ==", "retried": 3, "maxRetries": 3,
            "dlqId": "1725323658779-0", "sourceMessageId": "msg_1", "url": "https://example.com/hook", "method": "POST",
            "sourceHeader": {}, "sourceBody": "eyJhIjoxfQ==", "notBefore": 1_701_198_458_025_u64,
            "createdAt": 1_701_198_447_054_u64, "callerIP": "178.247.74.179"
        })
    );
    let failure: FailureCallback = serde_json::from_value(written).unwrap();
    assert_eq!(failure.dlq_id().unwrap().as_str(), "1725323658779-0");
    let callback = failure.into_callback();
    assert!(!callback.is_success() && callback.is_last_attempt());
    assert_eq!(callback.source_json::<Value>().unwrap(), json!({"a": 1}));
    assert_eq!(callback.json::<Value>().unwrap_err().field(), "body");
    assert_eq!(Callback::from(parts).text().unwrap(), "boom");
}
