//! The query of a call: filters, and where in a listing to go on.

use std::{
    fmt::{self, Write as _},
    time::SystemTime,
};

use qstash_types::{timestamp::unix_millis, without_secrets};

use crate::InvalidInput;

/// Parameters in the order in which they were given. A name may occur several times, which stands for a list: values are
/// never joined by commas, since a URL may contain one.
#[derive(Clone, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

/// What only says how much of a listing to give, and from where.
const PAGING: [&str; 2] = ["count", "cursor"];

impl Query {
    pub(crate) fn add(&mut self, name: &'static str, value: impl fmt::Display) {
        self.0.push((name, value.to_string()));
    }

    /// Adds a parameter that there is one of: the last value wins.
    pub(crate) fn replace(&mut self, name: &'static str, value: impl fmt::Display) {
        self.0.retain(|(own, _)| *own != name);
        self.add(name, value);
    }

    pub(crate) fn replace_time(&mut self, name: &'static str, time: SystemTime) {
        let millis = unix_millis::serialize(&time, serde_json::value::Serializer);
        self.replace(name, millis.expect("a time is written as a number"));
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| *own == name)
    }

    /// Refuses a query that selects everything, and one whose list of ids would make the server ignore its filters.
    pub(crate) fn selects_something(&self, ids: &'static str) -> Result<(), InvalidInput> {
        // The server takes commas for separators, and a list of nothing for no filter.
        let is_nothing = |value: &str| value.chars().all(|c| c == ',' || c.is_whitespace());
        if let Some((name, _)) = self.0.iter().find(|(_, value)| is_nothing(value)) {
            return Err(InvalidInput::new("filter", format!("{name} has no value beside commas")));
        }
        let mut filters = self.filters().filter(|name| *name != ids);
        match (self.has(ids), filters.next()) {
            (false, None) => Err(InvalidInput::new("filter", "without one, everything would be selected")),
            (true, Some(filter)) => {
                Err(InvalidInput::new("filter", format!("{filter} has no effect beside {ids}")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a filter for a call that is about everything.
    pub(crate) fn selects_everything(&self) -> Result<(), InvalidInput> {
        match self.filters().next() {
            Some(filter) => {
                Err(InvalidInput::new("filter", format!("{filter} contradicts a call about everything")))
            }
            None => Ok(()),
        }
    }

    fn filters(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name).filter(|name| !PAGING.contains(name))
    }
}

impl fmt::Display for Query {
    /// Writes the query with its question mark, or nothing when it is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separators = std::iter::once('?').chain(std::iter::repeat('&'));
        for ((name, value), separator) in self.0.iter().zip(separators) {
            write!(f, "{separator}{name}={}", encode(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Query {
    /// Leaves out the secret parts of a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name, value: &str| if name == "url" { without_secrets(value) } else { value.to_owned() };
        f.debug_map().entries(self.0.iter().map(|(name, value)| (name, shown(*name, value)))).finish()
    }
}

/// Percent-encodes everything but unreserved characters, for one segment of a path or one value of a query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            other => write!(encoded, "%{other:02X}").expect("text grows without failing"),
        }
    }
    encoded
}
