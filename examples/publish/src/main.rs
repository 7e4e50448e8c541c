//! Publishes a message and says where its answer goes, to copy.
//!
//! ```text
//! cargo run -p example-publish -- https://jobs.example.com/render https://api.example.com
//! ```
//!
//! The first URL does the work. The second one is where `axum-callback` or `actix-callback` of these examples is found, and
//! is told how the work went.
//!
//! | variable | value |
//! |---|---|
//! | `QSTASH_TOKEN` | from the console of QStash, or as `qstash-dev` prints it |
//! | `QSTASH_URL` | as `qstash-dev` prints it; without it the message goes to hosted QStash |

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the person who runs it")]

use std::{env, error::Error, process::ExitCode, time::Duration};

use qstash_client::{CallbackTarget, Client, Message};
use serde::Serialize;

/// What the destination is asked to do.
#[derive(Serialize)]
struct Job {
    document: &'static str,
    pages: u32,
}

const USAGE: &str = "usage: example-publish URL-OF-THE-WORK URL-OF-THE-APPLICATION";

/// Without hosted QStash, the local server makes the variables.
const VARIABLES: &str = "\
cargo run -p qstash-cli -- --env-file .env    # in another terminal
set -a; . ./.env; set +a";

#[tokio::main(flavor = "current_thread")]
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
    let mut arguments = env::args().skip(1);
    let (Some(worker), Some(application)) = (arguments.next(), arguments.next()) else {
        return Err(USAGE.into());
    };
    let client = Client::from_env().map_err(|error| format!("{error:?}\n\n{VARIABLES}"))?;
    // `Debug` is the text with its causes.
    let published =
        client.publish(message(&worker, &application)).await.map_err(|error| format!("{error:?}"))?;
    println!("{} is on its way to {worker}", published.message_id());
    Ok(())
}

/// One attempt may take a minute, and three more follow if it fails.
fn message(worker: &str, application: &str) -> Message {
    let failed = CallbackTarget::to(format!("{application}/failure-callback")).forward("x-tenant", "42");
    Message::to(worker)
        .json(&Job { document: "annual report", pages: 42 })
        .timeout(Duration::from_secs(60))
        .retries(3)
        .callback(format!("{application}/callback")) // after every attempt
        .failure_callback(failed) // once, when all attempts have failed
}

#[cfg(test)]
mod tests;
