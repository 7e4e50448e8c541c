use std::time::SystemTime;

use actix_web::{
    App,
    http::StatusCode,
    test::{TestRequest, call_service, init_service},
};
use qstash_actix::{KeySet, SigningKey, Verifier, VerifySignature};
use qstash_verify::Signer;

const ORIGIN: &str = "https://api.example.com";
const CALLBACK: &str = r#"{"status": 200, "body": "aGVsbG8=", "sourceMessageId": "msg_1", "maxRetries": 3}"#;
const FAILURE: &str =
    r#"{"status": 500, "sourceMessageId": "msg_1", "retried": 3, "maxRetries": 3, "dlqId": "1-0"}"#;

/// Posts a body that was signed for this URL.
async fn post(path: &str, signed_url: &str, body: &'static str) -> StatusCode {
    let key = SigningKey::new("sig_test").unwrap();
    let token = Signer::new(key.clone()).sign(signed_url, body.as_bytes(), SystemTime::now());
    let verifier = Verifier::builder(KeySet::new([("test", key)])).origin(ORIGIN).build().unwrap();
    let app = App::new().configure(super::routes).wrap(VerifySignature::new(verifier));
    let request = TestRequest::post().uri(path).insert_header(("upstash-signature", token)).set_payload(body);
    call_service(&init_service(app).await, request.to_request()).await.status()
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
