//! Callbacks that independent libraries wrote, and what they must decode to.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use qstash_types::{Callback, FieldError, Headers};
use serde_json::Value;

const VECTORS: &str = include_str!("../vectors/callbacks.json");

/// Vectors that allow either verdict, with ours and why.
pub const CHOICES: &[(&str, Verdict, &str)] = &[
    ("doc-callback-verbatim", Verdict::Ok, "the undecodable field reports its own error"),
    (
        "no-source-message-id",
        Verdict::Reject,
        "the accessor of the id fails, the rest of the report stays usable",
    ),
    ("header-null-value", Verdict::Ok, "null is the same as no value"),
    (
        "header-number-value",
        Verdict::Reject,
        "the accessor of the headers fails, a number is not a header value",
    ),
    ("header-invalid-name", Verdict::Ok, "the map is a record of what was seen, not a request to be sent"),
    (
        "notBefore-empty-string",
        Verdict::Reject,
        "the accessor of the time fails, an empty text is not a number",
    ),
    (
        "notBefore-fraction",
        Verdict::Reject,
        "the accessor of the time fails, the wire has whole milliseconds",
    ),
    ("notBefore-overflow", Verdict::Reject, "the accessor of the time fails, nothing wraps around"),
    ("notBefore-negative", Verdict::Ok, "times before 1970 are times"),
    ("body-newlines", Verdict::Reject, "the accessor of the body fails, the service writes no line breaks"),
    ("body-non-canonical", Verdict::Ok, "the unused bits carry no data"),
    ("status-1000", Verdict::Ok, "a status is reported as it is"),
    ("status-negative", Verdict::Reject, "no HTTP response has a negative status"),
    ("empty-object", Verdict::Reject, "the accessor of the message id fails"),
];

/// What becomes of a callback.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It decodes to what the vector says.
    Ok,
    /// It does not decode, or the accessor of the odd field fails.
    Reject,
}

/// A callback, and what it must decode to.
#[derive(Debug)]
pub struct Vector(Value);

/// Every vector of the file.
pub fn all() -> Vec<Vector> {
    let document: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = document["vectors"].as_array().unwrap();
    assert_eq!(vectors.len() as u64, document["count"].as_u64().unwrap());
    vectors.iter().cloned().map(Vector).collect()
}

