//! A server for callbacks and failure callbacks, to copy.
//!
//! ```text
//! cargo run -p example-axum-callback
//! ```
//!
//! | variable | value |
//! |---|---|
//! | `QSTASH_CURRENT_SIGNING_KEY`, `QSTASH_NEXT_SIGNING_KEY` | from the console of QStash, or as `qstash-dev` prints them |
//! | `QSTASH_RECEIVER_URL` | where QStash finds this server: `https://api.example.com`, `http://127.0.0.1:3000` |
//! | `ADDR` | where this server listens, `127.0.0.1:3000` if not set |
//!
//! Then publish a message, here to a path that nothing answers, so that both callbacks come:
//!
//! ```text
//! curl -H "Authorization: Bearer $QSTASH_TOKEN" -H "Upstash-Retries: 0" -d work \
//!      -H "Upstash-Callback: $QSTASH_RECEIVER_URL/callback" \
//!      -H "Upstash-Failure-Callback: $QSTASH_RECEIVER_URL/failure-callback" \
//!      "$QSTASH_URL/v2/publish/$QSTASH_RECEIVER_URL/nothing-here"
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::{env, error::Error};

use axum::{Router, routing::post};
use qstash_axum::{Callback, Delivery, FailureCallback, Outcome, Signed, Verifier, VerifySignature};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init(); // refusals are logged, with their reasons

    let verifier = Verifier::from_env()?;
    if !verifier.checks_origin() {
        return Err("QSTASH_RECEIVER_URL is not set; it is this server's URL, as QStash calls it".into());
    }
    let addr = env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app(verifier)).await?;
    Ok(())
}

fn app(verifier: Verifier) -> Router {
    Router::new()
        .route("/callback", post(callback))
        .route("/failure-callback", post(failure_callback))
        .layer(VerifySignature::new(verifier))
}

/// Arrives after every attempt, so a failed one is not the end yet.
async fn callback(Signed(callback): Signed<Callback>) -> Result<Outcome, Outcome> {
    let id = callback.source_message_id()?;
    if callback.is_success() {
        println!("{id} is done: {:?}", callback.text()?);
    } else {
        println!("{id} got {} at attempt {}", callback.status(), callback.retried() + 1);
    }
    Ok(Outcome::done())
}

/// Arrives once, when a message has failed for good.
async fn failure_callback(
    Signed(failure): Signed<FailureCallback>,
    delivery: Delivery,
) -> Result<Outcome, Outcome> {
    let id = failure.callback().source_message_id()?;
    println!("{id} has failed, as {} reports", delivery.claims().subject());
    if let Some(dlq_id) = failure.dlq_id() {
        println!("{id} is in the dead letter queue as {dlq_id}");
    }
    Ok(Outcome::done())
}

#[cfg(test)]
mod tests;
