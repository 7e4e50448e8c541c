//! A receiver with its own key and its own clock, and signatures for it.

use std::time::{Duration, SystemTime};

use qstash_verify::{KeySet, Signer, SigningKey, Verifier, VerifierBuilder};

pub(crate) const ORIGIN: &str = "https://api.example.com";
pub(crate) const KEY: &str = "sig_the_key_of_this_receiver";

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

pub(crate) fn keys() -> KeySet {
    KeySet::new([("current", SigningKey::new(KEY).unwrap())])
}

pub(crate) fn verifier() -> VerifierBuilder {
    Verifier::builder(keys()).origin(ORIGIN).clock(now)
}

/// Signs for this receiver's path and body, with its key, now.
pub(crate) fn signature(path: &str, body: &[u8]) -> String {
    sign(KEY, &format!("{ORIGIN}{path}"), body, now())
}

/// Signs for this receiver's path and body, with another key.
pub(crate) fn forged_signature(path: &str, body: &[u8]) -> String {
    sign("sig_of_a_stranger", &format!("{ORIGIN}{path}"), body, now())
}

pub(crate) fn sign(key: &str, url: &str, body: &[u8], time: SystemTime) -> String {
    Signer::new(SigningKey::new(key).unwrap()).sign(url, body, time)
}
