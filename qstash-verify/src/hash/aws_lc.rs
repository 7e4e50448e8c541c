//! AWS-LC, which has assembly for processors without SHA extensions too.

use aws_lc_rs::{
    digest::{self, SHA256},
    hmac::{self, HMAC_SHA256},
};

/// A key that is hashed in already, which is the form that signs and verifies fastest. AWS-LC wipes it when it is dropped.
#[derive(Clone)]
pub(crate) struct HmacKey(hmac::Key);

impl HmacKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, key))
    }

    /// Whether the MAC is that of the text; compared in constant time.
    pub(crate) fn verify(&self, text: &[u8], mac: &[u8; 32]) -> bool {
        hmac::verify(&self.0, text, mac).is_ok()
    }

    #[cfg(any(feature = "sign", all(test, feature = "aws-lc-rs")))]
    pub(crate) fn sign(&self, text: &[u8]) -> [u8; 32] {
        hmac::sign(&self.0, text).as_ref().try_into().expect("a MAC of SHA-256 has 32 bytes")
    }
}

/// The hash of a text that comes in pieces.
#[derive(Clone)]
pub(crate) struct Sha256(digest::Context);

impl Sha256 {
    pub(crate) fn new() -> Self {
        Self(digest::Context::new(&SHA256))
    }

    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finish().as_ref().try_into().expect("a digest of SHA-256 has 32 bytes")
    }
}
