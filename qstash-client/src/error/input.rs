//! Mistakes in what was to be sent.

use std::fmt;

/// What was to be sent has a mistake: a message, an id, a filter, a list.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {field}: {fault}")]
pub struct InvalidInput {
    field: String,
    fault: String,
}

impl InvalidInput {
    pub(crate) fn new(field: &str, fault: impl fmt::Display) -> Self {
        Self { field: field.to_owned(), fault: fault.to_string() }
    }

    /// The same mistake, in a part of something larger.
    pub(crate) fn inside(self, outer: &str) -> Self {
        Self { field: format!("{outer} {}", self.field), ..self }
    }

    /// The field, such as `destination` or `failure callback URL`.
    pub fn field(&self) -> &str {
        &self.field
    }
}
