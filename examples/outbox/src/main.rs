//! An order and the message about it are one transaction: QStash gets the message if and only if the order is there.
//!
//! ```text
//! cargo run -p example-outbox
//! ```
//!
//! It talks to a local server, which loses an answer on purpose. With PostgreSQL, these lines are others:
//!
//! ```text
//! qstash-outbox = { …, features = ["postgres"] }
//! sqlx = { …, features = ["runtime-tokio", "postgres"] }
//! use sqlx::PgPool;                                            // for SqlitePool
//! let pool = PgPool::connect("postgres://localhost/app").await?;
//! sqlx::query("INSERT INTO orders VALUES ($1)")                // for ?1
//! ```
//!
//! In production the client is `Client::from_env()?`.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::{error::Error, time::Duration};

use qstash_client::{Client, Message, RetryPolicy, types::LogState};
use qstash_dev::{DevServer, Fault};
use qstash_outbox::{Outbox, Relay};
use serde_json::json;
use sqlx::{Sqlite, SqlitePool, sqlite::SqlitePoolOptions};
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A file in a real application; in memory there is one connection, which must stay.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect("sqlite::memory:")
        .await?;
    println!("QStash accepted {}", run(pool).await?.join(", "));
    Ok(())
}

/// Takes orders while a relay runs, and tells which messages QStash has got.
async fn run(pool: SqlitePool) -> Result<Vec<String>, Box<dyn Error>> {
    sqlx::query("CREATE TABLE orders (id INTEGER PRIMARY KEY)").execute(&pool).await?;
    let outbox = Outbox::migrate(pool.clone()).await?;
    // The client would repeat the call by itself; here that is left to the relay.
    let qstash = DevServer::builder().fault(Fault::LostConnection).start().await?;
    let client =
        Client::builder().base_url(qstash.url()).token(qstash.token()).retry(RetryPolicy::never()).build()?;

    let relay =
        Relay::new(outbox.clone(), client).backoff(Duration::from_millis(100), Duration::from_secs(1));
    let (end, ended) = oneshot::channel::<()>();
    let relay = tokio::spawn(relay.run_until(ended));

    order(&pool, &outbox, 1).await?;
    order(&pool, &outbox, 2).await?;
    match order(&pool, &outbox, 2).await {
        Err(error) => println!("order 2 cannot be taken twice: {error}"),
        Ok(()) => return Err("order 2 was taken twice".into()),
    }
    order(&pool, &outbox, 3).await?;

    while outbox.backlog().await?.waiting > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _ = end.send(());
    relay.await?;
    let mut log = qstash.log().await;
    log.retain(|entry| entry.state == LogState::Created);
    let bodies = log.iter().rev().map(|entry| String::from_utf8_lossy(&entry.delivery.body).into_owned());
    Ok(bodies.collect())
}

/// Takes an order: a row, and a message about it, or neither.
async fn order(pool: &SqlitePool, outbox: &Outbox<Sqlite>, id: i64) -> Result<(), Box<dyn Error>> {
    let mut transaction = pool.begin().await?;
    // The message first, so that one is staged for an order that fails.
    let message =
        Message::to("http://127.0.0.1:9/ship").json(&json!({ "order": id })).delay(Duration::from_mins(1));
    outbox.stage_in_order(&mut transaction, "orders", &message).await?;
    sqlx::query("INSERT INTO orders VALUES (?1)").bind(id).execute(&mut *transaction).await?;
    transaction.commit().await?;
    println!("order {id} is taken");
    Ok(())
}

#[cfg(test)]
mod tests;
