//! Deliveries made by independent implementations, each verified at its own time.
//!
//! The file says for each vector whether our verdict `must` or `should` be the expected one. Where it leaves the choice
//! (`may`), [`CHOICES`] has ours.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use qstash_verify::{KeySet, Presented, SigningKey, SigningKeys, Verifier};
use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Reject,
}

/// Our verdict where either is fine, and why.
const CHOICES: &[(&str, Verdict, &str)] = &[
    (
        "keys/whitespace-key-used-as-is",
        Verdict::Ok,
        "a key is its bytes; only environment variables are refused for white space",
    ),
    ("keys/next-empty-signed-with-current", Verdict::Reject, "an empty key cannot be constructed"),
    ("keys/short-key", Verdict::Ok, "QStash issues the keys, their length is not ours to judge"),
    ("time/exp-half-a-second-ahead", Verdict::Ok, "times are compared with their fractions"),
    ("time/nbf-negative", Verdict::Ok, "1969 has begun"),
    ("time/exp-i64-overflow", Verdict::Ok, "a double holds it"),
    ("time/exp-in-milliseconds", Verdict::Ok, "a far future second like any other"),
    ("time/iat-in-future", Verdict::Ok, "only `nbf` says when a token begins"),
    ("body/hash-over-padded", Verdict::Reject, "32 bytes have one padding character"),
    ("header/typ-other", Verdict::Reject, "another kind of token must not pass as a signature"),
    (
        "header/b64-false-not-critical",
        Verdict::Ok,
        "unknown parameters are ignored: the payload is base64url whatever they say",
    ),
    ("claims/jti-number", Verdict::Reject, "a token id is a string"),
    ("claims/nested-50000", Verdict::Reject, "the token is longer than 64 KiB; depth itself costs nothing"),
    ("claims/big-number-extra", Verdict::Ok, "unknown claims are not looked into"),
    ("structure/long-valid-token", Verdict::Reject, "strangers make us hash a token, so it ends at 64 KiB"),
];

#[derive(Deserialize)]
struct File {
    count: usize,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
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
    region: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    expect: Verdict,
    reason: String,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
    base64: Option<String>,
    repeat: Option<usize>,
}

fn generated(parts: &[Part]) -> Vec<u8> {
    let bytes = |part: &Part| match (&part.text, &part.base64) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(base64)) => STANDARD.decode(base64).expect("the vectors are base64"),
        _ => panic!("a part is text or base64"),
    };
    parts.iter().flat_map(|part| bytes(part).repeat(part.repeat.unwrap_or(1))).collect()
}

impl Vector {
    fn signature(&self) -> Vec<u8> {
        match (&self.signature, &self.signature_gen) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(parts)) => generated(parts),
            _ => panic!("{}: a signature is given or generated", self.name),
        }
    }

    fn body(&self) -> Vec<u8> {
        match (&self.body_base64, &self.body_gen) {
            (Some(text), None) => STANDARD.decode(text).expect("the vectors are base64"),
            (None, Some(parts)) => generated(parts),
            _ => panic!("{}: a body is given or generated", self.name),
        }
    }

    fn verifier(&self) -> Result<Verifier, Box<dyn std::error::Error>> {
        let keys = match (&self.current_key, &self.next_key) {
            (Some(current), Some(next)) => {
                SigningKeys::new(SigningKey::new(current)?, SigningKey::new(next)?).into()
            }
            (None, None) => KeySet::from_vars(|name| self.env.get(name).cloned())?,
            _ => panic!("{}: one key alone", self.name),
        };
        let builder = Verifier::builder(keys).tolerance(Duration::from_secs(self.tolerance_s));
        Ok(match &self.url {
            Some(url) => builder.exact_url(url),
            None => builder.any_destination(),
        }
        .build()?)
    }

    /// The error of a refusal, or of the construction.
    fn verify(&self) -> Result<(), Box<dyn std::error::Error>> {
        let (signature, body) = (self.signature(), self.body());
        let request = Presented::new([&signature[..]], "/").region(self.region.as_deref().map(str::as_bytes));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(self.now);
        let verified = self.verifier()?.verify(&request, body.clone(), now)?;
        assert_eq!(verified.body(), &body, "{}", self.name);
        Ok(())
    }
}

#[test]
fn every_vector_gets_the_verdict_that_the_policy_asks_for() {
    let file: File = serde_json::from_str(include_str!("../vectors/receiver.json")).unwrap();
    assert_eq!(file.vectors.len(), file.count);

    let mut wrong = Vec::new();
    for vector in &file.vectors {
        let expected = match vector.strength.as_str() {
            "may" => CHOICES.iter().find(|(name, ..)| *name == vector.name).expect(&vector.name).1,
            _ => vector.expect,
        };
        let result = vector.verify();
        if result.is_ok() != (expected == Verdict::Ok) {
            wrong.push(format!("{} ({}): expected {expected:?}, got {result:?}", vector.name, vector.reason));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_choice_belongs_to_a_vector_that_leaves_one() {
    let file: File = serde_json::from_str(include_str!("../vectors/receiver.json")).unwrap();
    let free =
        file.vectors.iter().filter(|vector| vector.strength == "may").map(|vector| vector.name.as_str());
    let chosen = CHOICES.iter().map(|(name, ..)| *name);
    assert_eq!(free.collect::<BTreeSet<_>>(), chosen.collect::<BTreeSet<_>>());
}
