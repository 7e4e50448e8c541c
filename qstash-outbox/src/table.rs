//! The tables of an outbox, by their names.

use std::{collections::HashMap, fmt};

use sqlx::AssertSqlSafe;

use crate::OutboxError;

/// The name in all statements of the crate, and unless another is set.
pub(crate) const NAME: &str = "qstash_outbox";

/// What follows the name of the table in those of its indexes.
const INDEXES: [&str; 2] = ["_key", "_due"];

/// The columns that are needed, with their types.
pub(crate) type Columns = &'static [(&'static str, &'static str)];

/// The newest migration, which makes the tables as they are used here.
const MIGRATION: &str = "0001_outbox";

/// The name of the table of messages, which is safe to be a part of SQL. That of the table of leases follows from it.
#[derive(Clone)]
#[expect(unnameable_types, reason = "a part of the trait that nobody else implements")]
pub struct Table(String);

impl Table {
    /// Takes a name, with the one of its schema before it if need be. The longest that PostgreSQL keeps has 63 bytes; a
    /// third of that is left for what is added to it.
    pub(crate) fn new(name: &str) -> Result<Self, OutboxError> {
        let is_word = |word: &str| {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            (1..=40).contains(&word.len())
                && word.bytes().all(letters)
                && !word.as_bytes()[0].is_ascii_digit()
        };
        let words: Vec<_> = name.split('.').collect();
        if words.len() <= 2 && words.into_iter().all(is_word) {
            Ok(Self(name.to_owned()))
        } else {
            Err(OutboxError::Name { name: name.to_owned() })
        }
    }

    /// The name, as it is written in SQL.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// The name of the table of leases.
    pub(crate) fn leases(&self) -> String {
        format!("{}_leases", self.0)
    }

    /// The name of the channel that relays listen to. It would be too short for that of a schema as well: who is told of
    /// another schema's outbox asks in vain.
    pub(crate) fn channel(&self) -> &str {
        self.without_schema()
    }

    fn without_schema(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or(&self.0)
    }

    /// A statement of the crate, about these tables.
    pub(crate) fn statement(&self, sql: &str) -> String {
        let mut pieces = sql.split(NAME);
        let mut statement = pieces.next().unwrap_or_default().to_owned();
        for rest in pieces {
            // An index is in the schema of its table, and named without it.
            let is_index = INDEXES.iter().any(|index| rest.starts_with(index));
            statement += if is_index { self.without_schema() } else { &self.0 };
            statement += rest;
        }
        statement
    }

    /// The same, to be run.
    pub(crate) fn sql(&self, sql: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.statement(sql))
    }

    /// Compares the columns that there are, each with its type, with those that are needed.
    pub(crate) fn check(
        name: &str,
        found: &HashMap<String, String>,
        needed: Columns,
    ) -> Result<(), OutboxError> {
        let needs_migration =
            |what| OutboxError::Schema { table: name.to_owned(), migration: MIGRATION, what };
        let differs = |what: &str| {
            needs_migration(format!("{what}; alter it, or make one of another name by `migrate_table`"))
        };
        if found.is_empty() {
            return Err(needs_migration("it does not exist; `migrate` makes it".to_owned()));
        }
        for (column, wanted) in needed {
            match found.get(*column) {
                None => return Err(differs(&format!("it has no column {column}"))),
                Some(is) if !is.eq_ignore_ascii_case(wanted) => {
                    return Err(differs(&format!("its column {column} is {is}, not {wanted}")));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
