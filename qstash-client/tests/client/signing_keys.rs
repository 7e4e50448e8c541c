//! Signing keys: reading and rotation.

use http::Method;

use crate::support::{Script, interrupted, ok};

const KEYS: &str = r#"{"current":"sig_a","next":"sig_b"}"#;

#[tokio::test]
async fn keys_are_read_and_rotated() {
    let server = Script::new([ok(KEYS)]);
    assert_eq!(server.client().signing_keys().get().await.unwrap().current.expose(), "sig_a");
    assert_eq!((server.request().method(), server.request().uri().path()), (&Method::GET, "/v2/keys"));

    let server = Script::new([ok(KEYS)]);
    assert_eq!(server.client().signing_keys().rotate().await.unwrap().next.expose(), "sig_b");
    assert_eq!(
        (server.request().method(), server.request().uri().path()),
        (&Method::POST, "/v2/keys/rotate")
    );
}

#[tokio::test]
async fn a_rotation_whose_answer_was_lost_is_not_repeated() {
    let server = Script::new([interrupted()]);
    assert!(server.client().signing_keys().rotate().await.unwrap_err().is_ambiguous());
    assert_eq!(server.requests().len(), 1);
}
