//! What a middleware does with deliveries of 256 bytes, without a framework: it verifies them, and calls a handler that does
//! nothing.

use std::time::SystemTime;

use bytes::Bytes;
use qstash_verify::{
    KeySet, Signer, SigningKey, Verifier,
    adapter::{Guard, RequestHead},
};

use crate::verify::{KEY, ORIGIN};

/// The headers of a delivery, as a framework has them.
struct Head(Vec<(&'static str, String)>);

impl RequestHead for Head {
    fn method(&self) -> &str {
        "POST"
    }

    fn target(&self) -> &str {
        "/render"
    }

    fn header(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |(own, _)| *own == name).map(|(_, value)| value.as_bytes())
    }
}

/// Handles deliveries, as many as it is told.
pub fn deliveries() -> impl FnMut(usize) {
    let key = SigningKey::new(KEY).expect("a key");
    let body = Bytes::from(vec![b'x'; 256]);
    let signature = Signer::new(key.clone()).sign(&format!("{ORIGIN}/render"), &body, SystemTime::now());
    let head = Head(vec![
        ("upstash-signature", signature),
        ("upstash-message-id", "msg_26hZCxZCuWyyTWPmSVBrNCtiJEpsytA5zaTmvhmkHzqcUtkUhh".to_owned()),
        ("upstash-retried", "0".to_owned()),
        ("upstash-max-retries", "3".to_owned()),
        ("upstash-caller-ip", "203.0.113.7".to_owned()),
        ("upstash-region", "EU-CENTRAL-1".to_owned()),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        ("qstash-published-at", "1767225600000".to_owned()),
    ]);
    let keys = KeySet::new([("current", key)]);
    let guard = Guard::new(Verifier::builder(keys).origin(ORIGIN).build().expect("a verifier"));
    move |count| {
        for _ in 0..count {
            let mut unread = guard.authenticate(&head, 256).expect("a genuine delivery");
            unread.push(body.clone(), guard.now()).expect("a small body");
            let verified = unread.finish(guard.now()).expect("a genuine delivery");
            let processing = guard.process(&head, &verified);
            processing.enter(|| ());
            processing.end(Some(200));
        }
    }
}
