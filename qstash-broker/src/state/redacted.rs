//! What stands in place of a redacted value.

use bytes::Bytes;
use qstash_types::{Headers, Redaction};
use sha2::{Digest as _, Sha256};

/// `REDACTED:` and the digest of the value, in hexadecimal: equal values can still be told to be equal.
pub(super) fn value(original: &[u8]) -> String {
    let digest = Bytes::copy_from_slice(&Sha256::digest(original));
    format!("REDACTED:{digest:x}")
}

/// Headers, each value redacted.
pub(super) fn all_headers(headers: &Headers) -> Headers {
    let redacted = |values: &[String]| values.iter().map(|original| value(original.as_bytes())).collect();
    headers.iter().map(|(name, values)| (name.to_owned(), redacted(values))).collect()
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
