//! What stands in place of a redacted value.

use qstash_types::{Headers, Redaction};
use sha2::{Digest as _, Sha256};

use crate::hex;

/// `REDACTED:` and the digest of the value, in hexadecimal: equal values can still be told to be equal.
pub(super) fn value(original: &[u8]) -> String {
    format!("REDACTED:{}", hex::encode(&Sha256::digest(original)))
}

/// The headers, with each value of those that are covered redacted.
pub(super) fn headers(headers: &Headers, redaction: &Redaction) -> Headers {
    headers
        .iter()
        .map(|(name, values)| {
            let values = if redaction.covers(name) {
                values.iter().map(|original| value(original.as_bytes())).collect()
            } else {
                values.to_vec()
            };
            (name.to_owned(), values)
        })
        .collect()
}
