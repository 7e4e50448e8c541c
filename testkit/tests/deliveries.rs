//! Deliveries made by independent implementations, each verified at its own time.
//!
//! The file says for each vector whether our verdict `must` or `should` be the expected one. Where it leaves the choice
//! (`may`), [`CHOICES`] has ours.

use std::{collections::BTreeSet, error::Error};

use qstash_verify::Presented;
use testkit::delivery_vector::{self, Vector, Verdict};

/// Our verdict where either is fine, and why.
const CHOICES: &[(&str, Verdict, &str)] = &[
    (
        "keys/whitespace-key-used-as-is",
        Verdict::Reject,
        "a key with a line break cannot be constructed: it was read with the end of its line",
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

/// The error of a refusal, or of the construction.
fn verify(vector: &Vector) -> Result<(), Box<dyn Error>> {
    let (signature, body) = (vector.signature(), vector.body());
    let request = Presented::new([&signature[..]], "/").region(vector.region.as_deref().map(str::as_bytes));
    let verifier = vector.verifier()?;
    let delivery = verifier.verify(&request, body.clone(), verifier.now())?;
    assert_eq!(delivery.body(), &body, "{}", vector.name);
    Ok(())
}

#[test]
fn every_vector_gets_the_verdict_that_the_policy_asks_for() {
    let mut wrong = Vec::new();
    for vector in delivery_vector::all() {
        let choice = || CHOICES.iter().find(|(name, ..)| *name == vector.name).expect(&vector.name).1;
        let expected = vector.required().unwrap_or_else(choice);
        let result = verify(&vector);
        if result.is_ok() != (expected == Verdict::Ok) {
            wrong.push(format!("{} ({}): expected {expected:?}, got {result:?}", vector.name, vector.reason));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_choice_belongs_to_a_vector_that_leaves_one() {
    let vectors = delivery_vector::all();
    let free = vectors.iter().filter(|vector| vector.required().is_none()).map(|vector| vector.name.as_str());
    let chosen = CHOICES.iter().map(|(name, ..)| *name);
    assert_eq!(free.collect::<BTreeSet<_>>(), chosen.collect::<BTreeSet<_>>());
}
