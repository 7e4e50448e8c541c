//! A failure callback that looks at what happened, and decides: try again in an hour, or have a person look.
//!
//! ```text
//! cargo run -p example-failure-callback
//! ```
//!
//! QStash calls a failure callback once, when a message has used up its attempts and is in the dead letter queue. A payment provider that
//! is down for longer than that is worth another round; a card that does not exist is not. The second round reports to another route,
//! which gives up, so that nothing goes round for ever.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::{error::Error, time::Duration};

use axum::{Router, extract::State, routing::post};
use qstash_axum::{FailureCallback, HandlerError, Outcome, Signed, Verifier, VerifySignature};
use qstash_client::{Client, Message, MessageOptions};
use qstash_dev::{DevServer, Fault};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::mpsc};

#[derive(Serialize, Deserialize)]
struct Order {
    id: u32,
    card: String,
}

#[derive(Clone)]
struct App {
    client: Client,
    origin: String,
    notes: mpsc::UnboundedSender<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for note in run().await? {
        println!("{note}");
    }
    Ok(())
}

/// Charges three orders on a bad day, and returns what happened, in order.
async fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let qstash = DevServer::start().await?;
    let client = Client::new(qstash.url(), qstash.token())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build()?;
    let (notes, mut arrived) = mpsc::unbounded_channel();
    let app = App { client: client.clone(), origin: origin.clone(), notes };
    tokio::spawn(axum::serve(listener, router(app, verifier)).into_future());

    // The first order meets two failures, which is one round; the second order four; the third one a card that does not exist.
    for (id, card, failures) in [(1, "4242", 2), (2, "4242", 4), (3, "0000", 0)] {
        let url = format!("{origin}/charge");
        qstash.fault(Fault::Status(503).at(&url).times(failures));
        let message = Message::to(url)
            .json(&Order { id, card: card.into() })
            .retries(1)
            .failure_callback(format!("{origin}/charge/failed"));
        client.publish(message).await?;
        qstash.advance(Duration::from_secs(2 * 3600)).await;
    }
    Ok(std::iter::from_fn(|| arrived.try_recv().ok()).collect())
}

fn router(app: App, verifier: Verifier) -> Router {
    Router::new()
        .route("/charge", post(charge))
        .route("/charge/failed", post(failed))
        .route("/charge/failed-again", post(failed_again))
        .with_state(app)
        .layer(VerifySignature::new(verifier))
}

async fn charge(State(app): State<App>, Signed(order): Signed<Order>) -> Outcome {
    if order.card == "0000" {
        return Outcome::non_retryable("there is no such card"); // no further attempt, and the failure callback at once
    }
    app.note(format!("order {} is charged", order.id));
    Outcome::done()
}

/// The first round has failed.
async fn failed(
    State(app): State<App>,
    Signed(failure): Signed<FailureCallback>,
) -> Result<Outcome, HandlerError> {
    let last = failure.callback();
    let order: Order = last.source_json()?; // what was published
    match (last.status(), failure.dlq_id()) {
        // No answer, too many requests, or a server in trouble: the same message may well succeed later.
        (0 | 429 | 500..=599, Some(letter)) => {
            let again = MessageOptions::new()
                .delay(Duration::from_secs(3600))
                .failure_callback(format!("{}/charge/failed-again", app.origin));
            app.client.dead_letter(letter.clone()).retry_with(&again).await?;
            app.note(format!("order {} got {} and is tried again in an hour", order.id, last.status()));
        }
        (status, _) => {
            app.note(format!("order {} got {status}, {:?}: a person must look", order.id, last.text()?));
        }
    }
    Ok(Outcome::done())
}

/// So has the second one.
async fn failed_again(
    State(app): State<App>,
    Signed(failure): Signed<FailureCallback>,
) -> Result<Outcome, HandlerError> {
    let order: Order = failure.callback().source_json()?;
    app.note(format!("order {} has failed twice: a person must look", order.id));
    Ok(Outcome::done())
}

impl App {
    fn note(&self, note: String) {
        let _ = self.notes.send(note); // nobody listens any more when the program ends
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn what_may_succeed_later_is_tried_again_once_and_the_rest_is_told_to_a_person() {
        let notes = super::run().await.unwrap();
        let expected = [
            "order 1 got 503 and is tried again in an hour",
            "order 1 is charged",
            "order 2 got 503 and is tried again in an hour",
            "order 2 has failed twice: a person must look",
            "order 3 got 489, \"there is no such card\": a person must look",
        ];
        assert_eq!(notes, expected);
    }
}