/// Panics with everything that came out otherwise than its vector says.
pub fn check_all<E: fmt::Display>(decoded: impl IntoIterator<Item = (Vector, Result<Callback, E>)>) {
    let failures: Vec<String> = decoded
        .into_iter()
        .filter_map(|(vector, decoded)| {
            vector.check(decoded).err().map(|why| format!("{}: {why}", vector.name()))
        })
        .collect();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

impl Vector {
    /// Its name in the file.
    pub fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    /// Whether either verdict is fine.
    pub fn is_open(&self) -> bool {
        self.0["strength"] == "may"
    }

    /// The bytes of the callback.
    pub fn body(&self) -> Vec<u8> {
        match (&self.0["json"], &self.0["json_base64"]) {
            (Value::String(text), _) => text.clone().into_bytes(),
            (_, Value::String(base64)) => BASE64_STANDARD.decode(base64).unwrap(),
            _ => generated(&self.0["json_gen"]),
        }
    }

    fn verdict(&self) -> Option<Verdict> {
        match CHOICES.iter().find(|(name, ..)| *name == self.name()) {
            Some((_, verdict, _)) => Some(*verdict),
            None if self.is_open() => None,
            None if self.0["expect"] == "ok" => Some(Verdict::Ok),
            None => Some(Verdict::Reject),
        }
    }

    /// Says what is wrong with the outcome of decoding. An error of a field's accessor is as good a refusal as one of
    /// the document.
    fn check(&self, decoded: Result<Callback, impl fmt::Display>) -> Result<(), String> {
        match (self.verdict(), decoded) {
            (None, _) | (Some(Verdict::Reject), Err(_)) => Ok(()),
            (Some(Verdict::Ok), Err(error)) => Err(format!("does not decode: {error}")),
            (Some(Verdict::Reject), Ok(callback)) => match first_field_error(&callback) {
                Some(_) => Ok(()),
                None => Err("decodes, and every accessor succeeds".into()),
            },
            (Some(Verdict::Ok), Ok(callback)) => compare(&callback, &self.0),
        }
    }
}

fn generated(parts: &Value) -> Vec<u8> {
    let one = |part: &Value| {
        let bytes = match &part["text"] {
            Value::String(text) => text.clone().into_bytes(),
            _ => BASE64_STANDARD.decode(part["base64"].as_str().unwrap()).unwrap(),
        };
        bytes.repeat(usize::try_from(part["repeat"].as_u64().unwrap_or(1)).unwrap())
    };
    parts.as_array().into_iter().flatten().flat_map(one).collect()
}

fn first_field_error(callback: &Callback) -> Option<FieldError> {
    let errors = [
        callback.headers().err(),
        callback.body().err(),
        callback.source_message_id().err(),
        callback.source_headers().err(),
        callback.source_body().err(),
        callback.not_before().err(),
        callback.created_at().err(),
    ];
    errors.into_iter().flatten().next()
}

fn compare(callback: &Callback, vector: &Value) -> Result<(), String> {
    let expected = &vector["expected"];
    let undecodable = |field: &str| {
        vector["undecodable"].as_array().is_some_and(|fields| fields.iter().any(|f| f == field))
    };
    let equal = |field: &str, actual: Value| {
        if actual == expected[field] {
            Ok(())
        } else {
            Err(format!("{field}: {actual} is not {}", expected[field]))
        }
    };
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map_or(Value::Null, Value::from);

    equal("status", callback.status().into())?;
    equal("retried", callback.retried().into())?;
    equal("max_retries", callback.max_retries().into())?;
    equal("source_message_id", text(callback.source_message_id().ok().map(AsRef::as_ref)))?;
    equal("dlq_id", text(callback.dlq_id().map(AsRef::as_ref)))?;
    equal("topic_name", text(callback.url_group().map(AsRef::as_ref)))?;
    equal("endpoint_name", text(callback.endpoint().map(AsRef::as_ref)))?;
    equal("url", text(Some(callback.url())))?;
    equal("method", text(Some(callback.method())))?;
    equal("schedule_id", text(callback.schedule_id().map(AsRef::as_ref)))?;
    equal("caller_ip", text(callback.caller_ip()))?;
    equal("not_before_ms", millis(callback.not_before().unwrap()))?;
    equal("created_at_ms", millis(callback.created_at().unwrap()))?;
    compare_headers("header", callback.headers().map_err(|e| e.to_string())?, &expected["header"])?;
    compare_headers(
        "source_header",
        callback.source_headers().map_err(|e| e.to_string())?,
        &expected["source_header"],
    )?;
    for (field, bytes) in [("body", callback.body()), ("source_body", callback.source_body())] {
        let generated = generated(&vector["expected_gen"][field]);
        match bytes {
            Err(_) if undecodable(field) => {}
            Err(error) => return Err(error.to_string()),
            Ok(bytes) if !generated.is_empty() => {
                if *bytes != generated {
                    return Err(format!("{field}: {} bytes differ", bytes.len()));
                }
            }
            Ok(bytes) => equal(&format!("{field}_base64"), BASE64_STANDARD.encode(bytes).into())?,
        }
    }
    Ok(())
}

fn millis(time: Option<SystemTime>) -> Value {
    let count = |span: Duration| i64::try_from(span.as_millis()).unwrap();
    time.map_or(Value::Null, |time| match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => count(after).into(),
        Err(before) => (-count(before.duration())).into(),
    })
}

fn compare_headers(field: &str, headers: &Headers, expected: &Value) -> Result<(), String> {
    let expected = expected.as_object().cloned().unwrap_or_default();
    for (name, values) in &expected {
        let wanted: Vec<&str> =
            values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
        let found: Vec<&str> = headers.get_all(name).collect();
        if !wanted.iter().all(|value| found.contains(value)) {
            return Err(format!("{field}.{name}: {found:?} is not {wanted:?}"));
        }
    }
    let invented =
        headers.iter().find(|(name, _)| !expected.keys().any(|own| own.eq_ignore_ascii_case(name)));
    invented.map_or(Ok(()), |(name, _)| Err(format!("{field}.{name}: not expected")))
}
