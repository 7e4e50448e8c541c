//! A server for callbacks and failure callbacks, to copy.
//!
//! ```text
//! cargo run -p example-actix-callback
//! ```
//!
//! | variable | value |
//! |---|---|
//! | `QSTASH_CURRENT_SIGNING_KEY`, `QSTASH_NEXT_SIGNING_KEY` | from the console of QStash, or as `qstash-dev` prints them |
//! | `QSTASH_RECEIVER_URL` | where QStash finds this server: `https://api.example.com`, `http://127.0.0.1:3000` |
//! | `ADDR` | where this server listens, `127.0.0.1:3000` if not set |
//!
//! `example-publish` publishes a message that is delivered and reported here:
//!
//! ```text
//! cargo run -p example-publish -- $QSTASH_RECEIVER_URL/render $QSTASH_RECEIVER_URL
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the person who runs it")]

use std::{env, error::Error, process::ExitCode};

use actix_web::{
    App, HttpServer,
    web::{self, ServiceConfig},
};
use qstash_actix::{
    Callback, Delivery, FailureCallback, HandlerError, Outcome, Signed, Verifier, VerifySignature,
};

/// Without hosted QStash, the local server makes the variables.
const VARIABLES: &str = "\
cargo run -p qstash-cli -- --env-file .env    # in another terminal
set -a; . ./.env; set +a
export QSTASH_RECEIVER_URL=http://127.0.0.1:3000";

#[actix_web::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init(); // refusals are logged, with their reasons

    let verifier = Verifier::from_env().map_err(|error| format!("{error:?}\n\n{VARIABLES}"))?; // with its cause
    if !verifier.checks_origin() {
        return Err(
            format!("QSTASH_RECEIVER_URL is not set; QStash calls this server by it\n\n{VARIABLES}").into()
        );
    }
    let addr = env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let signature = VerifySignature::new(verifier);
    let server = HttpServer::new(move || App::new().configure(routes).wrap(signature.clone()))
        .bind(&addr)
        .map_err(|error| format!("ADDR={addr}: {error}; set another ADDR"))?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/render", web::post().to(render))
        .route("/callback", web::post().to(callback))
        .route("/failure-callback", web::post().to(failure_callback));
}

/// The work. Its answer comes back as a callback.
async fn render(delivery: Delivery) -> String {
    format!("rendered {} bytes", delivery.body().len())
}

/// Arrives after every attempt, so a failed one is not the end yet.
async fn callback(Signed(callback): Signed<Callback>) -> Result<Outcome, HandlerError> {
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
) -> Result<Outcome, HandlerError> {
    let id = failure.callback().source_message_id()?;
    println!("{id} has failed, as {} reports", delivery.claims().subject());
    if let Some(dlq_id) = failure.dlq_id() {
        println!("{id} is in the dead letter queue as {dlq_id}");
    }
    Ok(Outcome::done())
}

#[cfg(test)]
mod tests;
