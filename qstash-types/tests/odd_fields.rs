//! One odd field never hides the rest: of every record, and for every field but its id.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Debug;

use qstash_types::{
    DeadLetter, EndpointRecord, FlowControlRecord, GlobalParallelism, Label, LogEntry, MessageLog,
    MessageRecord, OddFields, QueueRecord, Receipt, ScheduleRecord, UrlGroupRecord,
};
use serde::{
    Deserializer,
    de::{DeserializeOwned, Visitor, value::Error},
    forward_to_deserialize_any,
};
use serde_json::{Value, json};

/// The wire names of a record's fields, as the type itself gives them to every deserializer.
fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Listener<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Listener<'_> {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            panic!("a record is a struct with names")
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            names: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            *self.0 = names;
            Err(serde::de::Error::custom("that was all"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    assert!(T::deserialize(Listener(&mut names)).is_err());
    assert!(!names.is_empty());
    names
}

/// A value of every type, texts that no decoder takes, numbers out of every range, words that nobody knows.
const WRONG: &[&str] = &[
    "true",
    "-1",
    "1.5",
    "1e400",
    "-1e400",
    "18446744073709551616",
    "9223372036854775807",
    r#""REDACTED:7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069""#,
    r#"" ""#,
    r#""..""#,
    r#""\ud800""#,
    r#""%ff=*""#,
    r#""PONDERING""#,
    "[]",
    "[null]",
    "[[1], {}]",
    "{}",
    r#"{"a": {"b": [1e400]}}"#,
    r#"{" ": 5}"#,
];

/// The record whose only fields are its ids, each with its own name for a value.
fn ids(ids: &[&str]) -> Value {
    ids.iter().map(|name| ((*name).to_owned(), json!(format!("{name}-1")))).collect()
}

/// The text of an object whose field has this value, whatever it is.
fn with(object: &Value, name: &str, json: &str) -> String {
    let mut fields: Vec<_> = object.as_object().unwrap().iter().filter(|(own, _)| *own != name).collect();
    fields.sort_by_key(|(name, _)| *name);
    let fields = fields.into_iter().map(|(name, value)| format!("{}: {value}", json!(name)));
    format!("{{{}}}", fields.chain([format!("{}: {json}", json!(name))]).collect::<Vec<_>>().join(", "))
}

fn check<T>(needed: &[&str], odd: impl Fn(&T) -> Vec<&OddFields>)
where
    T: Clone + Debug + PartialEq + serde::Serialize + DeserializeOwned,
{
    let name = std::any::type_name::<T>();
    let bare: T = serde_json::from_value(ids(needed)).unwrap();
    assert!(odd(&bare).iter().all(|odd| odd.is_empty()), "{name}");
    // Every field with the values that make it readable, found by trying.
    let readable = |field: &str| {
        let values =
            ["7", "true", r#""a""#, r#""YQ==""#, r#"{"a": ["b"]}"#, r#"["a"]"#, r#"{"a": "SUCCESS"}"#];
        let whole = values.into_iter().find(|json| {
            let read: T = serde_json::from_str(&with(&ids(needed), field, json)).unwrap();
            odd(&read).iter().all(|odd| odd.is_empty()) && read != bare
        });
        whole.map(|json| serde_json::from_str::<Value>(json).unwrap())
    };
    let fields = names::<T>().iter().copied().filter(|field| !needed.contains(field));
    let mut others = ids(needed);
    for field in fields.clone() {
        if let Some(value) = readable(field) {
            others[field] = value;
        }
    }
    for field in fields {
        let without: T = {
            let mut object = others.clone();
            object.as_object_mut().unwrap().remove(field);
            serde_json::from_value(object).unwrap()
        };
        for wrong in WRONG {
            let text = with(&others, field, wrong);
            let read: T =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {text}: {error}"));
            let seen = odd(&read).iter().find_map(|odd| odd.get(field));
            if seen.is_none() {
                // It was understood: alone, it makes a difference, unless it is another way to write that there is nothing.
                let alone: T = serde_json::from_str(&with(&ids(needed), field, wrong)).unwrap();
                assert!(
                    alone != bare || ["[]", "{}", r#"" ""#].contains(wrong),
                    "{name}.{field} swallows {wrong}"
                );
                continue;
            }
            assert_eq!(seen, Some(*wrong), "{name}.{field}");
            // Nothing else is lost: the other fields are written as they are without this one.
            let rest = |record: &T| {
                let mut written = serde_json::to_value(record).unwrap();
                written.as_object_mut().unwrap().remove(field);
                written
            };
            assert_eq!(rest(&read), rest(&without), "{name}.{field} = {wrong}");
        }
    }
}

#[test]
fn an_odd_field_is_seen_as_what_it_was_and_hides_no_other() {
    check::<Receipt>(&["messageId"], |record| vec![&record.odd]);
    check::<MessageRecord>(&["messageId"], |record| vec![&record.odd]);
    check::<DeadLetter>(&["messageId", "dlqId"], |record| vec![&record.message.odd, &record.odd]);
    check::<QueueRecord>(&["name"], |record| vec![&record.odd]);
    check::<ScheduleRecord>(&["scheduleId"], |record| vec![&record.odd]);
    check::<UrlGroupRecord>(&["name"], |record| vec![&record.odd]);
    check::<EndpointRecord>(&[], |record| vec![&record.odd]);
    check::<LogEntry>(&["messageId"], |record| vec![&record.odd]);
    check::<MessageLog>(&["messageId"], |record| vec![&record.odd]);
    check::<FlowControlRecord>(&["flowControlKey"], |record| vec![&record.odd]);
    check::<GlobalParallelism>(&[], |record| vec![&record.odd]);
}

#[test]
fn of_a_list_or_an_object_the_readable_elements_stay() {
    let log = r#"{"messageId": "msg_1", "events": [{"messageId": "msg_1", "state": "ERROR"}, {"state": "ACTIVE"}, 5]}"#;
    let log: MessageLog = serde_json::from_str(log).unwrap();
    assert_eq!(log.entries.len(), 1);
    assert!(log.odd.get("events").unwrap().contains("ACTIVE"));

    let message = r#"{"messageId": "msg_1", "labels": ["a", 5, "b,c", " "], "header": {"A": ["x", null, "y"], "B": 5, "C": "z"}}"#;
    let message: MessageRecord = serde_json::from_str(message).unwrap();
    let labels: Vec<_> = message.delivery.labels.iter().map(Label::as_str).collect();
    assert_eq!(labels, ["a", "b", "c"]);
    let headers = &message.delivery.headers;
    assert_eq!(headers.get_all("a").collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!((headers.get("b"), headers.get("c")), (None, Some("z")));
    assert_eq!(message.odd.iter().count(), 2);

    let schedule =
        r#"{"scheduleId": "scd_1", "lastScheduleStates": {"msg_1": "SUCCESS", "": "FAIL", "msg_2": 5}}"#;
    let schedule: ScheduleRecord = serde_json::from_str(schedule).unwrap();
    assert_eq!(schedule.last_states.len(), 1);
    assert!(!schedule.odd.is_empty());
}

#[test]
fn what_was_redacted_from_a_log_is_seen_as_such() {
    let entry =
        r#"{"messageId": "msg_1", "body": "REDACTED:00ff", "header": {"Authorization": ["REDACTED:00ff"]}}"#;
    let entry: LogEntry = serde_json::from_str(entry).unwrap();
    assert_eq!(entry.odd.get("body"), Some(r#""REDACTED:00ff""#));
    assert_eq!(entry.delivery.headers.get("authorization"), Some("REDACTED:00ff"));
}
