//! From a transaction at the sender to an effect at the receiver, with whatever comes twice in between.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::time::Duration;

use axum::{Router, extract::State, routing::post};
use qstash_axum::{HandlerError, Outcome, Signed, Verifier, VerifySignature};
use qstash_client::{Client, Message, RetryPolicy};
use qstash_dev::{DevServer, Fault};
use qstash_idempotency::{Claim, Idempotent, Turn, sqlite::SqliteStore};
use qstash_outbox::{Outbox, Relay};
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};
use tokio::net::TcpListener;

/// In memory there is one connection, which must stay.
async fn database() -> SqlitePool {
    let options = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    options.connect("sqlite::memory:").await.unwrap()
}

async fn charge(
    State(pool): State<SqlitePool>,
    claim: Claim<SqliteStore>,
    Signed(order): Signed<i64>,
) -> Result<Outcome, HandlerError> {
    let mut transaction = pool.begin().await?;
    if claim.in_transaction(&mut transaction).await? == Turn::Again {
        return Ok(Outcome::done());
    }
    sqlx::query("INSERT INTO charges VALUES ($1)").bind(order).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Outcome::done())
}

/// Takes orders in one transaction each with their message, of which every third is rolled back.
async fn order(pool: &SqlitePool, outbox: &Outbox<sqlx::Sqlite>, url: &str, orders: i64) {
    for id in 0..orders {
        let mut transaction = pool.begin().await.unwrap();
        sqlx::query("INSERT INTO orders VALUES ($1)").bind(id).execute(&mut *transaction).await.unwrap();
        outbox.stage(&mut transaction, &Message::to(url).json(&id)).await.unwrap();
        if id % 3 == 0 {
            transaction.rollback().await.unwrap();
        } else {
            transaction.commit().await.unwrap();
        }
    }
}

async fn numbers(pool: &SqlitePool, query: &'static str) -> Vec<i64> {
    sqlx::query_scalar(query).fetch_all(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_that_is_committed_is_charged_once() {
    let qstash = DevServer::start().await.unwrap();
    let (sender, receiver) = (database().await, database().await);
    sqlx::query("CREATE TABLE orders (id INTEGER)").execute(&sender).await.unwrap();
    sqlx::query("CREATE TABLE charges (id INTEGER)").execute(&receiver).await.unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build().unwrap();
    let claims = SqliteStore::migrate(receiver.clone()).await.unwrap();
    let app = Router::new()
        .route("/charge", post(charge))
        .layer(Idempotent::new(claims).transactional())
        .layer(VerifySignature::new(verifier))
        .with_state(receiver.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let outbox = Outbox::migrate(sender.clone()).await.unwrap();
    order(&sender, &outbox, &format!("{origin}/charge"), 30).await;
    let client = Client::builder().base_url(qstash.url()).token(qstash.token()).retry(RetryPolicy::never());
    let relay = Relay::new(outbox.clone(), client.build().unwrap()).backoff(Duration::ZERO, Duration::ZERO);
    qstash.fault(Fault::LostConnection);
    qstash.fault(Fault::LostAcknowledgement.times(5));
    qstash.fault(Fault::DuplicatedDelivery.times(5));
    for _ in 0..2 {
        relay.run_once().await.unwrap();
    }
    qstash.advance(Duration::from_hours(24)).await;
    qstash.settled().await;

    let orders = numbers(&sender, "SELECT id FROM orders ORDER BY id").await;
    assert_eq!(orders.len(), 20);
    assert_eq!(numbers(&receiver, "SELECT id FROM charges ORDER BY id").await, orders);
    assert_eq!(outbox.backlog().await.unwrap().waiting, 0);
}
