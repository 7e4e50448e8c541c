//! What the API answers: receipts, messages, dead letters, log entries, delivery headers.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use qstash_types::{
    Callback, CallbackParts, DeadLetter, DeliveryHeaders, FailureCallback, FlowControl, Headers, LogEntry,
    LogState, MessageRecord, QueueRecord, Receipt, Region, RunState, ScheduleRecord, UrlGroupRecord,
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
        "callbackHeader": {"X": ["1"]}, "failureCallback": "https://example.com/fcb", "failureCallbackHeader": {"Y": ["2"]},
        "body": "{\"hello\":\"world\"}", "maxRetries": 3, "notBefore": 1_754_565_618_803_u64, "createdAt": 1_754_565_618_803_u64,
        "callback": "https://example.com/cb", "callerIP": "88.240.188.2", "label": "a", "labels": ["a", "b"],
        "flowControlKey": "k", "parallelism": 2, "rate": 10, "period": 60
    }));
    assert_eq!(record.created_at, Some(at(1_754_565_618_803)));
    assert_eq!(record.delivery.headers.get("content-type"), Some("application/json"));
}

#[test]
fn a_body_that_is_not_text_travels_as_base64() {
    let record: MessageRecord = round_trip(&json!({
        "messageId": "msg_1", "url": "https://example.com", "method": "POST", "header": {}, "bodyBase64": "/wA=", "maxRetries": 0, "createdAt": 1
    }));
    assert_eq!(record.delivery.body.as_ref(), b"\xff\0");
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
    assert_eq!(letter.message.delivery.body.as_ref(), b"{}");
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
    assert_eq!(entry.delivery.body.as_ref(), br#"{"a":1}"#);
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
    let signed = DeliveryHeaders::from_lookup(|name| name.starts_with("upstash-max").then_some(&b"+3"[..]));
    assert_eq!(signed.max_retries, None);
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

#[test]
fn the_documented_schedule_keeps_every_field() {
    let record: ScheduleRecord = round_trip(&json!({
        "scheduleId": "scd_1", "cron": "CRON_TZ=America/New_York 0 4 * * *", "destination": "https://example.com",
        "createdAt": 1_754_565_618_803_u64, "method": "GET", "header": {"Content-Type": ["application/json"]},
        "body": "{\"a\":1}", "retries": 3, "delay": 60, "timeout": 30, "callback": "https://example.com/cb",
        "callbackHeader": {"X": ["1"]}, "failureCallback": "https://example.com/fcb", "failureCallbackHeader": {"Y": ["2"]},
        "callerIP": "127.0.0.1", "queueName": "emails", "flowControlKey": "k", "parallelism": 2, "rate": 10, "period": 60,
        "retryDelayExpression": "1000", "label": "a", "labels": ["a", "b"], "isPaused": true,
        "lastScheduleTime": 1_755_095_280_020_u64, "nextScheduleTime": 1_755_095_340_000_u64,
        "lastScheduleStates": {"msg_9": "SUCCESS", "msg_10": "PONDERING"}, "error": "boom"
    }));
    assert!(record.paused);
    assert_eq!(record.next_run, Some(at(1_755_095_340_000)));
    assert_eq!(record.delay, Some(Duration::from_secs(60)));
    assert_eq!(record.last_states["msg_9"], RunState::Success);
    assert_eq!(record.last_states["msg_10"], RunState::Unknown("PONDERING".into()));
}

#[test]
fn the_documented_url_group_and_queue_keep_every_field() {
    let group: UrlGroupRecord = round_trip(&json!({
        "name": "my-group", "createdAt": 1_623_345_678_001_u64, "updatedAt": 1_623_345_678_001_u64,
        "endpoints": [{"name": "endpoint1", "url": "https://example.com/1"}, {"url": "https://example.com/2"}]
    }));
    assert_eq!(group.endpoints[0].name.as_ref().unwrap().as_str(), "endpoint1");
    assert_eq!(group.endpoints[1].url, "https://example.com/2");
    let queue: QueueRecord = round_trip(&json!({
        "name": "my-queue", "createdAt": 1_623_345_678_001_u64, "updatedAt": 1_623_345_678_001_u64, "parallelism": 5,
        "lag": 100, "paused": false
    }));
    assert_eq!((queue.parallelism, queue.lag), (5, 100));
}

/// Every optional field as the service may write it when there is nothing to say.
fn with_nothing_in(fields: &[&str], nothing: &Value, mut record: Value) -> Value {
    for field in fields {
        record[*field] = nothing.clone();
    }
    record
}

#[test]
fn what_is_null_empty_or_zero_is_as_good_as_absent() {
    const TEXTS: &[&str] = &[
        "queueName",
        "flowControlKey",
        "callback",
        "failureCallback",
        "callerIP",
        "label",
        "retryDelayExpression",
        "body",
        "bodyBase64",
    ];
    const NUMBERS: &[&str] = &["parallelism", "rate", "period"];
    const OTHERS: &[&str] =
        &["method", "header", "callbackHeader", "failureCallbackHeader", "labels", "maxRetries", "notBefore"];
    const OF_SCHEDULES: &[&str] =
        &["isPaused", "delay", "timeout", "retries", "lastScheduleTime", "lastScheduleStates", "error"];

    let bare = json!({"messageId": "msg_1", "url": "https://example.com", "createdAt": 1});
    let least: MessageRecord = serde_json::from_value(bare.clone()).unwrap();
    let spellings = [
        with_nothing_in(TEXTS, &"".into(), bare.clone()),
        with_nothing_in(NUMBERS, &0.into(), bare.clone()),
        with_nothing_in(&[TEXTS, NUMBERS, OTHERS].concat(), &Value::Null, bare),
    ];
    for spelling in spellings {
        assert_eq!(serde_json::from_value::<MessageRecord>(spelling).unwrap(), least);
    }

    let bare = json!({"scheduleId": "scd_1", "cron": "* * * * *", "destination": "team", "createdAt": 1});
    let least: ScheduleRecord = serde_json::from_value(bare.clone()).unwrap();
    let spellings = [
        with_nothing_in(TEXTS, &"".into(), bare.clone()),
        with_nothing_in(&[NUMBERS, &["delay", "timeout"]].concat(), &0.into(), bare.clone()),
        with_nothing_in(&[TEXTS, NUMBERS, OTHERS, OF_SCHEDULES].concat(), &Value::Null, bare.clone()),
        with_nothing_in(&["labels"], &json!([""]), bare),
    ];
    for spelling in spellings {
        assert_eq!(serde_json::from_value::<ScheduleRecord>(spelling).unwrap(), least);
    }

    let bare = json!({"name": "x"});
    let nulls = json!({"name": "x", "createdAt": null, "updatedAt": null, "parallelism": null, "lag": null, "paused": null});
    assert_eq!(
        serde_json::from_value::<QueueRecord>(nulls).unwrap(),
        serde_json::from_value::<QueueRecord>(bare.clone()).unwrap()
    );
    for endpoints in [Value::Null, json!([])] {
        let nulls = json!({"name": "x", "createdAt": null, "updatedAt": null, "endpoints": endpoints});
        assert_eq!(
            serde_json::from_value::<UrlGroupRecord>(nulls).unwrap(),
            serde_json::from_value::<UrlGroupRecord>(bare.clone()).unwrap()
        );
    }
    let odd = json!({"name": "x", "endpoints": [{"name": "", "url": null}, {"new": 1}]});
    let odd: UrlGroupRecord = serde_json::from_value(odd).unwrap();
    assert_eq!(odd.endpoints[0], odd.endpoints[1]);
}

#[test]
fn the_address_of_a_publisher_is_read_under_either_spelling() {
    for spelling in ["callerIP", "callerIp"] {
        let mut wire =
            json!({"scheduleId": "scd_1", "cron": "* * * * *", "destination": "team", "createdAt": 1});
        wire[spelling] = "1.2.3.4".into();
        let record: ScheduleRecord = serde_json::from_value(wire).unwrap();
        assert_eq!(record.caller_ip.as_deref(), Some("1.2.3.4"));
    }
}

#[test]
fn headers_are_the_same_whatever_the_case_and_the_order_of_their_names() {
    let headers = |json: Value| serde_json::from_value::<Headers>(json).unwrap();
    let some = headers(json!({"X-Trace": ["a", "b"], "Content-Type": "text/plain"}));
    assert_eq!(some, headers(json!({"content-type": ["text/plain"], "x-trace": ["a", "b"]})));
    for other in [
        json!({"X-Trace": ["b", "a"], "Content-Type": "text/plain"}),
        json!({"X-Trace": ["a", "b"], "Content-Type": "Text/Plain"}),
        json!({"X-Trace": ["a", "b"]}),
        json!({"X-Trace": ["a", "b"], "Content-Type": "text/plain", "X": "1"}),
    ] {
        assert_ne!(some, headers(other));
    }
}
