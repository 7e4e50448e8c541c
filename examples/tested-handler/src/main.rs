//! A handler with its tests: alone, and with everything that can go wrong between QStash and a receiver.
//!
//! ```text
//! cargo test -p example-tested-handler
//! ```
//!
//! The handler charges orders. `tests.rs` is the part to copy.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the person who runs it")]

use std::{
    collections::BTreeMap,
    error::Error,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, extract::State, routing::post};
use qstash_axum::{Outcome, Signed, Verifier, VerifySignature};
use serde::Deserialize;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Order {
    id: u32,
    cents: u32,
}

/// What was charged for each order. In a real application, a table.
#[derive(Clone, Default)]
struct Charges(Arc<Mutex<BTreeMap<u32, u32>>>);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n\nThis example is its tests: cargo test -p example-tested-handler");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let verifier = Verifier::from_env()?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app(verifier, Charges::default())).await?;
    Ok(())
}

fn app(verifier: Verifier, charges: Charges) -> Router {
    Router::new().route("/charge", post(charge)).with_state(charges).layer(VerifySignature::new(verifier))
}

/// QStash delivers at least once: an order that comes again is not charged again.
async fn charge(State(Charges(charges)): State<Charges>, Signed(order): Signed<Order>) -> Outcome {
    if order.cents == 0 {
        return Outcome::non_retryable("nothing to charge");
    }
    charges.lock().unwrap_or_else(PoisonError::into_inner).entry(order.id).or_insert(order.cents);
    Outcome::done()
}

#[cfg(test)]
mod tests;
