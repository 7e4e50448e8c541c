//! What a relay and an outbox ask of a database, in SQL that all of them understand.
//!
//! A list is always what is bound first; `{LISTED}` selects its items, as `item`.

use std::collections::HashMap;

use sqlx::{
    AssertSqlSafe, ColumnIndex, Decode, Encode, Executor, IntoArguments, Pool, Row, Transaction, Type, query,
    raw_sql,
};

use crate::{
    database::{DeadRow, Dialect, Done, Head, Lease, NewRow, RowChange, Statements},
    life::Millis,
    stored::StoredForm,
    table::Table,
};

impl<DB: Dialect> Statements for DB
where
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> &'q str: Encode<'q, DB>,
    for<'q> &'q [u8]: Encode<'q, DB>,
    for<'q> Option<&'q str>: Encode<'q, DB>,
    for<'q> Option<i64>: Encode<'q, DB>,
    str: Type<DB>,
    [u8]: Type<DB>,
    for<'q> i16: Encode<'q, DB> + Decode<'q, DB> + Type<DB>,
    for<'q> i32: Encode<'q, DB> + Decode<'q, DB> + Type<DB>,
    for<'q> i64: Encode<'q, DB> + Decode<'q, DB> + Type<DB>,
    for<'q> String: Decode<'q, DB> + Type<DB>,
    for<'q> Vec<u8>: Decode<'q, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
    for<'n> &'n str: ColumnIndex<DB::Row>,
{
    async fn migrate(pool: &Pool<DB>, migration: &str) -> Done {
        let migration = AssertSqlSafe(format!("{}{migration}", DB::LOCK));
        pool.execute(raw_sql(migration)).await?;
        Ok(())
    }

    async fn columns(pool: &Pool<DB>, table: &str) -> Done<HashMap<String, String>> {
        let columns = query(DB::LOOK).bind(table).fetch_all(pool).await?;
        columns.iter().map(|row| Ok((row.try_get("name")?, row.try_get("type")?))).collect()
    }

    async fn begin(pool: &Pool<DB>) -> Done<Transaction<'static, DB>> {
        Ok(pool.begin_with(DB::BEGIN).await?)
    }

    async fn stage(connection: &mut DB::Connection, table: &Table, row: &NewRow<'_>, tells: bool) -> Done {
        let insert = table.statement(
            "INSERT INTO qstash_outbox (key, label, destination, headers, body) \
            VALUES ($1, $2, $3, $4, $5) RETURNING id",
        );
        let insert = if tells { DB::telling(insert, table.channel()) } else { insert };
        let query = query(AssertSqlSafe(insert))
            .bind(row.key)
            .bind(row.label)
            .bind(&*row.form.destination)
            .bind(&*row.form.headers)
            .bind(&*row.form.body);
        query.execute(connection).await?;
        Ok(())
    }

    async fn now(connection: &mut DB::Connection) -> Done<Millis> {
        let now = format!("SELECT {}", DB::NOW);
        Ok(query(AssertSqlSafe(now)).fetch_one(connection).await?.try_get(0)?)
    }

    async fn renew(
        connection: &mut DB::Connection,
        table: &Table,
        lease: Lease,
        keys: &[String],
    ) -> Done<Vec<String>> {
        let renew = listing::<DB>(
            table,
            "UPDATE qstash_outbox_leases SET until = $2 WHERE fence = $3 AND key IN ({LISTED}) RETURNING key",
        );
        let query = query(renew).bind(DB::keys(keys)).bind(lease.until).bind(lease.fence);
        query.fetch_all(connection).await?.iter().map(|row| Ok(row.try_get("key")?)).collect()
    }

    async fn acquire(
        connection: &mut DB::Connection,
        table: &Table,
        lease: Lease,
        now: Millis,
        limit: i64,
    ) -> Done<Vec<String>> {
        // In the order of the keys, so that relays that want the same ones do not wait for each other in a circle.
        let acquire = "
            INSERT INTO qstash_outbox_leases AS l (key, fence, until)
            SELECT key, $1, $2 FROM (
                SELECT key FROM qstash_outbox AS m
                WHERE state = 0 AND due <= $3
                AND NOT EXISTS (SELECT 1 FROM qstash_outbox AS e WHERE e.key = m.key AND e.id < m.id)
                AND NOT EXISTS (SELECT 1 FROM qstash_outbox_leases AS o WHERE o.key = m.key AND o.until > $3)
                ORDER BY due, id LIMIT $4
            ) AS due ORDER BY key
            ON CONFLICT (key) DO UPDATE SET fence = excluded.fence, until = excluded.until
            WHERE l.until <= $3
            RETURNING key";
        let query = query(table.sql(acquire)).bind(lease.fence).bind(lease.until).bind(now).bind(limit);
        query.fetch_all(connection).await?.iter().map(|row| Ok(row.try_get("key")?)).collect()
    }

    async fn release(connection: &mut DB::Connection, table: &Table, fence: i64, keys: &[String]) -> Done {
        let release = "DELETE FROM qstash_outbox_leases WHERE fence = $2 AND key IN ({LISTED})";
        query(listing::<DB>(table, release)).bind(DB::keys(keys)).bind(fence).execute(connection).await?;
        Ok(())
    }

    async fn heads(connection: &mut DB::Connection, table: &Table, keys: &[String]) -> Done<Vec<Head>> {
        // The index has the first id of a key, however many messages wait behind it.
        let heads = listing::<DB>(
            table,
            "SELECT id, key, label, state, due, first_sent, attempts,
                CAST(octet_length(headers) + octet_length(body) AS bigint) AS size
            FROM qstash_outbox WHERE id IN (
                SELECT (SELECT min(m.id) FROM qstash_outbox AS m WHERE m.key = listed.item)
                FROM ({LISTED}) AS listed
            )",
        );
        let rows = query(heads).bind(DB::keys(keys)).fetch_all(connection).await?;
        let head = |row: &DB::Row| {
            Ok(Head {
                id: row.try_get("id")?,
                key: row.try_get("key")?,
                label: row.try_get("label")?,
                is_dead: row.try_get::<i16, _>("state")? != 0,
                due: row.try_get("due")?,
                first_sent: row.try_get("first_sent")?,
                attempts: row.try_get("attempts")?,
                size: row.try_get("size")?,
            })
        };
        rows.iter().map(head).collect()
    }

    async fn contents(
        connection: &mut DB::Connection,
        table: &Table,
        ids: &[i64],
    ) -> Done<HashMap<i64, StoredForm>> {
        let contents = "SELECT id, destination, headers, body FROM qstash_outbox WHERE id IN ({LISTED})";
        let rows = query(listing::<DB>(table, contents)).bind(DB::ids(ids)).fetch_all(connection).await?;
        let content = |row: &DB::Row| {
            let form = StoredForm {
                destination: row.try_get("destination")?,
                headers: row.try_get("headers")?,
                body: row.try_get("body")?,
            };
            Ok((row.try_get("id")?, form))
        };
        rows.iter().map(content).collect()
    }

    async fn mark(connection: &mut DB::Connection, table: &Table, ids: &[i64], now: Millis) -> Done {
        let mark = "UPDATE qstash_outbox SET first_sent = COALESCE(first_sent, $2) WHERE id IN ({LISTED})";
        query(listing::<DB>(table, mark)).bind(DB::ids(ids)).bind(now).execute(connection).await?;
        Ok(())
    }

    async fn delete(connection: &mut DB::Connection, table: &Table, ids: &[i64]) -> Done {
        let delete = "DELETE FROM qstash_outbox WHERE id IN ({LISTED})";
        query(listing::<DB>(table, delete)).bind(DB::ids(ids)).execute(connection).await?;
        Ok(())
    }

    async fn change(connection: &mut DB::Connection, table: &Table, change: &RowChange) -> Done {
        let statement = "UPDATE qstash_outbox SET state = $2, due = $3, first_sent = $4, attempts = $5, reason = $6 \
            WHERE id = $1 AND state = 0";
        let query = query(table.sql(statement))
            .bind(change.id)
            .bind(i16::from(change.is_dead))
            .bind(change.due)
            .bind(change.first_sent)
            .bind(change.attempts)
            .bind(change.reason.as_deref());
        query.execute(connection).await?;
        Ok(())
    }

    async fn count(pool: &Pool<DB>, table: &Table) -> Done<[i64; 2]> {
        let count =
            "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1) FROM qstash_outbox";
        let row = query(table.sql(count)).fetch_one(pool).await?;
        Ok([row.try_get(0)?, row.try_get(1)?])
    }

    async fn dead(pool: &Pool<DB>, table: &Table, behind: i64, limit: i64) -> Done<Vec<DeadRow>> {
        let dead = "SELECT id, key, label, destination, COALESCE(reason, '') AS reason FROM qstash_outbox \
            WHERE state = 1 AND id > $1 ORDER BY id LIMIT $2";
        let rows = query(table.sql(dead)).bind(behind).bind(limit).fetch_all(pool).await?;
        let dead = |row: &DB::Row| {
            Ok(DeadRow {
                id: row.try_get("id")?,
                key: row.try_get("key")?,
                label: row.try_get("label")?,
                destination: row.try_get("destination")?,
                reason: row.try_get("reason")?,
            })
        };
        rows.iter().map(dead).collect()
    }

    async fn requeue(pool: &Pool<DB>, table: &Table, id: i64) -> Done<bool> {
        let requeue = table.statement(
            "UPDATE qstash_outbox SET state = 0, due = 0, attempts = 0, reason = NULL \
            WHERE id = $1 AND state = 1 RETURNING id",
        );
        let requeue = AssertSqlSafe(DB::telling(requeue, table.channel()));
        Ok(!query(requeue).bind(id).fetch_all(pool).await?.is_empty())
    }

    async fn discard(pool: &Pool<DB>, table: &Table, id: i64) -> Done<bool> {
        let discard = table.sql("DELETE FROM qstash_outbox WHERE id = $1 AND state = 1 RETURNING id");
        Ok(!query(discard).bind(id).fetch_all(pool).await?.is_empty())
    }
}

/// A statement with a list.
fn listing<DB: Dialect>(table: &Table, statement: &str) -> AssertSqlSafe<String> {
    table.sql(&statement.replace("{LISTED}", DB::LISTED))
}
