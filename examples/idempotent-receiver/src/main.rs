//! A receiver whose effects happen once: ten duplicates and a crash, one effect.
//!
//! ```text
//! cargo run -p example-idempotent-receiver
//! ```
//!
//! The effect is a row in the database of the application, and the claim is a part of the same transaction. With PostgreSQL, these lines
//! are others:
//!
//! ```text
//! qstash-idempotency = { …, features = ["axum", "postgres"] }
//! use sqlx::PgPool;                                            // for SqlitePool
//! use qstash_idempotency::postgres::PostgresStore as Claims;
//! let pool = PgPool::connect("postgres://localhost/app").await?;
//! ```
//!
//! Redis has no transactions with the application's database. There the layer claims, for a lease, before the handler runs:
//!
//! ```text
//! qstash-idempotency = { …, features = ["axum", "redis"] }
//! let claims = RedisStore::connect("redis://localhost", 4).await?;
//! .layer(Idempotent::new(claims))                              // without `.transactional()`
//! async fn charge(Signed(order): Signed<Order>)                // without a claim and a transaction
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use axum::{Router, extract::State, http::HeaderValue, routing::post};
use qstash_axum::{
    HandlerError, KeySet, Outcome, Signed, SigningKey, Verifier, VerifySignature,
    testing::{Signer, TokenBuilder, delivery},
};
use qstash_idempotency::{Claim, Idempotent, Turn, sqlite::SqliteStore as Claims};
use sqlx::{Row, SqlitePool, sqlite::SqlitePoolOptions};
use tower::ServiceExt;

const URL: &str = "https://api.example.com/charge";
const ORDER: &str = r#"{"id": 1007, "cents": 4200}"#;

#[derive(serde::Deserialize)]
struct Order {
    id: i64,
    cents: i64,
}

#[derive(Clone)]
struct App {
    pool: SqlitePool,
    /// The next handler dies in the middle of its work.
    crash: Arc<AtomicBool>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // A file in a real application; in memory there is one connection, which must stay.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect("sqlite::memory:")
        .await?;
    println!("{}", run(pool).await?);
    Ok(())
}

/// Sends the same message again and again, and tells what came of it.
async fn run(pool: SqlitePool) -> Result<String, Box<dyn Error + Send + Sync>> {
    sqlx::query("CREATE TABLE charges (order_id INTEGER, cents INTEGER)").execute(&pool).await?;
    let key = SigningKey::new("sig_example")?;
    let verifier = Verifier::builder(KeySet::new([("example", key.clone())]))
        .origin("https://api.example.com")
        .build()?;
    let state = App { pool: pool.clone(), crash: Arc::new(AtomicBool::new(true)) };
    let app = app(state, verifier, Claims::migrate(pool.clone()).await?);

    let signer = Signer::new(key);
    let crashed = tokio::spawn(send(app.clone(), signer.clone(), 0)).await.is_err();
    println!("attempt  0: {}", if crashed { "the handler crashed" } else { "the handler did not crash" });
    for attempt in 1..=10 {
        println!("attempt {attempt:>2}: {}", send(app.clone(), signer.clone(), attempt).await?);
    }
    let charges = sqlx::query("SELECT count(*) AS count, sum(cents) AS cents FROM charges");
    let charges = charges.fetch_one(&pool).await?;
    let (count, cents): (i64, i64) = (charges.get("count"), charges.get("cents"));
    Ok(format!("charges in the database: {count}, of {cents} cents in all"))
}

fn app(state: App, verifier: Verifier, claims: Claims) -> Router {
    Router::new()
        .route("/charge", post(charge))
        .layer(Idempotent::new(claims).transactional())
        .layer(VerifySignature::new(verifier))
        .with_state(state)
}

async fn charge(
    State(app): State<App>,
    claim: Claim<Claims>,
    Signed(order): Signed<Order>,
) -> Result<Outcome, HandlerError> {
    let mut transaction = app.pool.begin().await?;
    if claim.in_transaction(&mut transaction).await? == Turn::Again {
        return Ok(Outcome::done());
    }
    sqlx::query("INSERT INTO charges VALUES (?1, ?2)")
        .bind(order.id)
        .bind(order.cents)
        .execute(&mut *transaction)
        .await?;
    assert!(!app.crash.swap(false, Ordering::SeqCst), "the process dies here");
    transaction.commit().await?;
    Ok(Outcome::done())
}

/// One attempt to deliver the message, as QStash makes it.
async fn send(app: Router, signer: Signer, attempt: u32) -> Result<String, Box<dyn Error + Send + Sync>> {
    // Each attempt has a token of its own.
    let id = format!("jwt_{attempt}");
    let token = TokenBuilder::new(URL, ORDER.as_bytes(), SystemTime::now()).id(&id);
    let mut request = delivery(&signer, &token)?;
    request.headers_mut().insert("upstash-message-id", HeaderValue::from_static("msg_1"));
    request.headers_mut().insert("upstash-retried", HeaderValue::from(attempt));
    Ok(app.oneshot(request).await?.status().to_string())
}

#[cfg(test)]
mod tests;
