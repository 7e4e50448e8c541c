//! Claims in PostgreSQL. Needs the feature `postgres`.

mod statements;

use std::{sync::Arc, time::Duration};

use sqlx::{
    Executor, PgConnection, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use self::statements::PostgresStatements;
use crate::{
    ClaimKey, ClaimRequest, Reply, SqlStore, Store, StoreError, TransactionalStore, Transition,
    sql::ClaimsDialect,
    table::{self, ClaimsTable, Columns, DONE, sql},
};

/// Keeps claims in a table of PostgreSQL.
///
/// ```no_run
/// use qstash_idempotency::{Idempotent, postgres::PostgresStore};
/// use sqlx::postgres::PgPoolOptions;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = PgPoolOptions::new()
///     .test_before_acquire(false) // saves one of two round trips; a broken connection is an error that QStash retries
///     .connect("postgres://localhost/app")
///     .await?;
/// let idempotent = Idempotent::new(PostgresStore::migrate(pool).await?);
/// # Ok(())
/// # }
/// ```
///
/// Each transition is one statement, and a delivery that is handled takes two: claim and finish. The clock of leases is that of the
/// database. A connection to a server that only replicates is a store that cannot be written: 503.
pub type PostgresStore = SqlStore<Postgres>;

impl ClaimsDialect for Postgres {
    const MIGRATION: &'static str = include_str!("../migrations/0001_claims.postgres.sql");
    // `IF NOT EXISTS` alone fails for one of two that begin at once. The number is that of this crate.
    const LOCK: &'static str = "SELECT pg_advisory_xact_lock(7161742061737368);";
    const COLUMNS: Columns = &[
        ("key", "bytea"),
        ("fence", "bigint"),
        ("state", "smallint"),
        ("lease_until", "bigint"),
        ("keep_until", "bigint"),
        ("content", "bytea"),
    ];
    const LOOK: &'static str = "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type, \
        EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisunique AND indpred IS NULL \
            AND indnkeyatts = 1 AND indkey[0] = attnum) AS is_key \
        FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    type Own = Arc<PostgresStatements>;

    fn own(table: &ClaimsTable) -> Arc<PostgresStatements> {
        Arc::new(PostgresStatements::new(table))
    }
}

impl SqlStore<Postgres> {
    /// Claims by the statement that does all at once. `None`: it met somebody else in the middle of a change.
    async fn try_claim(
        &self,
        key: &ClaimKey,
        token: Option<(&ClaimKey, Duration)>,
        lease: Duration,
        keep: Duration,
    ) -> Result<Option<Reply>, StoreError> {
        let row = sqlx::query(sql(&self.own.claim))
            .bind(token.map(|(key, _)| &key.as_bytes()[..]))
            .bind(token.map(|(_, keep)| millis(keep)))
            .bind(&key.as_bytes()[..])
            .bind(millis(lease))
            .bind(millis(keep.max(lease)))
            .fetch_one(&self.pool)
            .await?;
        if row.try_get("replayed")? {
            return Ok(Some(Reply::Refused));
        }
        match row.try_get::<Option<i64>, _>("fence")? {
            Some(fence) => claimed(fence).map(Some),
            None => found(&row),
        }
    }

    async fn claim_again(
        &self,
        key: &ClaimKey,
        token: Option<(&ClaimKey, Duration)>,
        lease: Duration,
        keep: Duration,
    ) -> Result<Reply, StoreError> {
        // Each time somebody else has had the key for the length of a statement.
        for _ in 0..10 {
            if let Some(reply) = self.try_claim(key, token, lease, keep).await? {
                return Ok(reply);
            }
        }
        Ok(Reply::Busy { rest: lease })
    }

    async fn apply_by<'c>(
        &self,
        executor: impl Executor<'c, Database = Postgres>,
        key: &ClaimKey,
        transition: &Transition,
    ) -> Result<Reply, StoreError> {
        let query = |statement: &str| -> Query<'static, Postgres, PgArguments> {
            sqlx::query(sql(statement)).bind(key.as_bytes().to_vec())
        };
        let statements = &self.own;
        let query = match transition {
            Transition::Renew { fence, lease, keep } => query(&statements.renew)
                .bind(table::fence(*fence))
                .bind(millis(*lease))
                .bind(millis(*keep.max(lease))),
            Transition::Release { fence, keep } => {
                query(&statements.release).bind(table::fence(*fence)).bind(millis(*keep))
            }
            Transition::Finish { fence, answer, keep } => {
                query(&statements.finish).bind(table::fence(*fence)).bind(millis(*keep)).bind(answer.to_vec())
            }
            Transition::Use { by, keep } => {
                let note = query(&statements.note).bind(millis(*keep)).bind(by.as_bytes().to_vec());
                let first: Option<Vec<u8>> = note.fetch_one(executor).await?.try_get("content")?;
                return Ok(if first.as_deref() == Some(by.as_bytes()) {
                    Reply::Accepted
                } else {
                    Reply::Refused
                });
            }
            Transition::Claim { .. } | Transition::Complete { .. } => {
                return Err(StoreError::Disorder { what: "a claim takes more than one statement" });
            }
        };
        let changed = query.execute(executor).await?.rows_affected();
        Ok(if changed == 1 { Reply::Accepted } else { Reply::Refused })
    }

    async fn complete(
        &self,
        connection: &mut PgConnection,
        key: &ClaimKey,
        answer: &[u8],
        keep: Duration,
    ) -> Result<Reply, StoreError> {
        for _ in 0..10 {
            let taken = sqlx::query(sql(&self.own.complete))
                .bind(&key.as_bytes()[..])
                .bind(millis(keep))
                .bind(answer)
                .fetch_optional(&mut *connection)
                .await?;
            if let Some(row) = taken {
                return claimed(row.try_get("fence")?);
            }
            let look = sqlx::query(sql(&self.own.look)).bind(&key.as_bytes()[..]);
            if let Some(row) = look.fetch_optional(&mut *connection).await?
                && let Some(reply) = found(&row)?
            {
                return Ok(reply);
            }
        }
        Err(StoreError::Disorder { what: "a row changes again and again" })
    }
}

