//! The compact token: three segments, one algorithm, one MAC.

use qstash_types::base64url;

use crate::{
    MAX_TOKEN_LEN, VerifyError,
    hash::HmacKey,
    json::{self, Value},
};

/// A well-formed token whose header asks for HS256. Nothing says yet who signed it.
pub(crate) struct Token<'a> {
    /// Header and claims as they were transmitted, which is what is signed.
    signed: &'a [u8],
    /// The claims, still encoded, and of no value before [`is_signed_with`](Self::is_signed_with).
    pub(crate) claims: &'a [u8],
    pub(crate) mac: [u8; 32],
}

/// `{"alg":"HS256","typ":"JWT"}` and the dot: what QStash sends, which therefore need not be decoded each time.
const USUAL_HEADER: &[u8] = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

impl<'a> Token<'a> {
    pub(crate) fn parse(token: &'a [u8]) -> Result<Self, VerifyError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(VerifyError::TooLong { len: token.len() });
        }
        // 32 bytes take 43 characters.
        let Some((signed, [b'.', mac @ ..])) = token.split_last_chunk::<44>() else {
            return Err(malformed("it does not end in a signature of 32 bytes"));
        };
        // A surplus dot becomes a part of the claims, which are then not base64url.
        let claims = if let Some(claims) = signed.strip_prefix(USUAL_HEADER) {
            claims
        } else {
            let dot =
                signed.iter().position(|byte| *byte == b'.').ok_or(malformed("it has only two segments"))?;
            check_header(&signed[..dot])?;
            &signed[dot + 1..]
        };
        let mac = base64url::decode_digest(mac).ok_or(malformed("its signature is not base64url"))?;
        Ok(Self { signed, claims, mac })
    }

    /// Whether the key made the MAC; compared in constant time.
    pub(crate) fn is_signed_with(&self, key: &HmacKey) -> bool {
        key.verify(self.signed, &self.mac)
    }
}

fn check_header(segment: &[u8]) -> Result<(), VerifyError> {
    let header = base64url::decode(segment).ok_or(malformed("its header is not base64url"))?;
    let [alg, typ, crit] = str::from_utf8(&header)
        .ok()
        .and_then(|header| json::members(header, ["alg", "typ", "crit"]))
        .ok_or(malformed("its header is not one JSON object with unique members"))?;
    if alg.and_then(Value::text).as_deref() != Some("HS256") {
        return Err(VerifyError::Algorithm);
    }
    if typ.is_some_and(|typ| !typ.text().is_some_and(|typ| typ.eq_ignore_ascii_case("JWT"))) {
        return Err(malformed("its type is not JWT"));
    }
    // A critical parameter must be understood, and this reader understands none.
    if crit.is_some() {
        return Err(malformed("its header has critical parameters"));
    }
    Ok(())
}

fn malformed(what: &'static str) -> VerifyError {
    VerifyError::Malformed { what }
}
