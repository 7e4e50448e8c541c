use std::time::SystemTime;

use axum::http::StatusCode;
use qstash_axum::{
    KeySet, SigningKey, Verifier,
    testing::{Signer, TokenBuilder, delivery},
};
use tower::ServiceExt;

const ORIGIN: &str = "https://api.example.com";
const CALLBACK: &str = r#"{"status": 200, "body": "aGVsbG8=", "sourceMessageId": "msg_1", "maxRetries": 3}"#;
const FAILURE: &str =
    r#"{"status": 500, "sourceMessageId": "msg_1", "retried": 3, "maxRetries": 3, "dlqId": "1-0"}"#;

/// Posts what was signed for this URL to this path.
async fn post(path: &str, signed_url: &str, body: &'static str) -> StatusCode {
    let key = SigningKey::new("sig_test").unwrap();
    let verifier = Verifier::builder(KeySet::new([("test", key.clone())])).origin(ORIGIN).build().unwrap();
    let token = TokenBuilder::new(signed_url, body.as_bytes(), SystemTime::now());
    let mut request = delivery(&Signer::new(key), &token).unwrap();
    *request.uri_mut() = path.parse().unwrap();
    super::app(verifier).oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn both_callbacks_are_taken() {
    let url = format!("{ORIGIN}/callback");
    assert_eq!(post("/callback", &url, CALLBACK).await, StatusCode::OK);
    let url = format!("{ORIGIN}/failure-callback");
    assert_eq!(post("/failure-callback", &url, FAILURE).await, StatusCode::OK);
}

#[tokio::test]
async fn a_callback_for_one_route_does_not_open_the_other() {
    let url = format!("{ORIGIN}/callback");
    assert_eq!(post("/failure-callback", &url, FAILURE).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_no_callback_is_asked_for_again() {
    let url = format!("{ORIGIN}/callback");
    assert_eq!(post("/callback", &url, "{}").await, StatusCode::UNPROCESSABLE_ENTITY);
}
