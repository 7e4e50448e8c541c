//! The fields of a JSON object in the body of a call: each is named in what is said about it.

use std::{fmt, time::Duration};

use qstash_types::duration;
use serde_json::{Map, Value};

use crate::reply::Refusal;

/// What was not taken out yet.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads an object; nothing at all is an object without fields.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Ok(Self(Map::new()));
        }
        let fields = serde_json::from_slice(body)
            .map_err(|error| Refusal::bad_request(format_args!("the body is no JSON object: {error}")))?;
        Ok(Self(fields))
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        self.take(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// A whole number, not negative.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, Refusal> {
        self.take(name, "a whole number that is not negative", Value::as_u64)
    }

    /// A span: a text as in `Upstash-Delay`, or a number of seconds. It is at most as long as this.
    pub(super) fn span(&mut self, name: &str, longest: Duration) -> Result<Option<Duration>, Refusal> {
        let span =
            self.take(name, "a span such as \"3d\", or a whole number of seconds", |value| match value {
                Value::String(text) if !text.is_empty() => duration::parse(text).ok(),
                value => value.as_u64().map(Duration::from_secs),
            })?;
        match span {
            Some(span) if span > longest => {
                let longest = duration::to_text(longest);
                Err(bad(name, format_args!("longer than {longest}, which is the most")))
            }
            span => Ok(span),
        }
    }

    fn take<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(&value) {
                Some(value) => Ok(Some(value)),
                None => Err(bad(name, format_args!("expected {expected}"))),
            },
        }
    }

    /// Refuses what nobody asked for: a field with a spelling mistake would be ignored otherwise.
    pub(super) fn end(self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            Some(name) => Err(bad(name, "there is no such field")),
            None => Ok(()),
        }
    }
}

/// Says what is wrong with a field.
pub(super) fn bad(name: &str, problem: impl fmt::Display) -> Refusal {
    let name: String = name.chars().take(64).collect();
    Refusal::bad_request(format_args!("{}: {problem}", name.escape_debug()))
}

/// A field that there must be.
pub(super) fn needed<T>(name: &str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| bad(name, "this field is needed"))
}
