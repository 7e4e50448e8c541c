//! Making tokens: for tests and for the local server.

use std::{fmt, time::SystemTime};

use hmac::Mac;
use jsonwebtoken::Algorithm;
use qstash_types::SigningKey;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    base64url,
    keys::{self, HmacSha256},
};

/// Signs deliveries as QStash does. Needs the feature `sign`.
///
/// ```
/// use std::time::SystemTime;
/// use qstash_verify::{KeySet, Presented, Signer, SigningKey, Verifier};
///
/// let key = SigningKey::new("sig_test")?;
/// let now = SystemTime::now();
/// let header = Signer::new(key.clone()).sign("https://api.example.com/done?a=1", b"{}", now);
///
/// let verifier = Verifier::builder(KeySet::new([("test", key)])).origin("https://api.example.com").build()?;
/// let request = Presented::new([header.as_bytes()], "/done?a=1");
/// let verified = verifier.verify(&request, "{}", now)?;
/// assert_eq!(verified.claims().subject(), "https://api.example.com/done?a=1");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Signer(HmacSha256);

/// The life of a token as QStash issues it, in seconds.
const LIFETIME: u64 = 300;

impl Signer {
    /// Takes the key to sign with.
    #[expect(clippy::needless_pass_by_value, reason = "the key lives on as the signer, its text is wiped")]
    pub fn new(key: SigningKey) -> Self {
        Self(keys::keyed(&key))
    }

    /// Makes the value of the `Upstash-Signature` header for a request to this URL with this body.
    pub fn sign(&self, url: &str, body: &[u8], issued_at: SystemTime) -> String {
        self.token(&Token::new(url, body, issued_at))
    }

    /// Makes the value of the `Upstash-Signature` header from a description of the token.
    pub fn token(&self, token: &Token<'_>) -> String {
        let header = segment(&Header { alg: Algorithm::HS256, typ: "JWT" });
        let signed = format!("{header}.{}", segment(&token.claims()));
        let mac = self.0.clone().chain_update(&signed).finalize();
        format!("{signed}.{}", base64url::encode(mac.into_bytes()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct Token<'a> {
    url: &'a str,
    body: &'a [u8],
    issued_at: SystemTime,
    id: Option<&'a str>,
}

impl<'a> Token<'a> {
    /// Describes the token of a request to this URL with this body, good for five minutes from its issue.
    pub fn new(url: &'a str, body: &'a [u8], issued_at: SystemTime) -> Self {
        Self { url, body, issued_at, id: None }
    }

    /// Sets the id of the token; derived from everything else unless set. Claim: `jti`.
    pub fn id(self, id: &'a str) -> Self {
        Self { id: Some(id), ..self }
    }

    fn claims(&self) -> Claims<'_> {
        let iat = self.issued_at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let body = base64url::encode(Sha256::digest(self.body));
        let jti = self.id.map_or_else(|| derived_id(self.url, iat, &body), ToOwned::to_owned);
        Claims { iss: "Upstash", sub: self.url, exp: iat.saturating_add(LIFETIME), nbf: 0, iat, jti, body }
    }
}

fn derived_id(url: &str, iat: u64, body: &str) -> String {
    let digest = Sha256::digest(format!("{iat} {body} {url}"));
    format!("jwt_{}", base64url::encode(&digest[..21]))
}

/// In the order in which QStash writes it.
#[derive(Serialize)]
struct Header {
    alg: Algorithm,
    typ: &'static str,
}

/// In the order in which QStash writes them.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    sub: &'a str,
    exp: u64,
    nbf: u64,
    iat: u64,
    jti: String,
    body: String,
}

fn segment(part: &impl Serialize) -> String {
    base64url::encode(serde_json::to_vec(part).expect("texts and numbers serialise"))
}
