//! Deliveries that independent implementations signed, each with its own time.

use std::{
    collections::BTreeMap,
    error::Error,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use qstash_verify::{KeySet, SigningKey, SigningKeys, Verifier};
use serde::Deserialize;

const VECTORS: &str = include_str!("../vectors/receiver.json");

/// Every vector of the file.
pub fn all() -> Vec<Vector> {
    #[derive(Deserialize)]
    struct Document {
        count: usize,
        vectors: Vec<Vector>,
    }

    let Document { count, vectors } = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.len(), count);
    vectors
}

/// The vectors that can be requests.
pub fn requests() -> Vec<Vector> {
    let mut vectors = all();
    vectors.retain(|vector| vector.http);
    assert!(vectors.len() > 150, "only {} vectors", vectors.len());
    vectors
}

/// A delivery, and what must become of it.
#[derive(Debug, Deserialize)]
pub struct Vector {
    /// Its name in the file.
    pub name: String,
    /// The value of `Upstash-Region`.
    pub region: Option<String>,
    /// Why the verdict is the expected one.
    pub reason: String,
    strength: String,
    current_key: Option<String>,
    next_key: Option<String>,
    now: u64,
    tolerance_s: u64,
    signature: Option<String>,
    signature_gen: Option<Vec<Part>>,
    body_base64: Option<String>,
    body_gen: Option<Vec<Part>>,
    url: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    expect: Verdict,
    http: bool,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is accepted.
    Ok,
    /// It is refused.
    Reject,
}

#[derive(Debug, Deserialize)]
struct Part {
    text: Option<String>,
    base64: Option<String>,
    #[serde(default = "once")]
    repeat: usize,
}

fn once() -> usize {
    1
}

impl Vector {
    /// The verifier at the time of the vector.
    ///
    /// # Errors
    ///
    /// Keys and URLs that cannot be configured at all, which counts as a refusal.
    pub fn verifier(&self) -> Result<Verifier, Box<dyn Error>> {
        let keys = match (&self.current_key, &self.next_key) {
            (Some(current), Some(next)) => {
                KeySet::from(SigningKeys::new(SigningKey::new(current)?, SigningKey::new(next)?))
            }
            (None, None) => KeySet::from_vars(|name| self.env.get(name).cloned())?,
            _ => panic!("{}: one key alone", self.name),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(self.now);
        let tolerance = Duration::from_secs(self.tolerance_s);
        let builder = Verifier::builder(keys).clock(move || now).tolerance(tolerance);
        Ok(match &self.url {
            Some(url) => builder.exact_url(url),
            None => builder.any_destination(),
        }
        .build()?)
    }

    /// The target of the request.
    pub fn target(&self) -> &str {
        self.url.as_deref().filter(|url| !url.is_empty()).unwrap_or("/")
    }

    /// The value of `Upstash-Signature`.
    pub fn signature(&self) -> Vec<u8> {
        bytes(self.signature.clone().map(Into::into), self.signature_gen.as_deref())
    }

    /// The body.
    pub fn body(&self) -> Vec<u8> {
        let literal = self.body_base64.as_ref().map(|body| BASE64_STANDARD.decode(body).unwrap());
        bytes(literal, self.body_gen.as_deref())
    }

    /// What must come out; nothing if either verdict is fine.
    pub fn required(&self) -> Option<Verdict> {
        (self.strength != "may").then_some(self.expect)
    }
}

fn bytes(literal: Option<Vec<u8>>, parts: Option<&[Part]>) -> Vec<u8> {
    let part = |part: &Part| match (&part.text, &part.base64) {
        (Some(text), None) => text.as_bytes().repeat(part.repeat),
        (None, Some(base64)) => BASE64_STANDARD.decode(base64).unwrap().repeat(part.repeat),
        _ => panic!("a part is text or base64"),
    };
    literal.unwrap_or_else(|| parts.unwrap().iter().flat_map(part).collect())
}
