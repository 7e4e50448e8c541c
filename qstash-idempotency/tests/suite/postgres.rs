//! Claims in PostgreSQL, on the server that `QSTASH_TEST_POSTGRES_URL` names.

use std::{
    env, process,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use qstash_axum::HandlerError;
use qstash_idempotency::{
    Claim, ClaimKey, ClaimRequest, Idempotent, Reply, Store, Turn,
    contract::{self, Bench},
    postgres::PostgresStore,
};
use sqlx::{AssertSqlSafe, PgPool, Row, postgres::PgPoolOptions};

use crate::{
    axum_app::App,
    deliveries::Attempt,
    left_out::left_out,
    proxy::Proxy,
    transactional::{self, Database, End},
    words::refusal,
};

/// A schema of its own, which is the search path of its connections. Nothing, with a loud line, where there is no server.
async fn schema(connections: u32) -> Option<PgPool> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Ok(url) = env::var("QSTASH_TEST_POSTGRES_URL") else {
        left_out("PostgreSQL");
        return None;
    };
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let name = format!("qstash_{}_{time}_{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    Some(schema_at(&url, name, connections).await)
}

async fn schema_at(url: &str, name: String, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            // The functions of the schema before those of PostgreSQL, so that a test can have a clock of its own.
            let begin = format!(
                "CREATE SCHEMA IF NOT EXISTS {name}; SET search_path TO {name}, pg_catalog; \
                 SET client_min_messages TO warning"
            );
            Box::pin(async move {
                use sqlx::Executor;
                connection.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await?;
                Ok(())
            })
        })
        .connect(url)
        .await
        .unwrap()
}

async fn run(pool: &PgPool, statement: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(statement.into())).execute(pool).await.unwrap();
}

/// Alters rows as time would.
struct Rows {
    store: PostgresStore,
    pool: PgPool,
}

impl Rows {
    async fn new() -> Option<Arc<Self>> {
        let pool = schema(12).await?;
        Some(Arc::new(Self { store: PostgresStore::migrate(pool.clone()).await.unwrap(), pool }))
    }

    async fn alter(&self, statement: &'static str, key: &ClaimKey) {
        sqlx::query(statement).bind(&key.as_bytes()[..]).execute(&self.pool).await.unwrap();
    }
}

impl Bench for Rows {
    type Store = PostgresStore;

    fn store(&self) -> &PostgresStore {
        &self.store
    }

    async fn end_lease(&self, key: &ClaimKey) {
        self.alter("UPDATE qstash_claims SET lease_until = lease_until - 60000 WHERE key = $1", key).await;
    }

    async fn end_record(&self, key: &ClaimKey) {
        self.alter("UPDATE qstash_claims SET keep_until = 0 WHERE key = $1", key).await;
    }
}

/// Moves the clock of the database.
struct Clock {
    store: PostgresStore,
    pool: PgPool,
}

impl Clock {
    async fn new() -> Option<Arc<Self>> {
        let pool = schema(3).await?;
        run(
            &pool,
            "CREATE TABLE clock AS SELECT pg_catalog.clock_timestamp() AS now; \
             CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE \
             AS 'SELECT now FROM clock'",
        )
        .await;
        Some(Arc::new(Self { store: PostgresStore::migrate(pool.clone()).await.unwrap(), pool }))
    }

    async fn advance(&self, by: Duration) {
        let statement = "UPDATE clock SET now = now + $1 * interval '1 second'";
        sqlx::query(statement).bind(by.as_secs_f64()).execute(&self.pool).await.unwrap();
    }
}

impl Bench for Clock {
    type Store = PostgresStore;

    fn store(&self) -> &PostgresStore {
        &self.store
    }

    async fn end_lease(&self, _key: &ClaimKey) {
        self.advance(contract::LEASE).await;
    }

    async fn end_record(&self, _key: &ClaimKey) {
        self.advance(contract::KEEP).await;
    }
}

fn claim(number: u8, lease: Duration) -> ClaimRequest {
    ClaimRequest::new(ClaimKey::from_bytes([number; 32]), lease, contract::KEEP)
}