impl Store for PostgresStore {
    async fn apply(&self, key: &ClaimKey, transition: &Transition) -> Result<Reply, StoreError> {
        match transition {
            Transition::Claim { lease, keep } => self.claim_again(key, None, *lease, *keep).await,
            Transition::Complete { answer, keep } => {
                let mut connection = self.pool.acquire().await?;
                self.complete(&mut connection, key, answer, *keep).await
            }
            _ => self.apply_by(&self.pool, key, transition).await,
        }
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let deleted = sqlx::query(sql(&self.own.sweep)).bind(limit).execute(&self.pool).await?;
        Ok(usize::try_from(deleted.rows_affected()).unwrap_or(usize::MAX))
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Reply, StoreError> {
        let token = request.token.as_ref().map(|token| (&token.key, token.keep));
        self.claim_again(&request.key, token, request.lease, request.keep).await
    }
}

impl TransactionalStore for PostgresStore {
    type Connection = PgConnection;

    async fn apply_in(
        &self,
        connection: &mut PgConnection,
        key: &ClaimKey,
        transition: &Transition,
    ) -> Result<Reply, StoreError> {
        match transition {
            Transition::Complete { answer, keep } => self.complete(connection, key, answer, *keep).await,
            _ => self.apply_by(connection, key, transition).await,
        }
    }
}

/// A span as the table keeps it, in milliseconds.
fn millis(duration: Duration) -> i64 {
    // A century is short of that, and longer than anything that is asked for.
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(100 * 365 * 24 * 60 * 60 * 1000)
}

fn claimed(fence: i64) -> Result<Reply, StoreError> {
    let fence = u64::try_from(fence).map_err(|_| StoreError::Disorder { what: "a fence is negative" })?;
    Ok(Reply::Claimed { fence })
}

/// What stood in the way of a claim. Nothing, if that has gone meanwhile.
fn found(row: &PgRow) -> Result<Option<Reply>, StoreError> {
    let rest: Option<i64> = row.try_get("rest")?;
    Ok(match row.try_get::<Option<i16>, _>("state")? {
        Some(DONE) => {
            let answer: Option<Vec<u8>> = row.try_get("content")?;
            Some(Reply::Done { answer: answer.unwrap_or_default().into() })
        }
        Some(table::CLAIMED) if rest > Some(0) => Some(Reply::Busy { rest: table::rest(rest.unwrap_or(0)) }),
        Some(table::USED) => Some(Reply::Refused),
        _ => None,
    })
}
