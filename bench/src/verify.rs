//! Is this request from QStash? Whole verifications with the current key, the URL checked.

use std::time::SystemTime;

use base64_23::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use qstash_rs::{Receiver, ReceiverConfig, VerifyRequest};
use qstash_verify::{KeySet, Presented, Signer, SigningKey, Verifier};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Arm, each};

pub const KEY: &str = "sig_7f3b0c55d4e24c1f9a6e8b1d0c2f";
const NEXT_KEY: &str = "sig_0d9c7be1a2f84a35b8d1e7c6a0f4";
pub const ORIGIN: &str = "https://api.example.com";
pub const TARGET: &str = "/render/done?job=42";
pub const URL: &str = "https://api.example.com/render/done?job=42";

/// A body of this length, and the token that was signed for it just now.
pub fn delivery(len: usize) -> (String, Bytes) {
    let body = Bytes::from(vec![b'x'; len]);
    (Signer::new(key(KEY)).sign(URL, &body, SystemTime::now()), body)
}

fn key(text: &str) -> SigningKey {
    SigningKey::new(text).expect("a key")
}

pub fn ours(len: usize) -> Arm {
    verified(KeySet::new([("current", key(KEY)), ("next", key(NEXT_KEY))]), len)
}

/// Verifies 256 bytes that the last of so many keys has signed.
pub fn ours_by_keys(count: usize) -> Arm {
    let others = (1..count).map(|number| (number.to_string(), key(&format!("{NEXT_KEY}{number}"))));
    verified(KeySet::new(others.chain([("last".to_owned(), key(KEY))])), 256)
}

fn verified(keys: KeySet, len: usize) -> Arm {
    let (token, body) = delivery(len);
    let verifier = Verifier::builder(keys).origin(ORIGIN).build().expect("a verifier");
    each(move || {
        let request = Presented::new([token.as_bytes()], TARGET);
        verifier.verify(&request, body.clone(), verifier.now()).expect("a genuine delivery")
    })
}

pub fn qstash_rs(len: usize) -> Arm {
    let (token, body) = delivery(len);
    let receiver = Receiver::new(ReceiverConfig {
        current_signing_key: KEY.to_owned(),
        next_signing_key: NEXT_KEY.to_owned(),
    });
    each(move || {
        let request =
            VerifyRequest { signature: &token, body: &body, url: Some(URL), clock_tolerance_seconds: 5 };
        receiver.verify(request).expect("a genuine delivery");
    })
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    body: String,
}

/// The receiver that people write themselves: what `jsonwebtoken` can check, then the URL and the hash of the body.
pub fn jsonwebtoken(len: usize) -> Arm {
    let (token, body) = delivery(len);
    let keys = [KEY, NEXT_KEY].map(|key| DecodingKey::from_secret(key.as_bytes()));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["Upstash"]);
    validation.validate_nbf = true;
    validation.leeway = 5;
    each(move || {
        let decoded =
            keys.iter().find_map(|key| jsonwebtoken::decode::<Claims>(&token, key, &validation).ok());
        let claims = decoded.expect("a genuine token").claims;
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&body));
        assert!(claims.sub == URL && claims.body.trim_end_matches('=') == digest, "a genuine delivery");
    })
}
