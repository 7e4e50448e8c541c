//! What SQLite says in its own way.

use std::future::pending;

use sqlx::{Sqlite, SqlitePool};

use crate::{
    OutboxError,
    database::Dialect,
    table::{Columns, Table},
};

impl Dialect for Sqlite {
    const MIGRATION: &'static str = include_str!("../migrations/0001_outbox.sqlite.sql");
    // There is one writer at a time.
    const LOCK: &'static str = "";
    const COLUMNS: [Columns; 2] = [
        &[
            ("id", "INTEGER"),
            ("key", "TEXT"),
            ("label", "TEXT"),
            ("destination", "TEXT"),
            ("headers", "BLOB"),
            ("body", "BLOB"),
            ("state", "INTEGER"),
            ("due", "INTEGER"),
            ("first_sent", "INTEGER"),
            ("attempts", "INTEGER"),
            ("reason", "TEXT"),
        ],
        &[("key", "TEXT"), ("fence", "INTEGER"), ("until", "INTEGER")],
    ];
    const LOOK: &'static str = "SELECT name, type FROM pragma_table_info($1)";
    // Not `BEGIN`, which would read first, and could not write then if somebody else had meanwhile.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    // The clock of this machine, which all who share the file have.
    const NOW: &'static str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    const LISTED: &'static str = "SELECT value AS item FROM json_each($1)";

    // SQLite has no arrays.
    type Keys = String;
    type Ids = String;
    type Listener = ();

    fn keys(keys: &[String]) -> String {
        serde_json::to_string(keys).expect("texts can be written as JSON")
    }

    fn ids(ids: &[i64]) -> String {
        serde_json::to_string(ids).expect("numbers can be written as JSON")
    }

    fn telling(change: String, _: &str) -> String {
        change
    }

    async fn listen(_: &SqlitePool, _: &Table) -> Result<Option<()>, OutboxError> {
        Ok(None)
    }

    async fn told((): &mut ()) -> Result<(), OutboxError> {
        pending().await
    }
}
