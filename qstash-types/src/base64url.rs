//! Base64url without padding, strictly: no other character, no unused bit set. The segments of a token are written in it.

use std::{borrow::Cow, sync::LazyLock};

use base64::{DecodeSliceError, Engine as _, engine::general_purpose::NO_PAD};

use crate::base64_engine::{self, Engine};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| base64_engine::url_safe(NO_PAD));

/// Decodes a text; `None` if it is not base64url.
pub fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// Decodes a text into a buffer, or onto the heap if that is too small; `None` if it is not base64url.
pub fn decode_into<'a>(text: &[u8], buffer: &'a mut [u8]) -> Option<Cow<'a, [u8]>> {
    match ENGINE.decode_slice(text, buffer) {
        Ok(len) => Some(Cow::Borrowed(&buffer[..len])),
        Err(DecodeSliceError::OutputSliceTooSmall) => decode(text).map(Cow::Owned),
        Err(DecodeSliceError::DecodeError(_)) => None,
    }
}

/// Decodes 32 bytes, the size of SHA-256 and of its HMAC; `None` if the text is anything else.
///
/// For so few bytes, tables are faster than the engine, and there are two digests in each token.
pub fn decode_digest(text: impl AsRef<[u8]>) -> Option<[u8; 32]> {
    let text: &[u8; 43] = text.as_ref().try_into().ok()?;
    // The unused bits of the last character end up in a byte behind the digest.
    let mut padded = [b'A'; 44];
    padded[..43].copy_from_slice(text);
    let mut bytes = [0; 34];
    let mut all = 0;
    for (index, [a, b, c, d]) in padded.as_chunks::<4>().0.iter().enumerate() {
        let group = BITS[0][usize::from(*a)]
            | BITS[1][usize::from(*b)]
            | BITS[2][usize::from(*c)]
            | BITS[3][usize::from(*d)];
        all |= group;
        // Three bytes, and a fourth that the next group overwrites.
        bytes[3 * index..][..4].copy_from_slice(&group.to_be_bytes());
    }
    let has_unused_bits = bytes[32] != 0;
    let is_valid = all & INVALID == 0 && !has_unused_bits;
    bytes.first_chunk().copied().filter(|_| is_valid)
}

/// The bits that a character stands for, at each of the four places of a group.
static BITS: [[u32; 256]; 4] = {
    let mut bits = [[INVALID; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let mut value = 0;
        while value < 64 {
            bits[place][ALPHABET[value as usize] as usize] = value << (26 - 6 * place);
            value += 1;
        }
        place += 1;
    }
    bits
};

/// Stands for what is no character of base64url. No character has this bit at any place.
const INVALID: u32 = 1;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes bytes.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    ENGINE.encode(bytes)
}
