//! Claims in SQLite. Needs the feature `sqlite`.

use std::{sync::Arc, time::SystemTime};

use sqlx::{Row, Sqlite, SqliteConnection, sqlite::SqliteRow};

use crate::{
    ClaimKey, ClaimRecord, ClaimState, Reply, SqlStore, Store, StoreError, TransactionalStore, Transition,
    sql::ClaimsDialect,
    table::{self, CLAIMED, ClaimsTable, Columns, DONE, USED, sql},
};

/// Keeps claims in a table of SQLite: for the receivers of one machine.
///
/// ```no_run
/// use qstash_idempotency::{Idempotent, sqlite::SqliteStore};
/// use sqlx::SqlitePool;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = SqlitePool::connect("sqlite:app.db").await?;
/// let idempotent = Idempotent::new(SqliteStore::migrate(pool).await?);
/// # Ok(())
/// # }
/// ```
///
/// The clock of leases is that of the machine, which all receivers of one file share. One writer at a time is all that SQLite
/// has: others wait as long as `busy_timeout` says, and are answered with 503 then.
pub type SqliteStore = SqlStore<Sqlite>;

impl ClaimsDialect for Sqlite {
    const MIGRATION: &'static str = include_str!("../migrations/0001_claims.sqlite.sql");
    // There is one writer at a time.
    const LOCK: &'static str = "";
    const COLUMNS: Columns = &[
        ("key", "BLOB"),
        ("fence", "INTEGER"),
        ("state", "INTEGER"),
        ("lease_until", "INTEGER"),
        ("keep_until", "INTEGER"),
        ("content", "BLOB"),
    ];
    const LOOK: &'static str = "SELECT name, type, pk = 1 AND \
        (SELECT count(*) FROM pragma_table_info($1) WHERE pk > 0) = 1 AS is_key FROM pragma_table_info($1)";
    // The clock of leases.
    type Own = Arc<dyn Fn() -> SystemTime + Send + Sync>;

    fn own(_: &ClaimsTable) -> Self::Own {
        Arc::new(SystemTime::now)
    }
}

impl SqlStore<Sqlite> {
    /// Tells the time otherwise, for tests.
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { own: Arc::new(clock), ..self }
    }

    /// Applies a transition on a connection whose transaction may write already.
    async fn apply_on(
        &self,
        connection: &mut SqliteConnection,
        key: &ClaimKey,
        transition: &Transition,
    ) -> Result<Reply, StoreError> {
        let statement = |text| sql(&self.table.statement(text));
        let row = sqlx::query(statement(
            "SELECT fence, state, lease_until, keep_until, content FROM qstash_claims WHERE key = ?1",
        ))
        .bind(&key.as_bytes()[..])
        .fetch_optional(&mut *connection)
        .await?;
        let record = row.map(|row| read(&row)).transpose()?;
        let (record, reply) = transition.apply(record.as_ref(), (self.own)());
        if let Some(record) = record {
            let (state, lease_until, content) = match &record.state {
                ClaimState::Free => (FREE, 0, None),
                ClaimState::Claimed { until } => (CLAIMED, millis(*until), None),
                ClaimState::Done { answer } => (DONE, 0, Some(&answer[..])),
                ClaimState::Used { by } => (USED, 0, Some(&by.as_bytes()[..])),
            };
            sqlx::query(statement(
                "INSERT OR REPLACE INTO qstash_claims (key, fence, state, lease_until, keep_until, content) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            ))
            .bind(&key.as_bytes()[..])
            .bind(table::fence(record.fence))
            .bind(state)
            .bind(lease_until)
            .bind(millis(record.keep_until))
            .bind(content)
            .execute(connection)
            .await?;
        }
        Ok(reply)
    }
}

impl Store for SqliteStore {
    async fn apply(&self, key: &ClaimKey, transition: &Transition) -> Result<Reply, StoreError> {
        // Not `BEGIN`, which would read first, and could not write then if somebody else had meanwhile.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let reply = self.apply_on(&mut transaction, key, transition).await?;
        transaction.commit().await?;
        Ok(reply)
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        let statement = self.table.statement(
            "DELETE FROM qstash_claims WHERE key IN \
             (SELECT key FROM qstash_claims WHERE keep_until <= ?1 ORDER BY keep_until LIMIT ?2)",
        );
        let deleted = sqlx::query(sql(&statement))
            .bind(millis((self.own)()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .execute(&self.pool)
            .await?;
        Ok(usize::try_from(deleted.rows_affected()).unwrap_or(usize::MAX))
    }
}

impl TransactionalStore for SqliteStore {
    type Connection = SqliteConnection;

    async fn apply_in(
        &self,
        connection: &mut SqliteConnection,
        key: &ClaimKey,
        transition: &Transition,
    ) -> Result<Reply, StoreError> {
        // Writes before it reads, for the same reason as above: the transaction may have begun by `BEGIN`.
        let lock = self.table.statement("UPDATE qstash_claims SET fence = fence WHERE key = ?1");
        sqlx::query(sql(&lock)).bind(&key.as_bytes()[..]).execute(&mut *connection).await?;
        self.apply_on(connection, key, transition).await
    }
}

const FREE: i16 = 0;

/// Times as the table keeps them, in milliseconds since 1970.
fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn read(row: &SqliteRow) -> Result<ClaimRecord, StoreError> {
    const DISORDER: StoreError = StoreError::Disorder { what: "a row of the table cannot be read" };
    let content: Option<Vec<u8>> = row.try_get("content")?;
    let time = |column| {
        let millis: i64 = row.try_get(column)?;
        Ok::<_, StoreError>(SystemTime::UNIX_EPOCH + table::rest(millis))
    };
    let state = match (row.try_get::<i16, _>("state")?, content) {
        (FREE, _) => ClaimState::Free,
        (CLAIMED, _) => ClaimState::Claimed { until: time("lease_until")? },
        (DONE, Some(answer)) => ClaimState::Done { answer: answer.into() },
        (USED, Some(key)) => {
            ClaimState::Used { by: ClaimKey::from_bytes(key.try_into().map_err(|_| DISORDER)?) }
        }
        _ => return Err(DISORDER),
    };
    let fence = u64::try_from(row.try_get::<i64, _>("fence")?).map_err(|_| DISORDER)?;
    Ok(ClaimRecord { fence, state, keep_until: time("keep_until")? })
}
