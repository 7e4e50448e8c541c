//! The query of a call: filters, and where in a listing to continue.

use std::{fmt, time::SystemTime};

use qstash_types::{percent::encode, timestamp::unix_millis, without_secrets};

use crate::error::InvalidInput;

/// Parameters in the order in which they were given. A name may occur several times, which stands for a list: values are
/// never joined by commas, since a URL may contain one.
#[derive(Clone, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

/// As many as the smallest page of the service has.
const MOST_IDS: usize = 100;

/// What one call of a bulk action is about, and where the next one continues.
pub(crate) struct Part {
    pub(crate) query: Query,
    next: Next,
}

enum Next {
    /// At the cursor of the answer.
    AsTheServerSays,
    /// At this id, or nowhere.
    Id(Option<String>),
}

impl Part {
    /// Whether it is a part of a list of ids.
    pub(crate) fn is_of_ids(&self) -> bool {
        matches!(self.next, Next::Id(_))
    }

    /// Where the next call continues.
    pub(crate) fn cursor(self, answered: Option<String>) -> Option<String> {
        match self.next {
            Next::AsTheServerSays => answered,
            Next::Id(next) => next,
        }
    }
}

/// Parameters that select nothing: how many entries, and from where on.
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

    /// What one call of a bulk action is about. A list of ids is cut, since servers limit the length of URLs and take no more
    /// ids than a page has entries; the cursor is the first id of the next part then.
    pub(crate) fn part(&self, ids: &'static str) -> Result<Part, InvalidInput> {
        let mut list: Vec<&String> = Vec::new();
        for (_, id) in self.0.iter().filter(|(name, _)| *name == ids) {
            if !list.contains(&id) {
                list.push(id);
            }
        }
        if list.is_empty() {
            return Ok(Part { query: self.clone(), next: Next::AsTheServerSays });
        }
        let start = match self.get("cursor") {
            None => 0,
            Some(cursor) => list.iter().position(|id| *id == cursor).ok_or_else(|| {
                InvalidInput::new("cursor", "not one of an answer to a call with these ids")
            })?,
        };
        let size = self.get("count").and_then(|count| count.parse().ok()).unwrap_or(MOST_IDS).min(MOST_IDS);
        let (part, rest) = list[start..].split_at(size.min(list.len() - start));
        let query = Self(part.iter().map(|id| (ids, (*id).clone())).collect());
        Ok(Part { query, next: Next::Id(rest.first().map(|id| (*id).clone())) })
    }

    /// The same query for each id alone.
    pub(crate) fn one_by_one(&self) -> impl Iterator<Item = Self> {
        self.0.iter().map(|pair| Self(vec![pair.clone()]))
    }

    fn get(&self, name: &str) -> Option<&String> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
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
