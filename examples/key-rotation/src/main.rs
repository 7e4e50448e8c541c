//! The signing keys are rotated twice while a receiver runs, and no delivery is refused.
//!
//! ```text
//! cargo run -p example-key-rotation
//! ```
//!
//! A receiver knows two keys, so the first rotation changes nothing for it. After the second one it knows neither, and fetches them when it
//! meets a key that it does not know: at most once a minute, since strangers can present unknown keys as well.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::error::Error;

use axum::{
    Router,
    extract::{Request, State},
    http::HeaderValue,
    middleware::{self, Next},
    response::Response,
    routing::post,
};
use qstash_axum::{Delivery, Outcome, Verifier, VerifyError, VerifySignature};
use qstash_client::{Client, Message, types::header};
use qstash_dev::DevServer;
use qstash_verify::Presented;
use tokio::{net::TcpListener, sync::mpsc};

#[derive(Clone)]
struct App {
    client: Client,
    verifier: Verifier,
    notes: mpsc::UnboundedSender<String>,
}

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
    let app = App { client: client.clone(), verifier, notes: notes.clone() };
    tokio::spawn(axum::serve(listener, router(app)).into_future());

    for rotations in 0..3 {
        if rotations > 0 {
            client.signing_keys().rotate().await?;
            notes.send("the keys are rotated".into())?;
        }
        client.publish(Message::to(format!("{origin}/done")).retries(0)).await?;
        qstash.settled().await;
    }
    Ok(std::iter::from_fn(|| arrived.try_recv().ok()).collect())
}

fn router(app: App) -> Router {
    Router::new()
        .route("/done", post(done))
        .layer(VerifySignature::new(app.verifier.clone()))
        .layer(middleware::from_fn_with_state(app.clone(), see_to_keys)) // outside of it, hence before it
        .with_state(app)
}

async fn done(State(app): State<App>, delivery: Delivery) -> Outcome {
    let _ = app.notes.send(format!("verified with the {} key", delivery.key()));
    Outcome::done()
}

async fn see_to_keys(State(app): State<App>, request: Request, next: Next) -> Response {
    let signatures = request.headers().get_all(header::SIGNATURE).iter().map(HeaderValue::as_bytes);
    let presented = Presented::new(signatures, ""); // the key comes before the path
    if app.verifier.authenticate(&presented, app.verifier.now()).err() == Some(VerifyError::UnknownKey) {
        // A task of its own: a stranger who hangs up must not end it for everybody.
        let _ = tokio::spawn(app.fetch_keys()).await;
    }
    next.run(request).await
}

impl App {
    async fn fetch_keys(self) {
        let keys = async { Ok::<_, Box<dyn Error + Send + Sync>>(self.client.signing_keys().get().await?) };
        let note = match self.verifier.refresh_keys(self.verifier.now(), keys).await {
            Ok(refresh) => format!("unknown key, fetched: {refresh:?}"),
            Err(error) => format!("unknown key, not fetched: {error}"),
        };
        let _ = self.notes.send(note);
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn no_delivery_is_refused() {
        let expected = [
            "verified with the current key",
            "the keys are rotated",
            "verified with the next key",
            "the keys are rotated",
            "unknown key, fetched: Done",
            "verified with the current key",
        ];
        assert_eq!(super::run().await.unwrap(), expected);
    }
}
