//! Claims in SQLite.

use std::{fs, path::PathBuf, process, sync::Arc, time::Duration};

use qstash_axum::HandlerError;
use qstash_idempotency::{
    Claim, ClaimKey, ClaimRequest, Idempotent, Reply, Store, Transition, Turn,
    contract::{self, Bench},
    sqlite::SqliteStore,
};
use sqlx::{
    Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    axum_app::App,
    clock::ManualClock,
    deliveries::Attempt,
    transactional::{self, Database, End},
    words::refusal,
};

/// A database in a file that is gone with it.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("qstash-idempotency-{}-{}.db", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.0)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // The machine will not crash for these tests.
            .synchronous(SqliteSynchronous::Off)
            .busy_timeout(Duration::from_secs(20))
    }

    async fn pool(&self) -> SqlitePool {
        SqlitePoolOptions::new().max_connections(6).connect_with(self.options()).await.unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", self.0.display()));
        }
    }
}

struct Sqlite {
    store: SqliteStore,
    clock: ManualClock,
    _file: File,
}

impl Sqlite {
    async fn new() -> Arc<Self> {
        let (file, clock) = (File::new(), ManualClock::new());
        let store = SqliteStore::migrate(file.pool().await).await.unwrap().clock(clock.reader());
        Arc::new(Self { store, clock, _file: file })
    }
}

impl Bench for Sqlite {
    type Store = SqliteStore;

    fn store(&self) -> &SqliteStore {
        &self.store
    }

    async fn end_lease(&self, _key: &ClaimKey) {
        self.clock.advance(contract::LEASE);
    }

    async fn end_record(&self, _key: &ClaimKey) {
        self.clock.advance(contract::KEEP);
    }
}

fn claim(number: u8) -> ClaimRequest {
    ClaimRequest::new(ClaimKey::from_bytes([number; 32]), contract::LEASE, contract::KEEP)
}

#[tokio::test]
async fn every_order_of_two_actors_is_as_the_model_says() {
    println!("SQLite: {}", contract::check(Sqlite::new().await, 2, 5, 1).await);
}

