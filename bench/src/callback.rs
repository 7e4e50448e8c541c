//! From the document of a callback to the bytes that a destination answered.

use std::sync::LazyLock;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use base64_23::engine::{DecodePaddingMode, Engine as _, GeneralPurposeConfig, Simd};
use memchr::{memchr, memmem};
use qstash_types::{Callback, base64_bytes};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Arm, each};

/// The fastest decoder there is.
static FASTEST: LazyLock<Simd> = LazyLock::new(|| {
    Simd::standard(GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent))
});

/// A callback whose response body has this length.
fn document(len: usize) -> String {
    let body: Vec<u8> = (0..len).map(|n| (n * 31 % 251) as u8).collect();
    serde_json::json!({
        "status": 200,
        "header": {
            "Content-Type": ["application/json"], "Date": ["Tue, 01 Jul 2025 10:00:00 GMT"], "Server": ["nginx"],
            "Cache-Control": ["no-store"], "Strict-Transport-Security": ["max-age=31536000"],
        },
        "body": base64_bytes::encode(&body),
        "retried": 0, "maxRetries": 3, "sourceMessageId": "msg_26hZCxZCuWyyTWPmSVBrNB882AMRP8",
        "url": "https://jobs.example.com/render", "method": "POST",
        "sourceHeader": {"Content-Type": ["application/json"], "User-Agent": ["Upstash-QStash"]},
        "sourceBody": base64_bytes::encode(&[b'7'; 256]),
        "createdAt": 1_701_198_447_054_u64, "notBefore": 1_701_198_447_054_u64, "callerIP": "178.247.74.179"
    })
    .to_string()
}

/// Finds the text and decodes it into a buffer that is there already. Leaves out every other field.
pub fn limit(len: usize) -> Arm {
    let document = document(len);
    let mut buffer = vec![0; len + 3];
    each(move || {
        let document = document.as_bytes();
        let start = memmem::find(document, b"\"body\":\"").expect("a body") + "\"body\":\"".len();
        let end = start + memchr(b'"', &document[start..]).expect("an end");
        FASTEST.decode_slice(&document[start..end], &mut buffer).expect("base64")
    })
}

pub fn ours(len: usize) -> Arm {
    let document = document(len);
    each(move || {
        let callback = Callback::from_json(document.as_bytes()).expect("a callback");
        assert_eq!(callback.body().expect("base64").len(), len);
        callback
    })
}

/// What most programs write: text fields, decoded afterwards.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "read as programs read them")]
struct Strings {
    status: u16,
    header: std::collections::HashMap<String, Vec<String>>,
    body: String,
    retried: u32,
    max_retries: u32,
    source_message_id: String,
    url: String,
    method: String,
    source_header: std::collections::HashMap<String, Vec<String>>,
    source_body: String,
    created_at: u64,
    not_before: u64,
    #[serde(rename = "callerIP")]
    caller_ip: String,
}

pub fn strings(len: usize) -> Arm {
    let document = document(len);
    each(move || {
        let callback: Strings = serde_json::from_str(&document).expect("a callback");
        let decode = |text: &str| BASE64_STANDARD.decode(text).expect("base64");
        let bodies = (decode(&callback.body), decode(&callback.source_body));
        assert_eq!(bodies.0.len(), len);
        (callback, bodies)
    })
}

/// The leanest that serde can do: everything borrowed, header maps left as they are, the fastest decoder.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "read as programs read them")]
struct Raw<'a> {
    status: u16,
    #[serde(borrow)]
    header: &'a RawValue,
    body: &'a [u8],
    retried: u32,
    max_retries: u32,
    source_message_id: &'a str,
    url: &'a str,
    method: &'a str,
    source_header: &'a RawValue,
    source_body: &'a [u8],
    created_at: u64,
    not_before: u64,
    #[serde(rename = "callerIP")]
    caller_ip: &'a str,
}

pub fn raw(len: usize) -> Arm {
    let document = document(len);
    each(move || {
        let callback: Raw<'_> = serde_json::from_slice(document.as_bytes()).expect("a callback");
        let decode = |text: &[u8]| FASTEST.decode(text).expect("base64");
        let bodies = (decode(callback.body), decode(callback.source_body));
        assert_eq!(bodies.0.len(), len);
        (callback.status, bodies)
    })
}
