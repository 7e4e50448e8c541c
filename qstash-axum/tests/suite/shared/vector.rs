//! Deliveries that independent implementations signed.

use std::{
    collections::HashMap,
    error::Error,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use qstash_verify::{KeySet, SigningKey, SigningKeys, Verifier};
use serde::Deserialize;

const RECEIVER: &str = include_str!("../../../../qstash-verify/tests/vectors/receiver.json");

/// The vectors that can be requests.
pub(crate) fn all() -> Vec<Vector> {
    #[derive(Deserialize)]
    struct Document {
        vectors: Vec<Vector>,
    }

    let Document { mut vectors } = serde_json::from_str(RECEIVER).unwrap();
    vectors.retain(|vector| vector.http);
    assert!(vectors.len() > 150, "only {} vectors", vectors.len());
    vectors
}

#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) region: Option<String>,
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
    env: HashMap<String, String>,
    expect: Verdict,
    http: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Ok,
    Reject,
}

#[derive(Deserialize)]
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
    /// The verifier at the time of the vector. Keys and URLs that cannot be configured at all count as a refusal.
    pub(crate) fn verifier(&self) -> Result<Verifier, Box<dyn Error>> {
        let keys = match (&self.current_key, &self.next_key) {
            (Some(current), Some(next)) => {
                KeySet::from(SigningKeys::new(SigningKey::new(current)?, SigningKey::new(next)?))
            }
            _ => KeySet::from_vars(|name| self.env.get(name).cloned())?,
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
    pub(crate) fn target(&self) -> &str {
        self.url.as_deref().filter(|url| !url.is_empty()).unwrap_or("/")
    }

    pub(crate) fn signature(&self) -> Vec<u8> {
        bytes(self.signature.clone().map(Into::into), self.signature_gen.as_deref())
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let literal = self.body_base64.as_ref().map(|body| BASE64_STANDARD.decode(body).unwrap());
        bytes(literal, self.body_gen.as_deref())
    }

    /// What must come out. A vector that either verdict suits has its choice written down beside the verifier.
    pub(crate) fn required(&self) -> Option<Verdict> {
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