#[tokio::test]
async fn every_order_of_three_actors_is_as_the_model_says() {
    println!("SQLite: {}", contract::check(Sqlite::new().await, 3, 4, 1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_that_claim_at_once_gets_it() {
    contract::check_races(Sqlite::new().await, 8, 30).await;
}

/// A database with effects.
#[derive(Clone)]
struct Effects {
    pool: SqlitePool,
    store: SqliteStore,
    _file: Arc<File>,
}

impl Effects {
    async fn new() -> Self {
        let file = File::new();
        let pool = file.pool().await;
        sqlx::query("CREATE TABLE effects (effect)").execute(&pool).await.unwrap();
        let store = SqliteStore::migrate(pool.clone()).await.unwrap();
        Self { pool, store, _file: Arc::new(file) }
    }
}

impl Database for Effects {
    type Store = SqliteStore;

    fn store(&self) -> SqliteStore {
        self.store.clone()
    }

    async fn work(&self, claim: &Claim<SqliteStore>, end: End) -> Result<Turn, HandlerError> {
        // Deferred, as transactions of applications are.
        let mut transaction = self.pool.begin().await?;
        let turn = claim.in_transaction(&mut transaction).await?;
        if turn == Turn::First {
            sqlx::query("INSERT INTO effects VALUES (1)").execute(&mut *transaction).await?;
            if end == End::RollsBack {
                return Err("the work failed".into());
            }
            transaction.commit().await?;
        }
        Ok(turn)
    }

    async fn effects(&self) -> i64 {
        sqlx::query("SELECT count(*) FROM effects").fetch_one(&self.pool).await.unwrap().get(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_in_a_transaction_happens_once() {
    transactional::check(Effects::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_effects_as_messages() {
    transactional::check_many(Effects::new().await, 100).await;
}

#[tokio::test]
async fn an_answer_outlives_the_process() {
    let file = File::new();
    let first = Attempt::new("msg_1", "{}");
    for call in 0..2 {
        let store = SqliteStore::migrate(file.pool().await).await.unwrap();
        let app = App::new(Idempotent::new(store), async |_| "handled");
        let answered = app.send(&first.next()).await;
        assert_eq!((answered.is_replayed(), &*answered.body), (call == 1, &b"handled"[..]));
    }
}

#[tokio::test]
async fn what_is_too_old_is_swept_in_bounded_steps() {
    let sqlite = Sqlite::new().await;
    for number in 0..10 {
        let _ = sqlite.store.claim(&claim(number)).await.unwrap();
    }
    assert_eq!(sqlite.store.sweep(100).await.unwrap(), 0);
    sqlite.clock.advance(contract::KEEP);
    assert_eq!(sqlite.store.sweep(7).await.unwrap(), 7);
    assert_eq!(sqlite.store.sweep(7).await.unwrap(), 3);
}

#[tokio::test]
async fn a_table_that_is_not_as_it_is_needed_is_named_with_its_migration_at_the_start() {
    let cases = [
        ("", "it does not exist; `migrate` makes it"),
        (
            "CREATE TABLE qstash_claims (key BLOB PRIMARY KEY)",
            "it has no column fence; alter it, or make one of another name by `migrate_table`",
        ),
        (
            "CREATE TABLE qstash_claims (key BLOB PRIMARY KEY, fence TEXT, state INTEGER, \
             lease_until INTEGER, keep_until INTEGER, content BLOB)",
            "its column fence is TEXT, not INTEGER; alter it, or make one of another name by `migrate_table`",
        ),
        (
            "CREATE TABLE qstash_claims (key BLOB, fence INTEGER, state INTEGER, \
             lease_until INTEGER, keep_until INTEGER, content BLOB)",
            "its primary key is not the column key; alter it, or make one of another name by `migrate_table`",
        ),
    ];
    for (made, what) in cases {
        let file = File::new();
        let pool = file.pool().await;
        sqlx::raw_sql(made).execute(&pool).await.unwrap();
        let expected = format!("the table qstash_claims needs the migration 0001_claims: {what}");
        assert_eq!(refusal(SqliteStore::open(pool.clone()).await), expected);
        if !made.is_empty() && !made.contains("state INTEGER") {
            assert!(SqliteStore::migrate(pool).await.is_err(), "a table that is there is not altered");
        }
    }
}

#[tokio::test]
async fn a_migration_can_be_pasted_and_run_again_and_the_table_has_any_name() {
    let file = File::new();
    let pool = file.pool().await;
    let migration = SqliteStore::migration("my_qstash_claims").unwrap();
    assert_eq!(migration.matches("qstash_claims").count(), migration.matches("my_qstash_claims").count());
    sqlx::raw_sql(sqlx::AssertSqlSafe(migration)).execute(&pool).await.unwrap();
    for _ in 0..2 {
        let store = SqliteStore::migrate_table(pool.clone(), "my_qstash_claims").await.unwrap();
        let _ = store.claim(&claim(0)).await.unwrap();
    }
    let store = SqliteStore::open_table(pool.clone(), "my_qstash_claims").await.unwrap();
    assert!(matches!(store.claim(&claim(0)).await, Ok(Reply::Busy { .. })));
    for name in ["", "a b", "a;DROP", "1a", "a.b.c", ".a", "a.", "\"a\"", &"a".repeat(41)] {
        let refused = refusal(SqliteStore::migrate_table(pool.clone(), name).await);
        assert!(refused.contains("is not the name of a table: "), "{refused}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_a_store_in_trouble() {
    let file = File::new();
    SqliteStore::migrate(file.pool().await).await.unwrap();
    let pool = SqlitePool::connect_with(file.options().read_only(true)).await.unwrap();
    let app = App::new(Idempotent::new(SqliteStore::open(pool).await.unwrap()), async |_| "handled");
    let answered = app.send(&Attempt::new("msg_1", "{}")).await;
    assert_eq!((answered.status.as_u16(), answered.header("retry-after"), app.calls()), (503, None, 0));
}

#[tokio::test]
async fn a_database_that_another_writes_for_too_long_is_a_store_in_trouble() {
    let file = File::new();
    let other = file.pool().await;
    let store = SqliteStore::migrate(other.clone()).await.unwrap();
    let busy =
        SqlitePool::connect_with(file.options().busy_timeout(Duration::from_millis(10))).await.unwrap();
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let app = App::new(Idempotent::new(SqliteStore::open(busy).await.unwrap()), async |_| "handled");
    let first = Attempt::new("msg_1", "{}");
    assert_eq!(app.send(&first).await.status.as_u16(), 503);
    transaction.rollback().await.unwrap();
    assert_eq!(app.send(&first.next()).await.status.as_u16(), 200);
    drop(store);
}

#[tokio::test]
async fn what_the_table_keeps_and_nobody_wrote_is_disorder() {
    let file = File::new();
    let pool = file.pool().await;
    let store = SqliteStore::migrate(pool.clone()).await.unwrap();
    let _ = store.claim(&claim(0)).await.unwrap();
    for broken in ["state = 7", "state = 2, content = NULL", "state = 3, content = x'00'", "fence = -1"] {
        let statement = format!("UPDATE qstash_claims SET {broken}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
        let key = ClaimKey::from_bytes([0; 32]);
        let told = refusal(store.apply(&key, &Transition::Release { fence: 1, keep: contract::KEEP }).await);
        assert!(told.contains("disorder"), "{broken}: {told}");
        let repaired = "UPDATE qstash_claims SET state = 0, fence = 1";
        sqlx::raw_sql(repaired).execute(&pool).await.unwrap();
    }
}
