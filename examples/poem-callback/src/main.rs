//! A receiver in a framework for which there is no crate: poem. `signed.rs` is all that is missing, to copy into another framework.
//!
//! ```text
//! cargo run -p example-poem-callback
//! ```
//!
//! | variable | value |
//! |---|---|
//! | `QSTASH_CURRENT_SIGNING_KEY`, `QSTASH_NEXT_SIGNING_KEY` | from the console of QStash, or as `qstash-dev` prints them |
//! | `QSTASH_RECEIVER_URL` | where QStash finds this server: `https://api.example.com`, `http://127.0.0.1:3000` |
//! | `ADDR` | where this server listens, `127.0.0.1:3000` if not set |

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the person who runs it")]

mod signed;

use std::{env, error::Error, process::ExitCode};

use poem::{EndpointExt, IntoEndpoint, Route, Server, handler, listener::TcpAcceptor, post};
use qstash_verify::{Callback, Verifier};
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::signed::Signed;

/// Without hosted QStash, the local server makes the variables.
const VARIABLES: &str = "\
cargo run -p qstash-cli -- --env-file .env    # in another terminal
set -a; . ./.env; set +a
export QSTASH_RECEIVER_URL=http://127.0.0.1:3000";

#[derive(Deserialize)]
struct Job {
    document: String,
}

#[tokio::main]
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
    let verifier = Verifier::from_env().map_err(|error| format!("{error:?}\n\n{VARIABLES}"))?; // with its cause
    if !verifier.checks_origin() {
        return Err(format!("QSTASH_RECEIVER_URL is not set\n\n{VARIABLES}").into());
    }
    let addr = env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener =
        TcpListener::bind(&addr).await.map_err(|error| format!("ADDR={addr}: {error}; set another ADDR"))?;
    println!("listening on http://{}", listener.local_addr()?);
    Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?).run(app(verifier)).await?;
    Ok(())
}

fn app(verifier: Verifier) -> impl IntoEndpoint {
    Route::new().at("/render", post(render)).at("/callback", post(callback)).data(verifier)
}

#[handler]
fn render(Signed(job): Signed<Job>) -> String {
    format!("rendered the {}", job.document)
}

#[handler]
fn callback(Signed(callback): Signed<Callback>) -> String {
    let said = callback.text().unwrap_or("something that is no text").to_owned();
    println!("status {}: {said}", callback.status());
    said // becomes the response to QStash, which the log of the local server shows
}

#[cfg(test)]
mod tests {
    use poem::{Server, listener::TcpAcceptor};
    use qstash_client::{Client, Message};
    use qstash_dev::DevServer;
    use qstash_verify::Verifier;
    use tokio::net::TcpListener;

    use super::app;

    /// A local QStash, after it has delivered a message with a callback to a receiver that expects this origin, or its own.
    async fn deliver(target: &str, origin_of_verifier: Option<&str>) -> DevServer {
        let qstash = DevServer::start().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let expected = origin_of_verifier.unwrap_or(&origin);
        let verifier = Verifier::builder(qstash.signing_keys()).origin(expected).build().unwrap();
        let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
        tokio::spawn(Server::new_with_acceptor(acceptor).run(app(verifier)));

        let client = Client::new(qstash.url(), qstash.token()).unwrap();
        let message = Message::to(format!("{origin}{target}"))
            .body(r#"{"document": "report"}"#)
            .retries(0)
            .callback(format!("{origin}/callback"));
        client.publish(message).await.unwrap();
        qstash.settled().await;
        qstash
    }

    #[tokio::test]
    async fn deliveries_and_callbacks_are_taken() {
        let deliveries = deliver("/render?a=%20b", None).await.deliveries().await;
        let urls: Vec<&str> = deliveries.iter().map(|entry| entry.url.as_str()).collect();
        assert!(
            matches!(urls[..], [work, callback] if work.ends_with("=%20b") && callback.ends_with("/callback")),
            "{urls:?}"
        );
    }

    #[tokio::test]
    async fn what_is_signed_for_another_place_is_refused() {
        let qstash = deliver("/render", Some("https://api.example.com")).await;
        let letters = qstash.dead_letters().await;
        assert_eq!(letters.first().and_then(|letter| letter.response_status), Some(403));
        assert!(qstash.deliveries().await.is_empty());
    }
}
