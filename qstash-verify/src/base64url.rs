//! Base64url without padding, strictly: no other character, no unused bit set.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::NO_PAD};

/// The fastest engine of the platform, which is several times as fast as the constants of the library.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static ENGINE: LazyLock<base64::engine::Simd> = LazyLock::new(|| base64::engine::Simd::url_safe(NO_PAD));

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static ENGINE: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD));

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
