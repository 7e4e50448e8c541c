//! The receivers that are compared.

use std::{env, fmt, fs, path::PathBuf, process, time::Duration};

use axum::{Router, http::HeaderMap, routing::post};
use qstash_axum::{HandlerError, Outcome, VerifySignature};
use qstash_idempotency::{
    Claim, Idempotent, MemoryStore, Store, Turn, postgres::PostgresStore, redis::RedisStore,
    sqlite::SqliteStore,
};
use qstash_types::header::MESSAGE_ID;
use sqlx::{
    AssertSqlSafe, Executor, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

use crate::deliveries::verifier;

const HOUR: Duration = Duration::from_hours(1);

/// What keeps a delivery from having its effect twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing: it is verified, no more.
    Bare,
    Memory,
    Sqlite,
    Postgres,
    /// The claim is a part of the handler's own transaction.
    PostgresTransactional,
    Redis,
    /// The handler notes the message id, and that is all.
    ByHand,
}

impl Way {
    pub(crate) const ALL: [Self; 7] = [
        Self::Bare,
        Self::Memory,
        Self::Sqlite,
        Self::Postgres,
        Self::PostgresTransactional,
        Self::Redis,
        Self::ByHand,
    ];

    /// Whether it asks a server.
    pub(crate) fn is_remote(self) -> bool {
        !matches!(self, Self::Bare | Self::Memory | Self::Sqlite)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bare => "bare `VerifySignature`",
            Self::Memory => "memory",
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::PostgresTransactional => "PostgreSQL, transactional",
            Self::Redis => "Redis",
            Self::ByHand => "PostgreSQL by hand: `INSERT … ON CONFLICT DO NOTHING`",
        })
    }
}

/// Stores, and where they keep what belongs to this run.
pub(crate) struct Servers {
    postgres: PgPool,
    schema: String,
    redis: RedisStore,
    sqlite: SqlitePool,
    file: PathBuf,
}

impl Servers {
    pub(crate) async fn new(postgres: &str, redis: &str, connections: u32) -> Self {
        let name = format!("qstash_cost_{}_{connections}", process::id());
        let begin = format!(
            "SET client_min_messages TO warning; CREATE SCHEMA IF NOT EXISTS {name}; SET search_path TO {name}"
        );
        let postgres = PgPoolOptions::new()
            .min_connections(connections)
            .max_connections(connections)
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let begin = begin.clone();
                Box::pin(async move {
                    connection.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await?;
                    Ok(())
                })
            })
            .connect(postgres)
            .await
            .unwrap();
        let notes = "CREATE TABLE handled (message text PRIMARY KEY)";
        postgres.execute(notes).await.unwrap();
        let redis = RedisStore::connect(redis, 1).await.unwrap().prefix(&format!("{name}:"));
        let file = env::temp_dir().join(format!("{name}.db"));
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let sqlite = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
        Self { postgres, schema: name, redis, sqlite, file }
    }

    /// A service that receives in this way.
    pub(crate) async fn receiver(&self, way: Way) -> Router {
        let router = match way {
            Way::Bare => Router::new().route("/hook", post(handler)),
            Way::Memory => leased(MemoryStore::new()),
            Way::Sqlite => leased(SqliteStore::migrate(self.sqlite.clone()).await.unwrap()),
            Way::Postgres => leased(PostgresStore::migrate(self.postgres.clone()).await.unwrap()),
            Way::PostgresTransactional => {
                let store = PostgresStore::migrate(self.postgres.clone()).await.unwrap();
                let pool = self.postgres.clone();
                let handler = move |claim: Claim<PostgresStore>| in_transaction(pool.clone(), claim);
                let idempotent = Idempotent::new(store).transactional();
                Router::new().route("/hook", post(handler)).layer(idempotent)
            }
            Way::Redis => {
                let idempotent =
                    Idempotent::new(self.redis.clone()).retention(HOUR).clock_skew(Duration::ZERO);
                Router::new().route("/hook", post(handler)).layer(idempotent)
            }
            Way::ByHand => {
                let pool = self.postgres.clone();
                let handler = move |headers: HeaderMap| by_hand(pool.clone(), headers);
                Router::new().route("/hook", post(handler))
            }
        };
        router.layer(VerifySignature::new(verifier()))
    }

    /// Removes all that was kept but the keys in Redis, which go by themselves within an hour.
    pub(crate) async fn clean(self) {
        let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
        self.postgres.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await.unwrap();
        self.postgres.close().await;
        self.sqlite.close().await;
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", self.file.display()));
        }
    }
}

fn leased(store: impl Store) -> Router {
    Router::new().route("/hook", post(handler)).layer(Idempotent::new(store))
}

async fn handler() -> &'static str {
    "handled"
}

async fn in_transaction(pool: PgPool, claim: Claim<PostgresStore>) -> Result<Outcome, HandlerError> {
    let mut transaction = pool.begin().await?;
    if claim.in_transaction(&mut transaction).await? == Turn::First {
        transaction.commit().await?;
    }
    Ok(Outcome::done())
}

async fn by_hand(pool: PgPool, headers: HeaderMap) -> Result<Outcome, HandlerError> {
    let id = headers.get(MESSAGE_ID).ok_or("no message id")?.to_str()?;
    let note = sqlx::query("INSERT INTO handled VALUES ($1) ON CONFLICT DO NOTHING").bind(id);
    note.execute(&pool).await?;
    Ok(Outcome::done())
}
