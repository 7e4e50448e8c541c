//! What PostgreSQL says in its own way.

use sqlx::{
    PgPool, Postgres,
    postgres::{PgListener, PgPoolOptions},
};

use crate::{
    OutboxError,
    database::Dialect,
    table::{Columns, Table},
};

impl Dialect for Postgres {
    const MIGRATION: &'static str = include_str!("../migrations/0001_outbox.postgres.sql");
    // `IF NOT EXISTS` alone fails for one of two that begin at once. The number is that of this crate.
    const LOCK: &'static str = "SELECT pg_advisory_xact_lock(7161742061737369);";
    const COLUMNS: [Columns; 2] = [
        &[
            ("id", "bigint"),
            ("key", "text"),
            ("label", "text"),
            ("destination", "text"),
            ("headers", "bytea"),
            ("body", "bytea"),
            ("state", "smallint"),
            ("due", "bigint"),
            ("first_sent", "bigint"),
            ("attempts", "integer"),
            ("reason", "text"),
        ],
        &[("key", "text"), ("fence", "bigint"), ("until", "bigint")],
    ];
    const LOOK: &'static str = "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type \
        FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    // Each statement has to see what was committed before it, whatever the default is.
    const BEGIN: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED";
    // Not `now()`, which is when the transaction began.
    const NOW: &'static str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    const LISTED: &'static str = "SELECT unnest($1) AS item";

    type Keys = Vec<String>;
    type Ids = Vec<i64>;
    type Listener = PgListener;

    fn keys(keys: &[String]) -> Vec<String> {
        keys.to_vec()
    }

    fn ids(ids: &[i64]) -> Vec<i64> {
        ids.to_vec()
    }

    fn telling(change: String, channel: &str) -> String {
        format!("WITH changed AS ({change}) SELECT pg_notify('{channel}', '') FROM changed")
    }

    async fn listen(pool: &PgPool, table: &Table) -> Result<Option<PgListener>, OutboxError> {
        // A connection of its own: one of the application's pool would be missing there for ever.
        let options = pool.connect_options().as_ref().clone();
        let own = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(table.channel()).await?;
        Ok(Some(listener))
    }

    async fn told(listener: &mut PgListener) -> Result<(), OutboxError> {
        // Nothing comes when the connection was lost and made again. What was staged meanwhile told nobody, so that is as good.
        listener.try_recv().await?;
        Ok(())
    }
}
