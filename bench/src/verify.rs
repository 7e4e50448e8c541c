//! Is this request from QStash?

use std::time::SystemTime;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use qstash_rs::{Receiver, ReceiverConfig, VerifyRequest};
use qstash_verify::{Presented, Signer, SigningKey, SigningKeys, Verifier};
use sha2::{Digest, Sha256};

use crate::rounds::{self, Way};

const KEY: &str = "sig_7f3b0c55d4e24c1f9a6e";
const NEXT_KEY: &str = "sig_0d9c7be1a2f84a35b8d1";
const URL: &str = "https://api.example.com/render/done?job=42";

/// Compares whole verifications of a body of this length, current key, URL checked.
pub fn compare(len: usize) {
    let key = |text| SigningKey::new(text).expect("a key");
    let body = vec![b'x'; len];
    let token = Signer::new(key(KEY)).sign(URL, &body, SystemTime::now());
    let (signed, _) = token.rsplit_once('.').expect("three segments");

    let keyed = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any length");
    let limit = || {
        let mut mac = keyed.clone();
        mac.update(signed.as_bytes());
        (mac.finalize(), Sha256::digest(&body))
    };
    let ours = Verifier::builder(SigningKeys::new(key(KEY), key(NEXT_KEY)))
        .origin("https://api.example.com")
        .build()
        .expect("a verifier");
    let peer = Receiver::new(ReceiverConfig {
        current_signing_key: KEY.to_owned(),
        next_signing_key: NEXT_KEY.to_owned(),
    });
    let request = Presented::new([token.as_bytes()], "/render/done?job=42");
    let shared = Bytes::copy_from_slice(&body);
    rounds::compare(
        &size(len),
        len,
        vec![
            Way::new("limit: hmac + sha2", limit),
            Way::new("qstash-verify", || {
                ours.verify(&request, shared.clone(), ours.now()).expect("a genuine delivery")
            }),
            Way::new("qstash-rs 0.6", || {
                let request = VerifyRequest {
                    signature: &token,
                    body: &body,
                    url: Some(URL),
                    clock_tolerance_seconds: 5,
                };
                peer.verify(request).expect("a genuine delivery");
            }),
        ],
    );
}

/// A length for people.
pub fn size(len: usize) -> String {
    match len {
        0..1024 => format!("{len} B"),
        1024..1_048_576 => format!("{} KiB", len / 1024),
        _ => format!("{} MiB", len / 1_048_576),
    }
}
