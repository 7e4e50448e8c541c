//! Pure Rust, which uses the SHA extensions of the processor where it has them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest;

/// A key that is hashed in already, which is the form that signs and verifies fastest. Wiped when it is dropped.
#[derive(Clone)]
pub(crate) struct HmacKey(Hmac<sha2::Sha256>);

impl HmacKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// Whether the MAC is that of the text; compared in constant time.
    pub(crate) fn verify(&self, text: &[u8], mac: &[u8; 32]) -> bool {
        self.0.clone().chain_update(text).verify_slice(mac).is_ok()
    }

    #[cfg(any(feature = "sign", all(test, feature = "aws-lc-rs")))]
    pub(crate) fn sign(&self, text: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(text).finalize().into_bytes().into()
    }
}

/// The hash of a text that comes in pieces.
#[derive(Clone)]
pub(crate) struct Sha256(sha2::Sha256);

impl Sha256 {
    pub(crate) fn new() -> Self {
        Self(sha2::Sha256::new())
    }

    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
