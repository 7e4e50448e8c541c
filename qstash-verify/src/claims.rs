//! What a token says.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use qstash_types::base64url;

use crate::{
    VerifyError,
    json::{self, Value},
    readable,
};

/// What QStash says in a token about the delivery it came with. Cheap to clone.
#[derive(Clone)]
pub struct Claims {
    subject: Arc<str>,
    token_id: Option<Arc<str>>,
    issued_at: Option<f64>,
    expires_at: f64,
    not_before: f64,
    /// SHA-256 of the body.
    pub(crate) digest: [u8; 32],
}

impl Claims {
    /// The URL that QStash called. Claim: `sub`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The id of the token. Each attempt has its own, so it does not identify the message. Claim: `jti`.
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// When QStash made the token. Claim: `iat`.
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.issued_at.map(system_time)
    }

    /// When the token ends; usually five minutes after its issue. Claim: `exp`.
    pub fn expires_at(&self) -> SystemTime {
        system_time(self.expires_at)
    }

    /// When the token begins; usually 1970, since QStash sends 0. Claim: `nbf`.
    pub fn not_before(&self) -> SystemTime {
        system_time(self.not_before)
    }

    /// The SHA-256 digest of the body that the token is for. Claim: `body`.
    pub fn body_digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// From the issue of the token to its end; nothing if it does not say when it was issued.
    pub(crate) fn lifetime(&self) -> Duration {
        self.issued_at.map_or(Duration::ZERO, |issued_at| duration((self.expires_at - issued_at).max(0.0)))
    }

    /// Reads the claims of a token whose signature holds.
    pub(crate) fn read(segment: &[u8]) -> Result<Self, VerifyError> {
        let malformed = |what| VerifyError::Claims { what };
        let mut buffer = [0; USUAL_LEN];
        let json = base64url::decode_into(segment, &mut buffer).ok_or(malformed("they are not base64url"))?;
        let no_object = || malformed("they are not one JSON object with unique members");
        let json = str::from_utf8(&json).map_err(|_| no_object())?;
        if let Some(claims) = Self::usual(json) {
            return Ok(claims);
        }
        let [iss, sub, exp, nbf, iat, jti, aud, body] =
            json::members(json, ["iss", "sub", "exp", "nbf", "iat", "jti", "aud", "body"])
                .ok_or_else(no_object)?;

        if iss.and_then(Value::text).as_deref() != Some("Upstash") {
            return Err(VerifyError::Issuer);
        }
        if aud.is_some_and(|aud| !aud.is_empty()) {
            return Err(VerifyError::Audience);
        }
        let wrong = |name, wanted| VerifyError::Claim { name, wanted };
        let text = |name, value: Option<Value<'_>>| {
            value.and_then(Value::text).map(Arc::from).ok_or(wrong(name, "a string"))
        };
        let number =
            |name, value: Option<Value<'_>>| value.and_then(Value::number).ok_or(wrong(name, "a number"));
        let digest = body.and_then(Value::text).and_then(|text| digest(&text));
        Ok(Self {
            subject: text("sub", sub)?,
            expires_at: number("exp", exp)?,
            not_before: number("nbf", nbf)?,
            issued_at: iat.map(|_| number("iat", iat)).transpose()?,
            token_id: jti.map(|_| text("jti", jti)).transpose()?,
            digest: digest.ok_or(wrong("body", "a SHA-256 digest in base64url"))?,
        })
    }

    /// Reads claims that are written as QStash writes them: these members in this order, nothing between and nothing escaped.
    fn usual(json: &str) -> Option<Self> {
        let (subject, rest) = json::plain_text(json.strip_prefix(r#"{"iss":"Upstash","sub":"#)?)?;
        let (expires_at, rest) = json::plain_integer(rest.strip_prefix(r#","exp":"#)?)?;
        let (not_before, rest) = json::plain_integer(rest.strip_prefix(r#","nbf":"#)?)?;
        let (issued_at, rest) = json::plain_integer(rest.strip_prefix(r#","iat":"#)?)?;
        let (token_id, rest) = json::plain_text(rest.strip_prefix(r#","jti":"#)?)?;
        let body = rest.strip_prefix(r#","body":""#)?.strip_suffix(r#""}"#)?;
        Some(Self {
            digest: digest(body)?,
            subject: subject.into(),
            token_id: Some(token_id.into()),
            issued_at: Some(issued_at),
            expires_at,
            not_before,
        })
    }

    /// Valid while `nbf - tolerance <= now < exp + tolerance`.
    pub(crate) fn check_time(&self, now: SystemTime, tolerance: Duration) -> Result<(), VerifyError> {
        let (now, tolerance) = (unix_seconds(now), tolerance.as_secs_f64());
        if now >= self.expires_at + tolerance {
            return Err(VerifyError::Expired { by: duration(now - self.expires_at) });
        }
        if now < self.not_before - tolerance {
            return Err(VerifyError::NotYetValid { by: duration(self.not_before - now) });
        }
        Ok(())
    }
}

/// Claims are rarely longer, in bytes. Most of them is the URL.
const USUAL_LEN: usize = 768;

impl fmt::Debug for Claims {
    /// Leaves out what may be a secret in the subject: user information, and the parameters of QStash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("subject", &readable::url(&self.subject))
            .field("token_id", &self.token_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// QStash has written it with and without its padding.
fn digest(text: &str) -> Option<[u8; 32]> {
    base64url::decode_digest(text.strip_suffix('=').unwrap_or(text))
}

fn unix_seconds(time: SystemTime) -> f64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// The last second of the year 9999, which every platform's `SystemTime` can hold.
const END_OF_TIME: f64 = 253_402_300_799.0;

/// A claim's number as a time, from 1970 to 9999: what lies outside is the nearest of the two.
fn system_time(unix_seconds: f64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs_f64(unix_seconds.clamp(0.0, END_OF_TIME))
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
