//! A receiver behind a proxy that strips a prefix: QStash calls `/api/done`, and the receiver sees `/done`.
//!
//! ```text
//! cargo run -p example-behind-proxy
//! ```
//!
//! A signature is for the URL that QStash was told, which the receiver cannot know by itself: `Host` and `X-Forwarded-*` are written by
//! whoever sends a request. It is configured with [`origin`](qstash_axum::VerifierBuilder::origin) and
//! [`public_prefix`](qstash_axum::VerifierBuilder::public_prefix), or by `QSTASH_RECEIVER_URL=https://api.example.com/api`.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::error::Error;

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, post},
};
use qstash_axum::{Delivery, Outcome, Verifier, VerifierBuilder, VerifySignature};
use qstash_client::{Client, Message};
use qstash_dev::DevServer;
use tokio::net::TcpListener;
use tower::ServiceExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for (receiver, answer) in run().await? {
        println!("{receiver}: {answer}");
    }
    Ok(())
}

/// Delivers to a receiver that knows of its proxy, and to one that does not; tells what became of the message.
async fn run() -> Result<[(&'static str, String); 2], Box<dyn Error>> {
    Ok([
        ("with public_prefix", deliver(|verifier| verifier.public_prefix("/api")).await?),
        ("without it", deliver(|verifier| verifier).await?),
    ])
}

/// Publishes a message to a receiver with these settings.
async fn deliver(
    settings: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
) -> Result<String, Box<dyn Error>> {
    let qstash = DevServer::start().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?); // of the proxy
    let verifier = settings(Verifier::builder(qstash.signing_keys()).origin(&origin)).build()?;
    let receiver = Router::new()
        .route("/done", post(async |_: Delivery| Outcome::done()))
        .layer(VerifySignature::new(verifier));
    tokio::spawn(axum::serve(listener, proxy(receiver)).into_future());

    let client = Client::new(qstash.url(), qstash.token())?;
    client.publish(Message::to(format!("{origin}/api/done")).retries(0)).await?;
    qstash.settled().await;
    let refused = qstash.dead_letters().await.first().and_then(|letter| letter.response_status);
    Ok(refused.map_or("delivered".into(), |status| format!("refused with status {status}")))
}

/// Stands for nginx, Traefik or an ingress: what is below `/api` goes to the receiver, without `/api`.
fn proxy(receiver: Router) -> Router {
    let forward = async |State(receiver): State<Router>, request: Request| -> Result<Response, StatusCode> {
        let (head, body) = request.into_parts();
        let target = head.uri.path_and_query().and_then(|target| target.as_str().strip_prefix("/api"));
        let mut forwarded = Request::new(body);
        *forwarded.uri_mut() = target.unwrap_or_default().parse().map_err(|_| StatusCode::BAD_REQUEST)?;
        *forwarded.method_mut() = head.method;
        *forwarded.headers_mut() = head.headers;
        Ok(receiver.oneshot(forwarded).await.into_response())
    };
    Router::new().route("/api/{*path}", any(forward)).with_state(receiver)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn who_knows_of_the_prefix_takes_deliveries_and_who_does_not_refuses_them() {
        let answers = super::run().await.unwrap();
        assert_eq!(answers.map(|(_, answer)| answer), ["delivered", "refused with status 403"]);
    }
}
