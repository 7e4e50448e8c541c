//! One message, a receiver with a mistake, and what both sides say about it.

use std::time::Duration;

use actix_web::{App, HttpServer, web::ServiceConfig};
use axum::{Router, extract::DefaultBodyLimit, routing::post};
use qstash_axum::{KeySet, Signed, SigningKey, Verifier, VerifierBuilder, VerifySignature};
use qstash_client::{Client, Message};
use qstash_dev::DevServer;
use serde_json::{Value, json};
use testkit::log;
use tokio::net::TcpListener;

/// A local server, and where the receiver will be.
pub(crate) struct Stage {
    pub(crate) qstash: DevServer,
    listener: TcpListener,
    pub(crate) origin: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::at("127.0.0.1:0").await
    }

    pub(crate) async fn at(address: &str) -> Self {
        log::start();
        log::listen_at(tracing::Level::WARN);
        let listener = TcpListener::bind(address).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        Self { qstash: DevServer::start().await.unwrap(), listener, origin }
    }

    /// The settings of a receiver without a mistake.
    pub(crate) fn verifier(&self) -> VerifierBuilder {
        Verifier::builder(self.qstash.signing_keys()).origin(&self.origin)
    }

    /// The settings of a receiver with other keys.
    pub(crate) fn with_keys(&self, current: &str, next: &str) -> VerifierBuilder {
        let key = |key| SigningKey::new(key).unwrap();
        let keys = [("QSTASH_CURRENT_SIGNING_KEY", key(current)), ("QSTASH_NEXT_SIGNING_KEY", key(next))];
        Verifier::builder(KeySet::new(keys)).origin(&self.origin)
    }

    /// Publishes a message to a receiver with these settings; the rest is as for [`tell`](Self::tell).
    pub(crate) async fn tell_verified(self, settings: VerifierBuilder) -> Vec<String> {
        let layer = VerifySignature::new(settings.build().unwrap());
        self.tell(routes().layer(layer)).await
    }

    /// Publishes a message to a receiver. Returns what the log of the receiver and of the local server say from `WARN` on.
    pub(crate) async fn tell(self, receiver: Router) -> Vec<String> {
        let message = Message::to(format!("{}/hook", self.origin)).json(&json!({ "pages": 42 }));
        self.tell_about(receiver, message).await
    }

    pub(crate) async fn tell_about(self, receiver: Router, message: Message) -> Vec<String> {
        let Self { qstash, listener, .. } = self;
        tokio::spawn(axum::serve(listener, receiver).into_future());
        publish(&qstash, message).await
    }

    /// The same with a receiver of actix-web, whose own log is that of another thread.
    pub(crate) async fn tell_actix(
        self,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
        message: Message,
    ) -> Vec<String> {
        let Self { qstash, listener, .. } = self;
        let server = HttpServer::new(move || App::new().configure(routes.clone()));
        let server = server.workers(1).disable_signals().client_request_timeout(Duration::ZERO);
        tokio::spawn(server.listen(listener.into_std().unwrap()).unwrap().run());
        publish(&qstash, message).await
    }
}

async fn publish(qstash: &DevServer, message: Message) -> Vec<String> {
    let client = Client::new(qstash.url(), qstash.token()).unwrap();
    client.publish(message.retries(0)).await.unwrap();
    qstash.settled().await;
    log::take()
}

/// A receiver without the middleware.
pub(crate) fn routes() -> Router {
    Router::new().route("/hook", post(async |_: Signed<Value>| ()))
}

/// A receiver without the middleware that takes no more than this by the extractors of axum.
pub(crate) fn limited(bytes: usize) -> Router {
    Router::new().route("/hook", post(async |_: String| ())).layer(DefaultBodyLimit::max(bytes))
}

/// Asserts that one line has all of these words.
#[track_caller]
pub(crate) fn said(lines: &[String], words: &[&str]) {
    let has_all = |line: &String| words.iter().all(|word| line.contains(word));
    assert!(lines.iter().any(has_all), "nobody says {words:?}: {lines:#?}");
}
