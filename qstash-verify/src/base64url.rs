//! Base64url without padding, strictly: no other character, no unused bit set.

use std::sync::LazyLock;

use base64::{
    Engine as _,
    engine::{Simd, general_purpose::NO_PAD},
};

/// Several times as fast as the engines that are constants.
static ENGINE: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(NO_PAD));

pub(crate) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// Decodes 32 bytes, the size of SHA-256 and of its HMAC.
pub(crate) fn decode_digest(text: impl AsRef<[u8]>) -> Option<[u8; 32]> {
    // The engine asks for room for whole groups of three bytes.
    let mut groups = [0; 33];
    let len = ENGINE.decode_slice(text, &mut groups).ok()?;
    groups[..len].try_into().ok()
}

#[cfg(feature = "sign")]
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    ENGINE.encode(bytes)
}
