use std::time::SystemTime;

use actix_web::{
    App,
    http::StatusCode,
    test::{call_service, init_service},
};
use qstash_actix::{
    KeySet, SigningKey, Verifier, VerifySignature,
    testing::{Signer, TokenBuilder, delivery},
};

const ORIGIN: &str = "https://api.example.com";
const CALLBACK: &str = r#"{"status": 200, "body": "aGVsbG8=", "sourceMessageId": "msg_1", "maxRetries": 3}"#;
const FAILURE: &str =
    r#"{"status": 500, "sourceMessageId": "msg_1", "retried": 3, "maxRetries": 3, "dlqId": "1-0"}"#;

/// Posts what was signed for this URL to this path.
async fn post(path: &str, signed_url: &str, body: &'static str) -> StatusCode {
    let key = SigningKey::new("sig_test").unwrap();
    let verifier = Verifier::builder(KeySet::new([("test", key.clone())])).origin(ORIGIN).build().unwrap();
    let token = TokenBuilder::new(signed_url, body.as_bytes(), SystemTime::now());
    let request = delivery(&Signer::new(key), &token).unwrap().uri(path).to_request();
    let app = App::new().configure(super::routes).wrap(VerifySignature::new(verifier));
    call_service(&init_service(app).await, request).await.status()
}

#[actix_web::test]
async fn both_callbacks_are_taken() {
    let url = format!("{ORIGIN}/callback");
    assert_eq!(post("/callback", &url, CALLBACK).await, StatusCode::OK);
    let url = format!("{ORIGIN}/failure-callback");
    assert_eq!(post("/failure-callback", &url, FAILURE).await, StatusCode::OK);
}

#[actix_web::test]
async fn a_callback_for_one_route_does_not_open_the_other() {
    let url = format!("{ORIGIN}/callback");
    assert_eq!(post("/failure-callback", &url, FAILURE).await, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn what_is_no_callback_is_asked_for_again() {
    let url = format!("{ORIGIN}/callback");
    assert_eq!(post("/callback", &url, "{}").await, StatusCode::UNPROCESSABLE_ENTITY);
}
