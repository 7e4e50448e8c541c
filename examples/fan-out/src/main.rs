//! One message for many receivers, and many messages in one call.
//!
//! ```text
//! cargo run -p example-fan-out
//! ```
//!
//! Receivers of a URL group can be added and taken away while publishers run. Each has retries of its own, so one that is down delays
//! none of the others. A batch is one call for many messages, and has a result for each.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::{error::Error, time::Duration};

use axum::{Router, extract::State, routing::post};
use qstash_axum::{Delivery, Outcome, Verifier, VerifySignature};
use qstash_client::{Client, Message, url_groups::Endpoint};
use qstash_dev::{DevServer, Fault};
use tokio::{net::TcpListener, sync::mpsc};

type Notes = mpsc::UnboundedSender<String>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for note in run().await? {
        println!("{note}");
    }
    Ok(())
}

async fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let qstash = DevServer::start().await?;
    let client = Client::new(qstash.url(), qstash.token())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build()?;
    let (notes, mut arrived) = mpsc::unbounded_channel();
    tokio::spawn(axum::serve(listener, app(verifier, notes.clone())).into_future());
    let mailer = format!("{origin}/mailer");
    let search = format!("{origin}/search");

    let group = client.url_group("user-changed");
    group.upsert([Endpoint::new(&mailer).name("mailer"), Endpoint::new(&search).name("search")]).await?;
    qstash.fault(Fault::Status(503).at(&search)); // is down for the first attempt
    let published = client.publish(Message::to_url_group("user-changed").text("user 7")).await?;
    notes.send(format!("one call made {} messages", published.receipts().len()))?;
    qstash.settled().await;
    notes.send("a minute later".into())?;
    qstash.advance(Duration::from_secs(60)).await;

    let users = [8, 9].map(|user| Message::to(&mailer).text(format!("user {user}")));
    for result in client.batch(users).await?.results() {
        notes.send(match result {
            Ok(_) => "accepted".into(),
            Err(failed) => format!("not accepted: {failed}"), // `failed` has the message, to try it again
        })?;
    }
    qstash.settled().await;
    Ok(std::iter::from_fn(|| arrived.try_recv().ok()).collect())
}

fn app(verifier: Verifier, notes: Notes) -> Router {
    Router::new()
        .route("/mailer", post(async |notes, delivery| receive("mailer", notes, &delivery)))
        .route("/search", post(async |notes, delivery| receive("search", notes, &delivery)))
        .with_state(notes)
        .layer(VerifySignature::new(verifier))
}

fn receive(name: &str, State(notes): State<Notes>, delivery: &Delivery) -> Outcome {
    let _ = notes.send(format!("{name} is told of {}", String::from_utf8_lossy(delivery.body())));
    Outcome::done()
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn each_receiver_is_told_and_one_that_is_down_delays_no_other() {
        let notes = super::run().await.unwrap();
        let at = |note: &str| notes.iter().position(|other| other == note).expect(note);
        at("one call made 2 messages");
        assert!(at("mailer is told of user 7") < at("a minute later"), "{notes:?}");
        assert!(at("a minute later") < at("search is told of user 7"), "{notes:?}");
        at("mailer is told of user 8");
        at("mailer is told of user 9");
        assert_eq!(notes.iter().filter(|note| *note == "accepted").count(), 2, "{notes:?}");
        assert_eq!(notes.len(), 8, "{notes:?}");
    }
}
