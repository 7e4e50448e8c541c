//! What the service leaves out, writes as nothing, or adds one day, never makes a record unreadable.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Debug;

use qstash_types::{
    DeadLetter, FlowControlRecord, GlobalParallelism, LogEntry, MessageLog, MessageRecord, QueueRecord,
    Receipt, ScheduleRecord, SigningKeys, UrlGroupRecord,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The ways to write that there is nothing, which mean the same as leaving the field out.
fn nothing(value: &Value) -> Vec<Value> {
    match value {
        Value::String(_) => vec![Value::Null, "".into()],
        Value::Bool(_) => vec![Value::Null, false.into()],
        _ => vec![Value::Null],
    }
}

fn without(record: &Value, field: &str) -> Value {
    let mut record = record.clone();
    record.as_object_mut().unwrap().remove(field).unwrap();
    record
}

fn with(record: &Value, field: &str, value: &Value) -> Value {
    let mut record = record.clone();
    record[field] = value.clone();
    record
}

fn read<T: DeserializeOwned>(record: Value) -> Option<T> {
    serde_json::from_value(record).ok()
}

/// Takes a record apart, field by field. Each must be kept, and only those that are needed may be missed.
fn check<T: Debug + PartialEq + Serialize + DeserializeOwned>(needed: &[&str], whole: &Value) {
    let name = std::any::type_name::<T>();
    let record: T = read(whole.clone()).unwrap_or_else(|| panic!("{name}"));
    let written = serde_json::to_value(&record).unwrap();
    assert_eq!(read::<T>(written).unwrap(), record, "{name}");

    let mut news = whole.clone();
    for (field, value) in [("new", json!({"a": [null]})), ("newer", Value::Null), ("newest", 1.into())] {
        news = with(&news, field, &value);
    }
    assert_eq!(read::<T>(news).as_ref(), Some(&record), "{name}");

    for (field, value) in whole.as_object().unwrap() {
        let absent = read::<T>(without(whole, field));
        assert_eq!(absent.is_none(), needed.contains(&field.as_str()), "{name} without {field}");
        let Some(absent) = absent else { continue };
        assert_ne!(absent, record, "{name} does not keep {field}");
        for nothing in nothing(value) {
            let read = read::<T>(with(whole, field, &nothing));
            assert_eq!(read.as_ref(), Some(&absent), "{name} with {field} = {nothing}");
        }
        if value.is_number() {
            assert!(read::<T>(with(whole, field, &0.into())).is_some(), "{name} with {field} = 0");
        }
    }
}

fn message() -> Value {
    json!({
        "messageId": "msg_3", "url": "https://example.com/hook", "topicName": "team", "endpointName": "one",
        "method": "POST", "header": {"Content-Type": ["application/json"], "X-Trace": ["abc"]},
        "body": "{\"hello\":\"world\"}", "maxRetries": 3, "retryDelayExpression": "1000",
        "notBefore": 1_754_565_618_803_u64, "createdAt": 1_754_565_618_803_u64,
        "callback": "https://example.com/cb", "callbackHeader": {"A": ["b"]},
        "failureCallback": "https://example.com/failed", "failureCallbackHeader": {"A": ["b"]},
        "queueName": "emails", "scheduleId": "scd_1", "callerIP": "88.240.188.2", "labels": ["a", "b"],
        "flowControlKey": "k", "parallelism": 2, "rate": 10, "period": 60
    })
}

fn entry() -> Value {
    json!({
        "time": 1_686_652_644_442_u64, "messageId": "msg_1", "state": "ERROR", "error": "boom",
        "url": "https://example.com", "nextDeliveryTime": 1_686_652_656_624_u64, "method": "POST",
        "header": {"Content-Type": ["application/json"]}, "body": "eyJhIjoxfQ==", "topicName": "team",
        "endpointName": "one", "scheduleId": "scd_1", "queueName": "emails", "responseStatus": 500,
        "responseBody": "Ym9vbQ==", "responseHeaders": {"X": ["1"]}, "timeout": 30_000,
        "callback": "https://example.com/cb", "callbackHeaders": {"A": ["b"]},
        "failureCallback": "https://example.com/failed", "failureCallbackHeaders": {"A": ["b"]}, "maxRetries": 3,
        "retryDelayExpression": "1000", "labels": ["a", "b"], "flowControlKey": "k", "parallelism": 2,
        "rate": 10, "period": 60
    })
}

#[test]
fn no_record_minds_what_is_missing_null_empty_or_new() {
    check::<Receipt>(
        &["messageId"],
        &json!({"messageId": "msg_1", "url": "https://a.example.com", "deduplicated": true}),
    );
    check::<MessageRecord>(&["messageId"], &message());

    let mut letter = message();
    for (field, value) in [
        ("dlqId", json!("1725323658779-0")),
        ("responseStatus", json!(500)),
        ("responseHeader", json!({"Content-Type": ["text/plain"]})),
        ("responseBody", json!("boom")),
    ] {
        letter = with(&letter, field, &value);
    }
    check::<DeadLetter>(&["dlqId", "messageId"], &letter);
    let base64 = with(&without(&letter, "body"), "bodyBase64", &"/wA=".into());
    let base64 = with(&without(&base64, "responseBody"), "responseBodyBase64", &"/wA=".into());
    check::<DeadLetter>(&["dlqId", "messageId"], &base64);

    check::<QueueRecord>(
        &["name"],
        &json!({
            "name": "my-queue", "createdAt": 1_623_345_678_001_u64, "updatedAt": 1_623_345_678_001_u64,
            "parallelism": 5, "lag": 100, "paused": true
        }),
    );
    check::<ScheduleRecord>(
        &["scheduleId"],
        &json!({
            "scheduleId": "scd_1", "cron": "CRON_TZ=America/New_York 0 4 * * *",
            "destination": "https://example.com", "createdAt": 1_754_565_618_803_u64, "method": "GET",
            "header": {"Content-Type": ["application/json"]}, "body": "{\"a\":1}", "retries": 3, "delay": 60,
            "timeout": 30, "callback": "https://example.com/cb", "failureCallback": "https://example.com/failed",
            "callbackHeader": {"A": ["b"]}, "failureCallbackHeader": {"A": ["b"]}, "callerIP": "127.0.0.1",
            "queueName": "emails", "flowControlKey": "k", "parallelism": 2, "rate": 10, "period": 60,
            "retryDelayExpression": "1000", "labels": ["a"], "isPaused": true,
            "lastScheduleTime": 1_755_095_280_020_u64, "nextScheduleTime": 1_755_095_340_000_u64,
            "lastScheduleStates": {"msg_9": "SUCCESS", "msg_10": "PONDERING"}, "error": "boom"
        }),
    );
    check::<UrlGroupRecord>(
        &["name"],
        &json!({
            "name": "my-group", "createdAt": 1_623_345_678_001_u64, "updatedAt": 1_623_345_678_001_u64,
            "endpoints": [{"name": "endpoint1", "url": "https://example.com/1"}, {"url": "https://example.com/2"}]
        }),
    );
    check::<LogEntry>(&["messageId"], &entry());
    check::<MessageLog>(&["messageId"], &json!({"messageId": "msg_1", "events": [entry()]}));
    check::<FlowControlRecord>(
        &["flowControlKey"],
        &json!({
            "flowControlKey": "k", "waitListSize": 7, "parallelismMax": 5, "parallelismCount": 1, "rateMax": 10,
            "rateCount": 3, "ratePeriod": 60, "ratePeriodStart": 1_708_000_000, "isPaused": true,
            "isPinnedParallelism": true, "isPinnedRate": true
        }),
    );
    check::<GlobalParallelism>(&[], &json!({"parallelismMax": 500, "parallelismCount": 3}));
}

#[test]
fn a_key_without_its_neighbour_is_no_pair_of_keys() {
    let keys = json!({"current": "sig_7kYj", "next": "sig_5ZB6", "new": 1});
    assert!(read::<SigningKeys>(keys.clone()).is_some());
    for field in ["current", "next"] {
        assert!(read::<SigningKeys>(without(&keys, field)).is_none());
    }
}

#[test]
fn older_spellings_are_read_as_well() {
    for (new, old) in [("responseHeaders", "responseHeader"), ("retryDelayExpression", "retryDelayExpr")] {
        let renamed = with(&without(&entry(), new), old, &entry()[new]);
        assert_eq!(read::<LogEntry>(renamed).unwrap(), read::<LogEntry>(entry()).unwrap());
    }
    let renamed = with(&without(&message(), "callerIP"), "callerIp", &message()["callerIP"]);
    for address in [renamed, with(&message(), "callerIp", &message()["callerIP"])] {
        assert_eq!(read::<MessageRecord>(address).unwrap(), read::<MessageRecord>(message()).unwrap());
    }
    for label in [json!("a,b"), json!(" a, ,b ")] {
        let single = with(&without(&message(), "labels"), "label", &label);
        assert_eq!(read::<MessageRecord>(single).unwrap(), read::<MessageRecord>(message()).unwrap());
    }
    let waiting: FlowControlRecord = read(json!({"flowControlKey": "k", "waitlistSize": 7})).unwrap();
    assert_eq!(waiting.wait_list_size, 7);
    let formerly: GlobalParallelism = read(json!({"waitListSize": 7})).unwrap();
    assert_eq!((formerly.parallelism_max, formerly.parallelism_count), (0, 0));
}
