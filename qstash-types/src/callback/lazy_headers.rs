//! Header maps of a callback, which most handlers never look at.

use std::sync::OnceLock;

use serde_json::value::RawValue;

use super::{FieldError, Kept};
use crate::Headers;

/// A header map that is read when it is asked for, from a copy of its JSON.
#[derive(Clone)]
pub(super) struct LazyHeaders {
    field: &'static str,
    /// `None` for a field that is not there.
    json: Option<Box<RawValue>>,
    read: OnceLock<Kept<Headers>>,
}

impl LazyHeaders {
    /// Headers that have not been read.
    pub(super) fn unread(field: &'static str, json: Option<Box<RawValue>>) -> Self {
        Self { field, json, read: OnceLock::new() }
    }

    /// Headers that have been read already.
    pub(super) fn of(field: &'static str, headers: Kept<Headers>) -> Self {
        Self { field, json: None, read: headers.into() }
    }

    pub(super) fn get(&self) -> Result<&Headers, FieldError> {
        let read = || {
            let json = self.json.as_ref().map_or("null", |json| json.get());
            let headers = Headers::read(&mut serde_json::Deserializer::from_str(json));
            headers.and_then(|headers| headers).map_err(|error| FieldError::new(self.field, &error))
        };
        self.read.get_or_init(read).as_ref().map_err(Clone::clone)
    }
}

impl PartialEq for LazyHeaders {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for LazyHeaders {}
