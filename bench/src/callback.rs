//! From the body of a callback to the bytes that a destination answered.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use qstash_types::{Callback, base64_bytes};
use serde::Deserialize;

use crate::{
    rounds::{self, Way},
    verify::size,
};

/// What most programs write: text fields, decoded afterwards.
#[derive(Deserialize)]
struct Obvious {
    status: u16,
    body: String,
}

/// Compares decodings of a callback whose response body has this length.
pub fn compare(len: usize) {
    let body: Vec<u8> = (0..len).map(|n| (n * 31 % 251) as u8).collect();
    let text = base64_bytes::encode(&body);
    let document = serde_json::json!({
        "status": 200, "header": {"Content-Type": ["application/json"], "Date": ["Tue, 01 Jul 2025 10:00:00 GMT"]},
        "body": text, "retried": 0, "maxRetries": 3, "sourceMessageId": "msg_26hZCxZCuWyyTWPmSVBrNB882AMRP8",
        "url": "https://jobs.example.com/render", "method": "POST",
        "sourceHeader": {"Content-Type": ["application/json"]}, "sourceBody": "eyJhIjoxfQ==",
        "createdAt": 1_701_198_447_054_u64, "notBefore": 1_701_198_447_054_u64, "callerIP": "178.247.74.179"
    })
    .to_string();
    rounds::compare(
        &size(len),
        len,
        vec![
            Way::new("limit: base64 alone", || base64_bytes::decode(text.as_bytes())),
            Way::new("qstash-types", || {
                let callback: Callback = serde_json::from_str(&document).expect("a callback");
                callback.body().expect("base64").len()
            }),
            Way::new("String fields, then base64 0.22", || {
                let callback: Obvious = serde_json::from_str(&document).expect("a callback");
                (callback.status, BASE64_STANDARD.decode(callback.body).expect("base64"))
            }),
        ],
    );
}
