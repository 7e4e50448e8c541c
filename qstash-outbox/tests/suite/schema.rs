//! The tables, and what is said of wrong ones.

use qstash_outbox::{Outbox, OutboxDatabase, OutboxError};
use sqlx::{AssertSqlSafe, Sqlite};

use crate::bench::{Bench, message, on_every_database};

on_every_database! {
    a_migration_can_be_run_by_many_at_once_and_again
    the_table_has_any_name
}

/// That of the crate is a part of it.
const OTHER_NAME: &str = "other_qstash_outbox_messages";

async fn a_migration_can_be_run_by_many_at_once_and_again<DB: OutboxDatabase>(bench: Bench<DB>) {
    let migrations = (0..4).map(|_| Outbox::<DB>::migrate_table(bench.pool.clone(), "others"));
    for outbox in futures_util::future::join_all(migrations).await {
        assert_eq!(outbox.unwrap().backlog().await.unwrap().waiting, 0);
    }
}

async fn the_table_has_any_name<DB: OutboxDatabase>(bench: Bench<DB>) {
    let other = Outbox::migrate_table(bench.pool.clone(), OTHER_NAME).await.unwrap();
    let mut transaction = bench.pool.begin().await.unwrap();
    other.stage_in_order(&mut transaction, "a", &message("elsewhere")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(bench.backlog().await, (0, 0));
    let relay = qstash_outbox::Relay::new(other, bench.client());
    assert_eq!(relay.run_once().await.unwrap().accepted, 1);
    for name in ["", "a;b", "a.b.c", "1a", &"a".repeat(41)] {
        let error = Outbox::<DB>::open_table(bench.pool.clone(), name).await.unwrap_err();
        assert!(matches!(error, OutboxError::Name { .. }), "{name}: {error}");
    }
}

fn refusal(outbox: Result<Outbox<impl OutboxDatabase>, OutboxError>) -> String {
    outbox.unwrap_err().to_string()
}

#[tokio::test]
async fn sqlite_tables_that_are_not_as_they_are_needed_are_named_with_their_migration() {
    let cases = [
        ("SELECT 1", "qstash_outbox", "it does not exist; `migrate` makes it"),
        (
            "CREATE TABLE qstash_outbox (id INTEGER)",
            "qstash_outbox",
            "it has no column key; alter it, or make one of another name by `migrate_table`",
        ),
        (
            "CREATE TABLE qstash_outbox (id INTEGER, key BLOB)",
            "qstash_outbox",
            "its column key is BLOB, not TEXT; alter it, or make one of another name by `migrate_table`",
        ),
    ];
    for (made, table, what) in cases {
        let pool = crate::bench::sqlite().await;
        sqlx::raw_sql(AssertSqlSafe(made)).execute(&pool).await.unwrap();
        let expected = format!("the table {table} needs the migration 0001_outbox: {what}");
        assert_eq!(refusal(Outbox::open(pool).await), expected);
    }
    let pool = crate::bench::sqlite().await;
    sqlx::raw_sql(AssertSqlSafe(Outbox::<Sqlite>::migration("mine").unwrap())).execute(&pool).await.unwrap();
    sqlx::raw_sql("DROP TABLE mine_leases").execute(&pool).await.unwrap();
    let expected =
        "the table mine_leases needs the migration 0001_outbox: it does not exist; `migrate` makes it";
    assert_eq!(refusal(Outbox::open_table(pool, "mine").await), expected);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_keeps_the_tables_in_the_schema_that_is_named() {
    let Some(pool) = crate::bench::postgres().await else { return };
    let here: String = sqlx::query_scalar("SELECT current_schema()").fetch_one(&pool).await.unwrap();
    for _ in 0..2 {
        Outbox::migrate_table(pool.clone(), &format!("{here}.qstash_outbox")).await.unwrap();
    }
    Outbox::open(pool).await.unwrap();
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_tables_that_are_not_as_they_are_needed_are_named_with_their_migration() {
    let cases = [
        ("SELECT 1", "it does not exist; `migrate` makes it"),
        (
            "CREATE TABLE qstash_outbox (id bigint)",
            "it has no column key; alter it, or make one of another name by `migrate_table`",
        ),
        (
            "CREATE TABLE qstash_outbox (id bigint, key bytea)",
            "its column key is bytea, not text; alter it, or make one of another name by `migrate_table`",
        ),
    ];
    for (made, what) in cases {
        let Some(pool) = crate::bench::postgres().await else { return };
        sqlx::raw_sql(AssertSqlSafe(made)).execute(&pool).await.unwrap();
        let expected = format!("the table qstash_outbox needs the migration 0001_outbox: {what}");
        assert_eq!(refusal(Outbox::open(pool).await), expected);
    }
}
