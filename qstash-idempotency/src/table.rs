//! What the tables of all SQL databases have in common.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::StoreError;

/// The name of the table in all statements of the crate, and unless another is set.
pub(crate) const NAME: &str = "qstash_claims";

/// The newest migration, which makes the table as it is used here.
const MIGRATION: &str = "0001_claims";

/// What follows the name of the table in that of its index.
const INDEX: &str = "_keep_until";

/// The columns that are needed, with their types.
pub(crate) type Columns = &'static [(&'static str, &'static str)];

/// A column that there is.
#[expect(
    unnameable_types,
    missing_debug_implementations,
    reason = "a part of a trait that nobody else implements"
)]
pub struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Whether it identifies the row by itself.
    pub(crate) is_key: bool,
}

/// A table by its name, which is safe to be a part of SQL.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "a part of a trait that nobody else implements")]
pub struct ClaimsTable(String);

impl ClaimsTable {
    /// Takes a name, with the one of its schema before it if need be. The longest that PostgreSQL keeps has 63 bytes; a
    /// third of that is left for the index.
    pub(crate) fn new(name: &str) -> Result<Self, StoreError> {
        let is_word = |word: &str| {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            (1..=40).contains(&word.len())
                && word.bytes().all(letters)
                && !word.as_bytes()[0].is_ascii_digit()
        };
        let mut words = name.split('.');
        match (words.next(), words.next(), words.next()) {
            (Some(table), None, None) if is_word(table) => Ok(Self(name.to_owned())),
            (Some(schema), Some(table), None) if is_word(schema) && is_word(table) => {
                Ok(Self(name.to_owned()))
            }
            _ => Err(StoreError::Name { name: name.to_owned() }),
        }
    }

    /// The name, as it is written in SQL.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// A statement of the crate, about this table.
    pub(crate) fn statement(&self, sql: &str) -> String {
        // An index is in the schema of its table, and named without it.
        let index = self.0.rsplit('.').next().unwrap_or(&self.0);
        let mut pieces = sql.split(NAME);
        let mut statement = pieces.next().unwrap_or_default().to_owned();
        for rest in pieces {
            statement += if rest.starts_with(INDEX) { index } else { &self.0 };
            statement += rest;
        }
        statement
    }

    /// Compares the columns that there are with those that are needed.
    pub(crate) fn check(&self, found: &[Column], needed: Columns) -> Result<(), StoreError> {
        let differs = |what: &str| {
            self.needs_migration(format!("{what}; alter it, or make one of another name by `migrate_table`"))
        };
        if found.is_empty() {
            return Err(self.needs_migration("it does not exist; `migrate` makes it".to_owned()));
        }
        for (name, kind) in needed {
            let Some(column) = found.iter().find(|column| column.name == *name) else {
                return Err(differs(&format!("it has no column {name}")));
            };
            if !column.kind.eq_ignore_ascii_case(kind) {
                return Err(differs(&format!("its column {name} is {}, not {kind}", column.kind)));
            }
        }
        if !found.iter().any(|column| column.is_key && column.name == "key") {
            return Err(differs("its primary key is not the column key"));
        }
        Ok(())
    }

    fn needs_migration(&self, what: String) -> StoreError {
        StoreError::Schema { table: self.0.clone(), migration: MIGRATION, what }
    }
}

/// SQL that is made of statements of the crate and a name that was checked.
pub(crate) fn sql(statement: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(statement.to_owned())
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::failed(error)
    }
}

pub(crate) fn rest(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// The number of a fence, which every table keeps with a sign.
pub(crate) fn fence(fence: u64) -> i64 {
    i64::try_from(fence).unwrap_or(i64::MAX)
}

/// The states as tables keep them. What is free again is 0.
pub(crate) const CLAIMED: i16 = 1;
pub(crate) const DONE: i16 = 2;
pub(crate) const USED: i16 = 3;
