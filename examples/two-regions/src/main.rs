//! One receiver for the deliveries of two regions of QStash, each with keys of its own.
//!
//! ```text
//! cargo run -p example-two-regions
//! ```
//!
//! `Verifier::from_env` reads the same from the environment:
//!
//! ```text
//! QSTASH_REGION=EU_CENTRAL_1
//! EU_CENTRAL_1_QSTASH_CURRENT_SIGNING_KEY=…    EU_CENTRAL_1_QSTASH_NEXT_SIGNING_KEY=…
//! US_EAST_1_QSTASH_CURRENT_SIGNING_KEY=…       US_EAST_1_QSTASH_NEXT_SIGNING_KEY=…
//! ```
//!
//! Publishing to a region of hosted QStash is `Client::builder().region(Region::UsEast1)` with its token, or `QSTASH_REGION` with
//! `US_EAST_1_QSTASH_TOKEN`. Here each region is a local server.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::error::Error;

use axum::{Router, extract::State, routing::post};
use qstash_axum::{Delivery, KeySet, Outcome, Region, SigningKey, Verifier, VerifySignature};
use qstash_client::{Client, Message};
use qstash_dev::DevServer;
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
    let europe = DevServer::builder().region(Region::EuCentral1).start().await?;
    let america = DevServer::builder().region(Region::UsEast1).start().await?;
    let keys = KeySet::new::<String>(Vec::<(String, SigningKey)>::new()) // none for other regions
        .region(Region::EuCentral1, europe.signing_keys())
        .region(Region::UsEast1, america.signing_keys());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let verifier = Verifier::builder(keys).origin(&origin).build()?;
    let (notes, mut arrived) = mpsc::unbounded_channel();
    tokio::spawn(axum::serve(listener, app(verifier, notes)).into_future());

    for qstash in [europe, america] {
        let client = Client::new(qstash.url(), qstash.token())?;
        client.publish(Message::to(format!("{origin}/done")).text("hello")).await?;
        qstash.settled().await;
    }
    Ok(std::iter::from_fn(|| arrived.try_recv().ok()).collect())
}

fn app(verifier: Verifier, notes: Notes) -> Router {
    Router::new().route("/done", post(done)).with_state(notes).layer(VerifySignature::new(verifier))
}

/// The header with the region only selects the keys; it is not signed itself.
async fn done(State(notes): State<Notes>, delivery: Delivery) -> Outcome {
    let region = delivery.headers().region.map_or("no region".into(), |region| region.to_string());
    let _ = notes.send(format!("verified a delivery from {region}"));
    Outcome::done()
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn deliveries_of_both_regions_are_verified() {
        let expected = ["verified a delivery from EU-CENTRAL-1", "verified a delivery from US-EAST-1"];
        assert_eq!(super::run().await.unwrap(), expected);
    }
}
