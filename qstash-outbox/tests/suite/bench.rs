//! An outbox in a database of its own, a local server, and one clock for both.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use qstash_client::{Client, Message, RetryPolicy, types::LogState};
use qstash_dev::DevServer;
use qstash_outbox::{Outbox, OutboxDatabase, Relay};
use sqlx::{Pool, Sqlite, sqlite::SqlitePoolOptions};

use crate::transport::Line;

pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// How long calls may take. The clock of a test is moved, and does not wait for them.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Runs each test on every database.
macro_rules! on_every_database {
    ($($(#[$attribute:meta])* $name:ident)+) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name($crate::bench::Bench::new($crate::bench::sqlite().await).await).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test]
                #[cfg(feature = "postgres")]
                async fn $name() {
                    if let Some(pool) = $crate::bench::postgres().await {
                        super::$name($crate::bench::Bench::new(pool).await).await;
                    }
                }
            )+

            #[test]
            #[cfg(not(feature = "postgres"))]
            fn nothing_is_compiled() {
                $crate::bench::left_out();
            }
        }
    };
}
pub(crate) use on_every_database;

pub(crate) struct Bench<DB: OutboxDatabase> {
    pub(crate) pool: Pool<DB>,
    pub(crate) outbox: Outbox<DB>,
    pub(crate) server: DevServer,
    clock: Clock,
}

/// Real time, and what a test adds to it.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl<DB: OutboxDatabase> Bench<DB> {
    pub(crate) async fn new(pool: Pool<DB>) -> Self {
        let clock = Clock::default();
        let time = clock.clone();
        let outbox = Outbox::migrate(pool.clone()).await.unwrap().clock(move || time.now());
        Self { pool, outbox, server: DevServer::start().await.unwrap(), clock }
    }

    /// A relay whose calls are sent once.
    pub(crate) fn relay(&self) -> Relay<DB> {
        self.relay_by(&Line::default())
    }

    pub(crate) fn relay_by(&self, line: &Line) -> Relay<DB> {
        self.relay_with(line.client(&self.server))
    }

    pub(crate) fn relay_with(&self, client: Client) -> Relay<DB> {
        let clock = self.clock.clone();
        Relay::new(self.outbox.clone(), client).deadline(DEADLINE).clock(move || clock.now())
    }

    pub(crate) fn client(&self) -> Client {
        let builder = Client::builder().base_url(self.server.url()).token(self.server.token());
        builder.retry(RetryPolicy::never()).build().unwrap()
    }

    /// Stages messages with these bodies in a transaction.
    pub(crate) async fn stage(&self, bodies: &[&str]) {
        let mut transaction = self.pool.begin().await.unwrap();
        for body in bodies {
            self.outbox.stage(&mut transaction, &message(body)).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    pub(crate) async fn stage_in_order(&self, key: &str, bodies: &[&str]) {
        let mut transaction = self.pool.begin().await.unwrap();
        for body in bodies {
            self.outbox.stage_in_order(&mut transaction, key, &message(body)).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    /// Makes it later, for the relays and for the server.
    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.server.advance(by).await;
    }

    /// The bodies of what the server has accepted, in the order of acceptance.
    pub(crate) async fn accepted(&self) -> Vec<String> {
        let mut log = self.server.log().await;
        log.retain(|entry| entry.state == LogState::Created);
        log.iter().rev().map(|entry| String::from_utf8_lossy(&entry.delivery.body).into_owned()).collect()
    }

    /// How many messages wait, and how many are dead.
    pub(crate) async fn backlog(&self) -> (u64, u64) {
        let backlog = self.outbox.backlog().await.unwrap();
        (backlog.waiting, backlog.dead)
    }
}

/// A message that the server keeps for long.
pub(crate) fn message(body: &str) -> Message {
    Message::to("http://127.0.0.1:9/").text(body).delay(MINUTE * 60 * 24 * 30)
}

/// A file of its own, over which SQLite writes without waiting for the disk.
pub(crate) async fn sqlite() -> Pool<Sqlite> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outbox");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{}.db", NUMBER.fetch_add(1, Ordering::Relaxed)));
    for left in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{left}", file.display()));
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Off);
    SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap()
}

/// A schema of its own, which is the search path of its connections. Nothing, with a loud line, where there is no server.
#[cfg(feature = "postgres")]
pub(crate) async fn postgres() -> Option<Pool<sqlx::Postgres>> {
    use std::{env, process};

    use sqlx::{AssertSqlSafe, Executor, postgres::PgPoolOptions};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let Ok(url) = env::var("QSTASH_TEST_POSTGRES_URL") else {
        left_out();
        return None;
    };
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let name = format!("outbox_{}_{time}_{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let begin = format!(
        "SET client_min_messages TO warning; CREATE SCHEMA IF NOT EXISTS {name}; SET search_path TO {name}"
    );
    let pool = PgPoolOptions::new().max_connections(6).after_connect(move |connection, _| {
        let begin = begin.clone();
        Box::pin(async move {
            connection.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await?;
            Ok(())
        })
    });
    Some(pool.connect(&url).await.unwrap())
}

/// Says once what was left out, past the test harness, which shows nothing of tests that pass.
pub(crate) fn left_out() {
    use std::io::Write;
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let line = "\nNOT TESTED: the outbox in PostgreSQL. \
            Run `.ci/services cargo test -p qstash-outbox --all-features`.\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    });
}
