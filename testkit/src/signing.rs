//! A receiver with its own key and its own clock, and signatures for it.

use std::time::{Duration, SystemTime};

use qstash_verify::{KeySet, Signer, SigningKey, Verifier, VerifierBuilder};

/// Where QStash finds the receiver.
pub const ORIGIN: &str = "https://api.example.com";
/// Its signing key.
pub const KEY: &str = "sig_the_key_of_this_receiver";

/// The time on its clock.
pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

/// Its keys.
pub fn keys() -> KeySet {
    KeySet::new([("current", SigningKey::new(KEY).unwrap())])
}

/// Its verifier.
pub fn verifier() -> VerifierBuilder {
    Verifier::builder(keys()).origin(ORIGIN).clock(now)
}

/// Signs for this receiver's path and body, with its key, now.
pub fn signature(path: &str, body: &[u8]) -> String {
    sign(KEY, &format!("{ORIGIN}{path}"), body, now())
}

/// Signs for this receiver's path and body, with another key.
pub fn forged_signature(path: &str, body: &[u8]) -> String {
    sign("sig_of_a_stranger", &format!("{ORIGIN}{path}"), body, now())
}

/// Makes a signature, with any key at any time.
pub fn sign(key: &str, url: &str, body: &[u8], time: SystemTime) -> String {
    Signer::new(SigningKey::new(key).unwrap()).sign(url, body, time)
}
