//! Callbacks that are odd in one place, and stay usable in all others.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::{Duration, SystemTime};

use qstash_types::{Callback, CallbackParts, FailureCallback, FieldError};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// A good report but for these fields.
fn report(fields: &str) -> String {
    format!(r#"{{"status": 503, "sourceMessageId": "msg_1", "retried": 1, "body": "aGVsbG8=", {fields}}}"#)
}

/// Reads the report, and makes sure that nothing is missing because of these fields.
fn usable(fields: &str) -> Callback {
    let callback = serde_json::from_str(&report(fields)).unwrap_or_else(|error| panic!("{fields}: {error}"));
    complete(callback, fields)
}

fn complete(callback: Callback, fields: &str) -> Callback {
    assert_eq!(callback.status(), 503, "{fields}");
    assert_eq!(callback.source_message_id().unwrap().as_str(), "msg_1", "{fields}");
    assert_eq!(callback.text().unwrap(), "hello", "{fields}");
    callback
}

#[test]
fn only_an_object_is_a_callback() {
    let members: Value = serde_json::from_str(&report(r#""maxRetries": 3"#)).unwrap();
    for other in ["[]", "[200]", "[200, null, null, 0, 3]", "[{}]", "200", "true", &format!("[{members}]")] {
        assert!(serde_json::from_str::<Callback>(other).is_err(), "{other}");
        assert!(serde_json::from_str::<FailureCallback>(other).is_err(), "{other}");
    }
    for (before, behind) in [("\u{feff}", ""), ("", "\0"), ("", "{}"), ("", ",")] {
        assert!(serde_json::from_str::<Callback>(&format!("{before}{members}{behind}")).is_err());
    }
}

#[test]
fn an_object_that_says_nothing_of_a_delivery_is_no_callback() {
    for other in [
        "{}",
        r#"{"a": 1}"#,
        r#"{"status": null, "sourceMessageId": null, "retried": null}"#,
        r#"{"sourceMessageId": "", "dlqId": ""}"#,
        r#"{"body": "aGk=", "url": "https://example.com", "method": "POST", "header": {}}"#,
    ] {
        let errors = [
            Callback::from_json(other.as_bytes()).unwrap_err().to_string(),
            FailureCallback::from_json(other.as_bytes()).unwrap_err().to_string(),
        ];
        assert_eq!(errors, ["not a callback", "not a callback"], "{other}");
        assert!(serde_json::from_str::<Callback>(other).is_err(), "{other}");
        assert!(serde_json::from_str::<FailureCallback>(other).is_err(), "{other}");
    }
    for least in
        [r#"{"status": 0}"#, r#"{"sourceMessageId": "msg_1"}"#, r#"{"retried": 0}"#, r#"{"dlqId": "1-0"}"#]
    {
        Callback::from_json(least.as_bytes()).unwrap_or_else(|error| panic!("{least}: {error}"));
    }
}

/// Even what no reader of JSON takes, such as a number beyond every range, is found by the accessor.
#[test]
fn what_cannot_be_read_at_all_hides_nothing_else() {
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    for value in ["1e400", r#"{"A": 1e400}"#, r#"{"A": "\ud800"}"#, &format!(r#"{{"A": {deep}}}"#)] {
        let fields = ["header", "sourceHeader", "sourceBody", "notBefore", "createdAt"];
        let fields = fields.map(|field| format!(r#""{field}": {value}"#)).join(", ");
        let callback = Callback::from_json(report(&fields).as_bytes()).unwrap();
        let callback = complete(callback, value);
        let errors = [
            callback.headers().unwrap_err(),
            callback.source_headers().unwrap_err(),
            callback.source_body().unwrap_err(),
            callback.not_before().unwrap_err(),
            callback.created_at().unwrap_err(),
        ];
        let fields = errors.map(|error| error.field());
        assert_eq!(fields, ["header", "sourceHeader", "sourceBody", "notBefore", "createdAt"], "{value}");
    }
}

/// Reads reports in which this field has these values, and asks for it each time.
fn refused<T>(field: &str, accessor: impl Fn(&Callback) -> Result<T, FieldError>, values: &[&str]) {
    for value in values {
        let callback = usable(&format!(r#""{field}": {value}"#));
        let error = accessor(&callback).err().unwrap_or_else(|| panic!("{field}: {value}"));
        assert_eq!(error.field(), field, "{value}");
    }
}

#[test]
fn odd_headers_hide_nothing_else() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let values = [
        r#""a""#,
        "5",
        "-5",
        "0.5",
        "true",
        "[]",
        r#"[["a", "b"]]"#,
        r#"{"A": 5}"#,
        r#"{"A": {"B": "c"}}"#,
        r#"{"A": ["b", 5], "B": "c"}"#,
        &deep,
    ];
    refused("header", |callback| callback.headers().cloned(), &values);
    refused("sourceHeader", |callback| callback.source_headers().cloned(), &values);
}

#[test]
fn a_body_that_is_not_base64_hides_nothing_else() {
    let values =
        [r#""-_+/""#, r#""aGk=\u0000""#, r#""aG\u0000k=""#, r#"" aGk=""#, r#""aGk=\n""#, r#""=""#, r#""a""#];
    refused("sourceBody", |callback| callback.source_body().cloned(), &values);

    // Half a surrogate pair is no text, so only the reader of bytes takes it.
    let json = report(r#""sourceBody": "\ud800""#);
    let callback = complete(Callback::from_json(json.as_bytes()).unwrap(), &json);
    assert_eq!(callback.source_body().unwrap_err().field(), "sourceBody");
}

#[test]
fn a_body_that_is_no_text_hides_nothing_else() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let deep_object = format!(r#"{{"a": {deep}, "b": 1}}"#);
    let lists = ["[]", r#"["aGk="]"#, &deep];
    refused("sourceBody", |callback| callback.source_body().cloned(), &lists);

    let others = ["12", "-5", "0.5", "true", "false", "{}", r#"{"a": {"b": 1}, "c": 2}"#, &deep_object];
    for value in others.iter().chain(&lists) {
        let fields = format!(r#""sourceBody": {value}, "header": {{"A": "b"}}, "maxRetries": 3"#);
        let callback = complete(Callback::from_json(report(&fields).as_bytes()).unwrap(), value);
        assert_eq!(usable(&fields), callback);
        assert_eq!(callback.source_body().unwrap_err().field(), "sourceBody", "{value}");
        assert_eq!((callback.max_retries(), callback.headers().unwrap().get("a")), (3, Some("b")), "{value}");

        let json = format!(r#"{{"status": 503, "body": {value}, "sourceBody": null, "dlqId": "1-0"}}"#);
        let failure = FailureCallback::from_json(json.as_bytes()).unwrap();
        assert_eq!(failure.dlq_id().unwrap().as_str(), "1-0", "{value}");
        assert_eq!(failure.callback().body().unwrap_err().field(), "body", "{value}");
        assert_eq!(failure.callback().source_body().unwrap(), "", "{value}");
    }
}

#[test]
fn a_callback_is_read_alike_wherever_it_stands() {
    #[derive(Deserialize)]
    struct Newtype(Callback);

    #[derive(Deserialize)]
    struct Flat {
        #[serde(flatten)]
        callback: Callback,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Callback(Box<Callback>),
    }

    fn read<T: DeserializeOwned>(json: &str) -> T {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    for body in
        ["12", "0.5", "true", "null", "[]", r#"["aGk="]"#, r#"{"a": {"b": 1}}"#, r#""***""#, r#""aGk=""#]
    {
        let json = report(&format!(r#""sourceBody": {body}"#));
        let callback = Callback::from_json(json.as_bytes()).unwrap();
        assert_eq!(read::<Callback>(&json), callback);
        assert_eq!(*read::<Box<Callback>>(&json), callback);
        assert_eq!(read::<Option<Callback>>(&json), Some(callback.clone()));
        assert_eq!(read::<(Callback,)>(&format!("[{json}]")).0, callback);
        assert_eq!(*read::<FailureCallback>(&json).callback(), callback);
        assert_eq!(read::<Newtype>(&json).0, callback);
        assert_eq!(read::<Flat>(&json).callback, callback);
        let Either::Callback(read) = read(&json);
        assert_eq!(*read, callback);
    }
}

#[test]
fn bytes_that_are_no_text_hide_nothing_that_another_way_of_reading_finds() {
    let values: [&[u8]; 6] = [
        b"{\"k\": \"\xff\"}",
        b"[\"\xff\"]",
        b"\"\xff\"",
        b"{\"\xff\": 5}",
        b"\xff",
        b"{\"k\": [\"a\xed\xa0\x80\"]}",
    ];
    let fields = ["body", "sourceBody", "header", "sourceHeader", "notBefore", "url", "foreign"];
    let mut readable = 0;
    for (field, value) in fields.iter().flat_map(|field| values.map(|value| (field, value))) {
        let document = [format!(r#"{{"status": 503, "{field}": "#).as_bytes(), value, b"}"].concat();
        let by_serde: Result<Callback, _> = serde_json::from_slice(&document);
        if let Ok(by_serde) = by_serde {
            let own = Callback::from_json(&document)
                .unwrap_or_else(|error| panic!("{}: {error}", document.escape_ascii()));
            assert_eq!(own.status(), 503);
            assert_eq!(own, by_serde);
            readable += 1;
        }
    }
    assert!(readable > 0);
}

#[test]
fn an_odd_body_excuses_nothing_else() {
    for mistake in [
        r#""status": -1, "body": 5"#,
        r#""body": 5, "status": -1"#,
        r#""body": 5, "body": 5"#,
        r#""body": 5, "status": 200, "status": 200"#,
        r#""body": {"a": 1"#,
        r#""body": 5} {"a": 1"#,
        r#""body": 5, "x": "\ud800"#,
    ] {
        let error = Callback::from_json(format!("{{{mistake}}}").as_bytes()).unwrap_err();
        assert!(std::error::Error::source(&error).is_some(), "{mistake}");
    }
}

#[test]
fn an_odd_time_hides_nothing_else() {
    let values = [
        r#""+5""#,
        r#""-5""#,
        r#"" 5""#,
        r#""5 ""#,
        r#""5.0""#,
        r#""1e3""#,
        r#""0x5""#,
        r#""٥""#,
        "0.5",
        "1e300",
        "18446744073709551615",
        r#""99999999999999999999""#,
        "[5]",
        "true",
    ];
    refused("notBefore", Callback::not_before, &values);
    refused("createdAt", Callback::created_at, &values);
}

#[test]
fn a_time_is_a_whole_number_however_it_is_written() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_701_198_458_025);
    for spelling in
        ["1701198458025", "1701198458025.0", "1.701198458025e12", r#""1701198458025""#, r#""01701198458025""#]
    {
        for field in ["notBefore", "createdAt"] {
            let callback = usable(&format!(r#""{field}": {spelling}"#));
            let times = [callback.not_before().unwrap(), callback.created_at().unwrap()];
            assert!(times.contains(&Some(time)), "{field}: {spelling}");
        }
    }
}

#[test]
fn no_header_value_gets_lost() {
    let callback = usable(r#""header": {"X-A": ["1"], "x-a": "2", "B": null, "X-A": ["3", "4"]}"#);
    assert_eq!(callback.headers().unwrap().get_all("X-a").collect::<Vec<_>>(), ["1", "2", "3", "4"]);
}

#[test]
fn the_right_spelling_wins_unless_there_is_nothing_in_it() {
    let id = |members: &str| {
        let callback: Callback = serde_json::from_str(members).unwrap();
        callback.source_message_id().map(ToString::to_string).ok()
    };
    for nothing in ["null", r#""""#] {
        assert_eq!(
            id(&format!(r#"{{"sourceMessageId": {nothing}, "sourceMessasgeId": "b"}}"#)).unwrap(),
            "b"
        );
        assert_eq!(usable(&format!(r#""callerIP": {nothing}, "callerIp": "::1""#)).caller_ip(), Some("::1"));
        assert_eq!(usable(&format!(r#""callerIP": "::1", "callerIp": {nothing}"#)).caller_ip(), Some("::1"));
        assert_eq!(usable(&format!(r#""callerIP": {nothing}, "callerIp": {nothing}"#)).caller_ip(), None);
    }
    assert_eq!(id(r#"{"sourceMessasgeId": "b", "sourceMessageId": "a"}"#).unwrap(), "a");
    assert_eq!(usable(r#""callerIp": "::2", "callerIP": "::1""#).caller_ip(), Some("::1"));
}

#[test]
fn an_id_that_cannot_be_used_is_none() {
    for id in ["null", r#""""#, r#"" ""#, r#"".""#, r#""..""#] {
        let fields = format!(r#""dlqId": {id}, "topicName": {id}, "endpointName": {id}, "scheduleId": {id}"#);
        let callback = usable(&fields);
        let ids = (callback.dlq_id(), callback.url_group(), callback.endpoint(), callback.schedule_id());
        assert_eq!(ids, (None, None, None, None), "{id}");
    }
    let callback: Callback = serde_json::from_str(r#"{"status": 503, "sourceMessageId": "."}"#).unwrap();
    assert_eq!(callback.source_message_id().unwrap_err().field(), "sourceMessageId");
}

#[test]
fn the_id_of_a_dead_letter_may_lack_its_quotation_marks() {
    let failure: FailureCallback = serde_json::from_str(&report(r#""dlqId": 1725323658779"#)).unwrap();
    assert_eq!(failure.dlq_id().unwrap().as_str(), "1725323658779");
    for other in ["-1", "1.5", "true", "[]", r#"{"id": "1-0"}"#] {
        assert!(
            serde_json::from_str::<Callback>(&report(&format!(r#""dlqId": {other}"#))).is_err(),
            "{other}"
        );
    }
}

#[test]
fn whatever_the_service_adds_is_ignored() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    for news in [r#""x": 1, "x": 2"#, r#""x": 1e999"#, r#""x": "\ud800""#, &format!(r#""x": {deep}"#)] {
        usable(news);
    }
}

#[test]
fn debug_output_shows_no_body_and_no_secret_of_the_url() {
    let parts = CallbackParts {
        status: 503,
        url: "https://user:canary@example.com/hook?token=canary".into(),
        body: "canary".into(),
        source_body: "canary".into(),
        ..CallbackParts::default()
    };
    let callback = Callback::from(parts.clone());
    for shown in
        [format!("{parts:?}"), format!("{callback:?}"), format!("{:?}", FailureCallback::from(parts))]
    {
        assert!(shown.contains("https://example.com/hook") && shown.contains("503"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
