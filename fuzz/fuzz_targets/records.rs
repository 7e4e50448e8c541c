//! Records of the API: nothing panics, and one field hides no other, whatever its value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qstash_types::{
    DeadLetter, EndpointRecord, FlowControlRecord, GlobalParallelism, LogEntry, MessageLog, MessageRecord,
    QueueRecord, Receipt, ScheduleRecord, UrlGroupRecord,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{json, value::RawValue};

// The name of a field, a line break, and a JSON value for it; or a whole record.
fuzz_target!(|data: &[u8]| {
    check::<Receipt>(data, &["messageId"]);
    check::<MessageRecord>(data, &["messageId"]);
    check::<DeadLetter>(data, &["messageId", "dlqId"]);
    check::<QueueRecord>(data, &["name"]);
    check::<ScheduleRecord>(data, &["scheduleId"]);
    check::<UrlGroupRecord>(data, &["name"]);
    check::<EndpointRecord>(data, &[]);
    check::<LogEntry>(data, &["messageId"]);
    check::<MessageLog>(data, &["messageId"]);
    check::<FlowControlRecord>(data, &["flowControlKey"]);
    check::<GlobalParallelism>(data, &[]);
});

fn check<T: DeserializeOwned + Serialize>(data: &[u8], ids: &[&str]) {
    if let Ok(record) = serde_json::from_slice::<T>(data) {
        // What is written once is written alike for good.
        let written = serde_json::to_value(&record).unwrap();
        let again: T = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), written);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((name, value)) = text.split_once('\n') else { return };
    if ids.contains(&name) || serde_json::from_str::<&RawValue>(value).is_err() {
        return;
    }
    let ids: String = ids.iter().map(|id| format!("{}:\"{id}-1\",", json!(id))).collect();
    let text = format!("{{{ids}{}:{value}}}", json!(name));
    if let Err(error) = serde_json::from_str::<T>(&text) {
        panic!("{}: {text}: {error}", std::any::type_name::<T>());
    }
}
