use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use qstash_axum::{
    KeySet, SigningKey, Verifier,
    testing::{Defect, Signer, TokenBuilder, delivery},
};
use qstash_client::{Client, Message};
use qstash_dev::{DevServer, Fault};
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::{Charges, app};

const URL: &str = "https://api.example.com/charge";

/// Calls the handler with what QStash would send for this body, or with a delivery that is broken. No socket is opened.
async fn call(charges: &Charges, body: &str, defect: Option<Defect>) -> StatusCode {
    let key = SigningKey::new("sig_test").unwrap();
    let keys = KeySet::new([("test", key.clone())]);
    let verifier = Verifier::builder(keys).origin("https://api.example.com").build().unwrap();
    let token = TokenBuilder::new(URL, body.as_bytes(), SystemTime::now());
    let token = defect.into_iter().fold(token, TokenBuilder::broken);
    let request = delivery(&Signer::new(key), &token).unwrap();
    app(verifier, charges.clone()).oneshot(request).await.unwrap().status()
}

fn charged(charges: &Charges) -> Vec<(u32, u32)> {
    charges.0.lock().unwrap().iter().map(|(id, cents)| (*id, *cents)).collect()
}

#[tokio::test]
async fn an_order_is_charged_once() {
    let charges = Charges::default();
    for _ in 0..2 {
        assert_eq!(call(&charges, r#"{"id": 7, "cents": 4200}"#, None).await, StatusCode::OK);
    }
    assert_eq!(charged(&charges), [(7, 4200)]);
}

#[tokio::test]
async fn what_cannot_be_charged_is_not_tried_again() {
    let charges = Charges::default();
    assert_eq!(call(&charges, r#"{"id": 7, "cents": 0}"#, None).await.as_u16(), 489);
    assert_eq!(call(&charges, "{}", None).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(charged(&charges), []);
}

#[tokio::test]
async fn nothing_is_charged_for_a_stranger() {
    let charges = Charges::default();
    for defect in Defect::ALL {
        let status = call(&charges, r#"{"id": 7, "cents": 4200}"#, Some(defect)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{defect:?}");
    }
    assert_eq!(charged(&charges), []);
}

/// The application on a port of its own, behind a local QStash.
struct Stage {
    qstash: DevServer,
    client: Client,
    url: String,
    charges: Charges,
}

impl Stage {
    async fn start() -> Self {
        let qstash = DevServer::start().await.unwrap();
        let client = Client::new(qstash.url(), qstash.token()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build().unwrap();
        let charges = Charges::default();
        tokio::spawn(axum::serve(listener, app(verifier, charges.clone())).into_future());
        Self { qstash, client, url: format!("{origin}/charge"), charges }
    }

    async fn publish(&self) {
        let message = Message::to(&self.url).json(&json!({ "id": 7, "cents": 4200 }));
        self.client.publish(message).await.unwrap();
    }
}

#[tokio::test]
async fn an_order_is_charged_once_whatever_happens_on_the_way() {
    let faults = [
        Fault::Status(503),
        Fault::Hang,
        Fault::Refuse,
        Fault::DuplicatedDelivery,
        Fault::LateDelivery,
        Fault::LostAcknowledgement,
        Fault::RotatedKeys,
        Fault::TooManyRequests,
        Fault::InternalError,
        Fault::LostConnection,
    ];
    for fault in faults {
        let stage = Stage::start().await;
        stage.qstash.fault(fault);
        stage.publish().await;
        stage.qstash.advance(Duration::from_secs(24 * 3600)).await; // all retries, now
        assert_eq!(charged(&stage.charges), [(7, 4200)], "{fault:?}");
        assert!(stage.qstash.dead_letters().await.is_empty(), "{fault:?}");
    }
}

#[tokio::test]
async fn an_outage_of_a_day_ends_in_the_dead_letter_queue_and_another_try_ends_well() {
    let stage = Stage::start().await;
    stage.qstash.fault(Fault::Status(503).at(&stage.url).times(4));
    stage.publish().await;
    stage.qstash.advance(Duration::from_secs(24 * 3600)).await;
    assert_eq!(charged(&stage.charges), []);

    let letters = stage.qstash.dead_letters().await;
    assert_eq!(letters.len(), 1);
    stage.client.dead_letter(letters[0].dlq_id.as_str()).retry().await.unwrap();
    stage.qstash.settled().await;
    assert_eq!(charged(&stage.charges), [(7, 4200)]);
}
