//! Making tokens: for tests and for the local server.

use std::{
    fmt,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use qstash_types::{InvalidUrl, Method, SigningKey, Url, base64url, header};
use serde::Serialize;

use crate::{
    hash::{HmacKey, sha256},
    keys, readable,
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
///
/// A [`TokenBuilder`] can be wrong in every way that matters, and [`request`](Self::request) makes the whole delivery. So a
/// test of a service is a loop:
///
/// ```
/// # use std::time::SystemTime;
/// # use qstash_verify::{Defect, KeySet, Presented, Signer, SigningKey, TokenBuilder, Verifier};
/// # let key = SigningKey::new("sig_test")?;
/// # let verifier =
/// #     Verifier::builder(KeySet::new([("test", key.clone())])).origin("https://api.example.com").build()?;
/// # let serve = |request: http::Request<bytes::Bytes>| {
/// #     let token = request.headers()["upstash-signature"].as_bytes();
/// #     let request_ = Presented::new([token], request.uri().path());
/// #     match verifier.verify(&request_, request.body().clone(), verifier.now()) {
/// #         Ok(_) => 200,
/// #         Err(error) => error.status(),
/// #     }
/// # };
/// let signer = Signer::new(key);
/// let delivery = TokenBuilder::new("https://api.example.com/done", b"{}", SystemTime::now());
///
/// assert_eq!(serve(signer.request(&delivery)?), 200);
/// for defect in Defect::ALL {
///     assert_eq!(serve(signer.request(&delivery.clone().broken(defect))?), 403, "{defect:?}");
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Signer(HmacKey);

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
        self.token(&TokenBuilder::new(url, body, issued_at))
    }

    /// Makes the value of the `Upstash-Signature` header from a description of the token.
    pub fn token(&self, token: &TokenBuilder<'_>) -> String {
        static HEADER: LazyLock<String> = LazyLock::new(|| segment(&Header { alg: "HS256", typ: "JWT" }));
        let signed = [&**HEADER, &segment(&token.claims())].join(".");
        let mut mac = self.0.sign(signed.as_bytes());
        if token.defect == Some(Defect::Key) {
            // What another key would have made is as unpredictable as this.
            mac = sha256([&mac]);
        }
        [signed, base64url::encode(mac)].join(".")
    }

    /// Makes the delivery that the token is described for: `POST`, its URL, its body, the `Upstash-Signature` header.
    ///
    /// # Errors
    ///
    /// No request can be made from the URL.
    pub fn request(&self, token: &TokenBuilder<'_>) -> Result<http::Request<Bytes>, InvalidUrl> {
        let url = Url::new(token.url)?;
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(header::SIGNATURE, self.token(token))
            .body(Bytes::copy_from_slice(token.body));
        // Of a URL that passes, only the host can still be one that `http` does not take.
        request.map_err(|_| InvalidUrl::Host)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

/// What a token is to say.
#[derive(Clone)]
pub struct TokenBuilder<'a> {
    url: &'a str,
    body: &'a [u8],
    issued_at: SystemTime,
    expires_at: Option<SystemTime>,
    not_before: SystemTime,
    id: Option<&'a str>,
    defect: Option<Defect>,
}

/// What can be wrong with a delivery, for tests that want it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// The token expired an hour before its issue.
    Expired,
    /// The token begins, and ends, a day after its issue.
    NotYetValid,
    /// Another key signed it.
    Key,
    /// It was signed for another URL, at another host and with another path.
    Url,
    /// It was signed for another body.
    Body,
}

impl Defect {
    /// Every defect, for tests that walk them all.
    pub const ALL: [Defect; 5] =
        [Defect::Expired, Defect::NotYetValid, Defect::Key, Defect::Url, Defect::Body];
}

impl<'a> TokenBuilder<'a> {
    /// Describes the token of a request to this URL with this body, good for five minutes from its issue.
    pub fn new(url: &'a str, body: &'a [u8], issued_at: SystemTime) -> Self {
        let not_before = SystemTime::UNIX_EPOCH;
        Self { url, body, issued_at, expires_at: None, not_before, id: None, defect: None }
    }

    /// Sets the id of the token; derived from everything else unless set. Claim: `jti`.
    pub fn id(self, id: &'a str) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Sets the end of the token; five minutes after its issue unless set. Claim: `exp`, in whole seconds.
    pub fn expires_at(self, expires_at: SystemTime) -> Self {
        Self { expires_at: Some(expires_at), ..self }
    }

    /// Sets the begin of the token; 1970 unless set, as QStash does. Claim: `nbf`, in whole seconds.
    pub fn not_before(self, not_before: SystemTime) -> Self {
        Self { not_before, ..self }
    }

    /// Makes the token wrong, whatever else is set.
    pub fn broken(self, defect: Defect) -> Self {
        Self { defect: Some(defect), ..self }
    }

    fn claims(&self) -> TokenClaims<'_> {
        let iat = unix_seconds(self.issued_at);
        let body = base64url::encode(match self.defect {
            Some(Defect::Body) => sha256([self.body, b"altered"]),
            _ => sha256([self.body]),
        });
        let jti = self.id.map_or_else(|| derived_id(self.url, iat, &body), ToOwned::to_owned);
        let usual_end = iat.saturating_add(LIFETIME);
        let (nbf, exp) = match self.defect {
            Some(Defect::Expired) => (0, iat.saturating_sub(HOUR)),
            Some(Defect::NotYetValid) => (iat.saturating_add(DAY), usual_end.saturating_add(DAY)),
            _ => (unix_seconds(self.not_before), self.expires_at.map_or(usual_end, unix_seconds)),
        };
        let sub =
            if self.defect == Some(Defect::Url) { "https://elsewhere.invalid/elsewhere" } else { self.url };
        TokenClaims { iss: "Upstash", sub, exp, nbf, iat, jti, body }
    }
}

impl fmt::Debug for TokenBuilder<'_> {
    /// Leaves out body, and what may be a secret in the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("url", &readable::url(self.url))
            .field("issued_at", &self.issued_at)
            .field("id", &self.id)
            .field("defect", &self.defect)
            .finish_non_exhaustive()
    }
}

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// Whole seconds; a time before 1970 is 1970.
fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).as_ref().map_or(0, Duration::as_secs)
}

fn derived_id(url: &str, iat: u64, body: &str) -> String {
    let digest = sha256([format!("{iat} {body} {url}").as_bytes()]);
    format!("jwt_{}", base64url::encode(&digest[..21]))
}

/// In the order in which QStash writes it.
#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
}

/// In the order in which QStash writes them.
#[derive(Serialize)]
struct TokenClaims<'a> {
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
