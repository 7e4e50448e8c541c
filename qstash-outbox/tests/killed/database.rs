//! The databases, each of its own for every run.

use std::{env, path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, Pool, Sqlite, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub(crate) struct Database {
    pub(crate) name: String,
    /// What [`open`](Self::open) takes.
    pub(crate) url: String,
    pub(crate) pool: AnyPool,
}

pub(crate) enum AnyPool {
    Sqlite(Pool<Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Pool<sqlx::Postgres>),
}

/// Does the same with either kind of pool.
macro_rules! on {
    ($database:expr, $pool:ident => $body:expr) => {
        match &$database.pool {
            $crate::database::AnyPool::Sqlite($pool) => $body,
            #[cfg(feature = "postgres")]
            $crate::database::AnyPool::Postgres($pool) => $body,
        }
    };
}
pub(crate) use on;

impl Database {
    /// Every database that there is, each empty.
    pub(crate) async fn all() -> Vec<Self> {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killed.db");
        for left in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{left}", file.display()));
        }
        let mut all = vec![Self::open(file.to_str().unwrap()).await];
        all.extend(Self::postgres().await);
        all
    }

    #[cfg(feature = "postgres")]
    async fn postgres() -> Option<Self> {
        let Ok(url) = env::var("QSTASH_TEST_POSTGRES_URL") else {
            println!(
                "NOT TESTED: processes on PostgreSQL. Set QSTASH_TEST_POSTGRES_URL, or run by `.ci/services`."
            );
            return None;
        };
        let schema = format!("killed_{}", std::process::id());
        let pool = Pool::<sqlx::Postgres>::connect(&url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&pool).await.unwrap();
        Some(Self::open(&format!("{url}#{schema}")).await)
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_async, reason = "the same call as with the feature")]
    async fn postgres() -> Option<Self> {
        println!("NOT TESTED: processes on PostgreSQL. Turn its feature on.");
        None
    }

    /// Opens a file of SQLite, or a schema of PostgreSQL behind a `#`.
    pub(crate) async fn open(url: &str) -> Self {
        #[cfg(feature = "postgres")]
        if let Some((server, schema)) = url.split_once('#') {
            use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
            let options: PgConnectOptions = server.parse().unwrap();
            let options = options.options([("search_path", schema), ("client_min_messages", "warning")]);
            let pool = PgPoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
            return Self {
                name: "PostgreSQL".to_owned(),
                url: url.to_owned(),
                pool: AnyPool::Postgres(pool),
            };
        }
        let options = SqliteConnectOptions::new()
            .filename(url)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_mins(1));
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
        Self { name: "SQLite".to_owned(), url: url.to_owned(), pool: AnyPool::Sqlite(pool) }
    }
}

/// What the business asks of a database.
pub(crate) trait Sql: sqlx::Database {
    async fn begin_to_write(pool: &Pool<Self>) -> Transaction<'static, Self>;
    async fn execute(connection: &mut Self::Connection, sql: &str);
    async fn texts(pool: &Pool<Self>, sql: &str) -> Vec<String>;
}

macro_rules! sql {
    ($database:ty, $begin:literal) => {
        impl Sql for $database {
            async fn begin_to_write(pool: &Pool<Self>) -> Transaction<'static, Self> {
                pool.begin_with($begin).await.unwrap()
            }

            async fn execute(connection: &mut Self::Connection, sql: &str) {
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
            }

            async fn texts(pool: &Pool<Self>, sql: &str) -> Vec<String> {
                sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await.unwrap()
            }
        }
    };
}

sql!(Sqlite, "BEGIN IMMEDIATE");
#[cfg(feature = "postgres")]
sql!(sqlx::Postgres, "BEGIN");
