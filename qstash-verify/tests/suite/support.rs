//! Tokens made by hand, so that they can say anything.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use qstash_verify::{
    KeySet, Presented, SigningKey, SigningKeys, Verified, Verifier, VerifierBuilder, VerifyError,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const CURRENT: &str = "sig_current_7Rhu9gh0S8DxOw8ZIIyTTVbLIzIJ";
pub(crate) const NEXT: &str = "sig_next_IQ2IJhde2HK20OmBEdLdyIGLNIRY";
pub(crate) const URL: &str = "https://api.example.com/hook";
/// When the tokens here are issued.
pub(crate) const ISSUED: u64 = 1_700_000_000;

pub(crate) const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

pub(crate) fn key(text: &str) -> SigningKey {
    SigningKey::new(text).expect("the keys of the tests are not blank")
}

pub(crate) fn keys() -> KeySet {
    SigningKeys::new(key(CURRENT), key(NEXT)).into()
}

/// A verifier without tolerance, for the two keys and any URL.
pub(crate) fn lenient() -> VerifierBuilder {
    Verifier::builder(keys()).any_destination().tolerance(Duration::ZERO)
}

pub(crate) fn at(unix_seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix_seconds)
}

/// What QStash says about a delivery to [`URL`].
pub(crate) fn claims(body: &[u8]) -> Value {
    json!({
        "iss": "Upstash",
        "sub": URL,
        "exp": ISSUED + 300,
        "nbf": 0,
        "iat": ISSUED,
        "jti": "jwt_test",
        "body": URL_SAFE_NO_PAD.encode(Sha256::digest(body)),
    })
}

/// The usual claims with one of them replaced.
pub(crate) fn claims_with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims(b"");
    claims[name] = value.into();
    claims
}

pub(crate) fn segment(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Signs two segments as they are.
pub(crate) fn signed(key: &str, segments: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(segments.as_bytes());
    format!("{segments}.{}", segment(mac.finalize().into_bytes()))
}

/// A token with any text as its claims.
pub(crate) fn token_of(claims: impl AsRef<[u8]>) -> String {
    signed(CURRENT, &format!("{}.{}", segment(HEADER), segment(claims)))
}

pub(crate) fn token(claims: &Value) -> String {
    token_of(claims.to_string())
}

/// A token with any text as its header, and the usual claims.
pub(crate) fn token_with_header(header: impl AsRef<[u8]>) -> String {
    signed(CURRENT, &format!("{}.{}", segment(header), segment(claims(b"").to_string())))
}

/// Verifies a request with an empty body at the time of issue.
pub(crate) fn verify(verifier: &Verifier, token: &str) -> Result<Verified, VerifyError> {
    verifier.verify(&Presented::new([token.as_bytes()], "/hook"), "", at(ISSUED))
}

/// The refusal of a token by a verifier that takes any URL.
pub(crate) fn refusal(token: &str) -> VerifyError {
    verify(&lenient().build().expect("the settings are right"), token).expect_err("the token is refused")
}
