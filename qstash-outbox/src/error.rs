//! What goes wrong with an outbox.

use std::error::Error;

use qstash_client::error::InvalidInput;

/// Why an outbox did not do what it was asked for.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The message has a mistake. Nothing was staged.
    #[error(transparent)]
    Message(InvalidInput),
    /// The message says how it is deduplicated, which is what the outbox does. Nothing was staged.
    #[error(
        "a staged message has a deduplication id of the outbox: leave out that of the message, and let a unique constraint keep it from being staged twice"
    )]
    Deduplication,
    /// The key cannot be used. Nothing was staged.
    #[error("a key has 1 to 255 bytes and no control character")]
    Key,
    /// The database cannot be reached, or refused the work.
    #[error("the database of the outbox failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// A table is missing, or is not what this version needs.
    #[error("the table {table} needs the migration {migration}: {what}")]
    Schema {
        /// The name of the table.
        table: String,
        /// The name of the migration to run.
        migration: &'static str,
        /// What is missing or wrong.
        what: String,
    },
    /// A table cannot have this name: at most 40 letters, digits and `_`, and those of its schema with a dot before them.
    #[error(
        "{name:?} is not the name of a table: up to 40 letters, digits and `_`, with a schema and a dot before them or without"
    )]
    Name {
        /// What was given.
        name: String,
    },
}

qstash_client::types::debug_as_text!(OutboxError);

impl From<sqlx::Error> for OutboxError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