#[tokio::test]
async fn every_order_of_two_actors_is_as_the_model_says() {
    let Some(rows) = Rows::new().await else { return };
    println!("PostgreSQL: {}", contract::check(rows, 2, 5, 8).await);
}

#[tokio::test]
async fn every_order_of_three_actors_is_as_the_model_says() {
    let Some(rows) = Rows::new().await else { return };
    println!("PostgreSQL: {}", contract::check(rows, 3, 5, 8).await);
}

#[tokio::test]
async fn every_order_is_as_the_model_says_on_a_clock_that_is_moved() {
    let Some(clock) = Clock::new().await else { return };
    println!("PostgreSQL with a manual clock: {}", contract::check(Arc::clone(&clock), 2, 4, 1).await);
    println!("PostgreSQL with a manual clock: {}", contract::check(clock, 3, 3, 1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_that_claim_at_once_gets_it() {
    let Some(rows) = Rows::new().await else { return };
    contract::check_races(rows, 12, 100).await;
}

/// A database with effects.
#[derive(Clone)]
struct Effects {
    pool: PgPool,
    store: PostgresStore,
}

impl Effects {
    async fn new() -> Option<Self> {
        let pool = schema(20).await?;
        run(&pool, "CREATE TABLE effects (effect int)").await;
        Some(Self { store: PostgresStore::migrate(pool.clone()).await.unwrap(), pool })
    }
}

impl Database for Effects {
    type Store = PostgresStore;

    fn store(&self) -> PostgresStore {
        self.store.clone()
    }

    async fn work(&self, claim: &Claim<PostgresStore>, end: End) -> Result<Turn, HandlerError> {
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
    let Some(effects) = Effects::new().await else { return };
    transactional::check(effects).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_effects_as_messages() {
    let Some(effects) = Effects::new().await else { return };
    transactional::check_many(effects, 200).await;
}

#[tokio::test]
async fn a_lease_is_over_when_the_clock_of_the_database_says_so() {
    let Some(rows) = Rows::new().await else { return };
    let (lease, started) = (Duration::from_millis(200), Instant::now());
    assert!(matches!(rows.store.claim(&claim(0, lease)).await, Ok(Reply::Claimed { .. })));
    while !matches!(rows.store.claim(&claim(0, lease)).await.unwrap(), Reply::Claimed { .. }) {
        assert!(started.elapsed() < Duration::from_secs(20), "the lease ends");
    }
    assert!(started.elapsed() >= Duration::from_millis(199), "and not before");
}

#[tokio::test]
async fn what_is_too_old_is_swept_in_bounded_steps() {
    let Some(clock) = Clock::new().await else { return };
    for number in 0..10 {
        let _ = clock.store.claim(&claim(number, contract::LEASE)).await.unwrap();
    }
    assert_eq!(clock.store.sweep(100).await.unwrap(), 0);
    clock.advance(contract::KEEP).await;
    assert_eq!(clock.store.sweep(7).await.unwrap(), 7);
    assert_eq!(clock.store.sweep(7).await.unwrap(), 3);
}

#[tokio::test]
async fn a_delivery_that_is_handled_takes_two_round_trips() {
    let Ok(url) = env::var("QSTASH_TEST_POSTGRES_URL") else { return left_out("PostgreSQL") };
    let (proxy, url) = Proxy::before(&url, 5432).await;
    let pool = schema_at(&url, format!("qstash_trips_{}", process::id()), 1).await;
    let app =
        App::new(Idempotent::new(PostgresStore::migrate(pool.clone()).await.unwrap()), async |_| "handled");
    // Statements are prepared when they are used first. The one connection also sweeps, between this claim and its finish.
    app.send(&Attempt::new("msg_0", "{}")).await;
    let before = proxy.postgres_statements();
    for number in 1..=10 {
        assert_eq!(app.send(&Attempt::new(&format!("msg_{number}"), "{}")).await.status.as_u16(), 200);
    }
    assert_eq!(proxy.postgres_statements() - before, 20);
    run(&pool, format!("DROP SCHEMA qstash_trips_{} CASCADE", process::id())).await;
}

#[tokio::test]
async fn a_table_that_is_not_as_it_is_needed_is_named_with_its_migration_at_the_start() {
    let cases = [
        ("SELECT 1", "it does not exist; `migrate` makes it"),
        (
            "CREATE TABLE qstash_claims (key bytea PRIMARY KEY)",
            "it has no column fence; alter it, or make one of another name by `migrate_table`",
        ),
        (
            "CREATE TABLE qstash_claims (key bytea PRIMARY KEY, fence text, state smallint, \
             lease_until bigint, keep_until bigint, content bytea)",
            "its column fence is text, not bigint; alter it, or make one of another name by `migrate_table`",
        ),
        (
            "CREATE TABLE qstash_claims (key bytea, fence bigint, state smallint, \
             lease_until bigint, keep_until bigint, content bytea)",
            "its primary key is not the column key; alter it, or make one of another name by `migrate_table`",
        ),
    ];
    for (made, what) in cases {
        let Some(pool) = schema(1).await else { return };
        run(&pool, made).await;
        let expected = format!("the table qstash_claims needs the migration 0001_claims: {what}");
        assert_eq!(refusal(PostgresStore::open(pool).await), expected);
    }
}

#[tokio::test]
async fn a_migration_can_be_pasted_and_run_by_many_at_once_and_the_table_has_any_name() {
    let Some(pool) = schema(8).await else { return };
    run(&pool, "CREATE SCHEMA IF NOT EXISTS qstash_elsewhere").await;
    // The name of the crate's own table is a part of it.
    let name = format!("qstash_elsewhere.qstash_claims_{}", process::id());
    let migrating = (0..8).map(|_| PostgresStore::migrate_table(pool.clone(), &name));
    for store in futures_util::future::join_all(migrating).await {
        let _ = store.unwrap().claim(&claim(0, contract::LEASE)).await.unwrap();
    }
    run(&pool, PostgresStore::migration(&name).unwrap()).await;
    let store = PostgresStore::open_table(pool.clone(), &name).await.unwrap();
    assert!(matches!(store.claim(&claim(0, contract::LEASE)).await, Ok(Reply::Busy { .. })));
    run(&pool, format!("DROP TABLE {name}")).await;
    assert!(refusal(PostgresStore::open_table(pool, "a;b").await).contains("is not the name of a table: "));
}

#[tokio::test]
async fn a_server_that_is_read_only_or_gone_is_a_store_in_trouble() {
    let Some(pool) = schema(1).await else { return };
    let app =
        App::new(Idempotent::new(PostgresStore::migrate(pool.clone()).await.unwrap()), async |_| "handled");
    run(&pool, "SET default_transaction_read_only TO on").await;
    let first = Attempt::new("msg_1", "{}");
    let answered = app.send(&first).await;
    assert_eq!((answered.status.as_u16(), answered.header("retry-after"), app.calls()), (503, None, 0));
    run(&pool, "SET default_transaction_read_only TO off").await;
    assert_eq!(app.send(&first.next()).await.status.as_u16(), 200);
    pool.close().await;
    assert_eq!(app.send(&first.next()).await.status.as_u16(), 503);
    assert_eq!(app.calls(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_costs_a_delivery_and_no_effect() {
    let Ok(url) = env::var("QSTASH_TEST_POSTGRES_URL") else { return left_out("PostgreSQL") };
    let (proxy, url) = Proxy::before(&url, 5432).await;
    let name = format!("qstash_breaks_{}", process::id());
    let pool = schema_at(&url, name.clone(), 1).await;
    let app =
        App::new(Idempotent::new(PostgresStore::migrate(pool.clone()).await.unwrap()), async |_| "handled");
    assert_eq!(app.send(&Attempt::new("msg_1", "{}")).await.status.as_u16(), 200);
    proxy.break_all();
    let second = Attempt::new("msg_2", "{}");
    let broken = app.send(&second).await;
    assert!([503, 200].contains(&broken.status.as_u16()));
    assert_eq!(app.send(&second.next()).await.status.as_u16(), 200);
    assert_eq!(app.calls(), 2);
    run(&pool, format!("DROP SCHEMA {name} CASCADE")).await;
}
