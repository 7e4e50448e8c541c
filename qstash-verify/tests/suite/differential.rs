//! Our verdict on a token beside that of `jsonwebtoken`, which reads tokens with other code than ours.
//!
//! Both get the same keys, the same algorithm and the same required claims. Where they differ, [`DIFFERENCES`] says why
//! we do not follow. Times here are far away from any clock, since `jsonwebtoken` reads the clock of the machine.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use proptest::{collection::vec, prelude::*, sample::Index};
use qstash_verify::{MAX_TOKEN_LEN, Presented};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, value::RawValue};

use crate::support::{CURRENT, HEADER, NEXT, at, claims, lenient, segment, signed};

/// Long before the `exp` and long after the `nbf` of every good token here.
const NOW: u64 = 1_800_000_000;
const EXP: &str = "4000000000";

fn ours(token: &[u8]) -> bool {
    let verifier = lenient().build().expect("the settings are right");
    verifier.authenticate(&Presented::new([token], "/hook"), at(NOW)).is_ok()
}

fn theirs(token: &[u8]) -> bool {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "sub"]);
    validation.set_issuer(&["Upstash"]);
    [CURRENT, NEXT].into_iter().any(|key| {
        decode::<IgnoredAny>(token, &DecodingKey::from_secret(key.as_bytes()), &validation).is_ok()
    })
}

/// Header and claims of a token whose MAC is right.
struct Parts {
    len: usize,
    header: Vec<u8>,
    claims: Vec<u8>,
}

impl Parts {
    fn of(token: &[u8]) -> Option<Self> {
        let mut segments = token.split(|byte| *byte == b'.');
        let mut next = || URL_SAFE_NO_PAD.decode(segments.next()?).ok();
        Some(Self { len: token.len(), header: next()?, claims: next()? })
    }

    fn claim(&self, name: &str) -> Value {
        object(&self.claims).remove(name).unwrap_or_default()
    }

    fn has_claim(&self, name: &str) -> bool {
        object(&self.claims).contains_key(name)
    }
}

/// The members of an object. In place of a number that nothing holds, such as `1e400`, stands a value of a type that no
/// reader expects.
fn object(json: &[u8]) -> Map<String, Value> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(json).unwrap_or_default();
    let value = |json: &RawValue| serde_json::from_str(json.get()).unwrap_or(Value::Bool(false));
    members.into_iter().map(|(name, json)| (name, value(json))).collect()
}

/// Whether an object has a name twice, which a map forgets.
fn has_name_twice(json: &[u8]) -> bool {
    struct Names;

    impl<'de> serde::de::Visitor<'de> for Names {
        type Value = bool;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut names = Vec::new();
            while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
                names.push(name);
            }
            let len = names.len();
            names.sort();
            names.dedup();
            Ok(names.len() < len)
        }
    }

    let mut reader = serde_json::Deserializer::from_slice(json);
    serde::Deserializer::deserialize_map(&mut reader, Names).unwrap_or(false)
}

struct Difference {
    /// What we do and they do not, and why.
    why: &'static str,
    we_accept: bool,
    applies: fn(&Parts) -> bool,
    /// The usual header and claims, with one thing changed.
    header: &'static str,
    claims: fn(String) -> String,
}

fn with(claims: &str, member: &str) -> String {
    format!("{},{member}}}", &claims[..claims.len() - 1])
}

fn without(claims: &str, name: &str) -> String {
    let mut claims = object(claims.as_bytes());
    claims.remove(name);
    Value::Object(claims).to_string()
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "refused: a name twice, since two readers may take different ones",
        we_accept: false,
        applies: |parts| has_name_twice(&parts.claims) || has_name_twice(&parts.header),
        header: HEADER,
        claims: |claims| with(&with(&claims, r#""x":1"#), r#""x":2"#),
    },
    Difference {
        why: "refused: claims that are a list, which their reader takes for an object without names",
        we_accept: false,
        applies: |parts| parts.claims.trim_ascii().starts_with(b"["),
        header: HEADER,
        claims: |_| format!(r#"[{EXP},0,"https://api.example.com/hook","Upstash",null]"#),
    },
    Difference {
        why: "refused: bytes that are no UTF-8, which their reader does not see in what it skips",
        we_accept: false,
        applies: |parts| str::from_utf8(&parts.claims).is_err() || str::from_utf8(&parts.header).is_err(),
        header: HEADER,
        // Stands for a byte that no text has; `example` puts it in.
        claims: |claims| with(&claims, r#""x":"\u007f-as-ff""#),
    },
    Difference {
        why: "refused: critical parameters, which must be understood and never are",
        we_accept: false,
        applies: |parts| object(&parts.header).contains_key("crit"),
        header: r#"{"alg":"HS256","crit":["exp"]}"#,
        claims: |claims| claims,
    },
    Difference {
        why: "refused: another type of token must not pass as a signature of a delivery",
        we_accept: false,
        applies: |parts| {
            object(&parts.header)
                .get("typ")
                .is_some_and(|typ| !typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("JWT")))
        },
        header: r#"{"alg":"HS256","typ":"at+jwt"}"#,
        claims: |claims| claims,
    },
    Difference {
        why: "refused: an issuer that is a list, since QStash writes a string",
        we_accept: false,
        applies: |parts| parts.claim("iss").is_array(),
        header: HEADER,
        claims: |claims| claims.replace(r#""Upstash""#, r#"["Upstash"]"#),
    },
    Difference {
        why: "refused: an audience that is neither text nor list, which they take for none",
        we_accept: false,
        applies: |parts| {
            let aud = parts.claim("aud");
            !aud.is_null() && aud != "" && aud != Value::Array(Vec::new())
        },
        header: HEADER,
        claims: |claims| with(&claims, r#""aud":{"x":1}"#),
    },
    Difference {
        why: "refused: no digest of the body, a claim of QStash that they do not know",
        we_accept: false,
        applies: |parts| {
            let body = parts.claim("body");
            let digest = body.as_str().map(|text| text.strip_suffix('=').unwrap_or(text));
            digest
                .and_then(|digest| URL_SAFE_NO_PAD.decode(digest).ok())
                .is_none_or(|digest| digest.len() != 32)
        },
        header: HEADER,
        claims: |claims| without(&claims, "body"),
    },
    Difference {
        why: "refused: `iat` that is no number or `jti` that is no text, which they do not look at",
        we_accept: false,
        applies: |parts| {
            parts.has_claim("iat") && !parts.claim("iat").is_number()
                || parts.has_claim("jti") && !parts.claim("jti").is_string()
        },
        header: HEADER,
        claims: |claims| claims.replace(r#""jwt_test""#, "7"),
    },
    Difference {
        why: "refused: a token that is longer than any of QStash",
        we_accept: false,
        applies: |parts| parts.len > MAX_TOKEN_LEN,
        header: HEADER,
        claims: |claims| with(&claims, &format!(r#""x":"{}""#, "x".repeat(MAX_TOKEN_LEN))),
    },
    Difference {
        why: "accepted: an empty audience, which QStash has sent; they refuse whatever nobody was configured for",
        we_accept: true,
        applies: |parts| parts.claim("aud") == "" || parts.claim("aud") == Value::Array(Vec::new()),
        header: HEADER,
        claims: |claims| with(&claims, r#""aud":"""#),
    },
    Difference {
        why: "accepted: times outside of 64 bits or before 1970; they are compared as the numbers that they are",
        we_accept: true,
        applies: |parts| {
            ["exp", "nbf"]
                .iter()
                .any(|name| parts.claim(name).as_f64().is_some_and(|time| !(0.0..1e19).contains(&time)))
        },
        header: HEADER,
        claims: |claims| claims.replace(r#""nbf":0"#, r#""nbf":-1.5"#),
    },
    Difference {
        why: "accepted: any value of a header parameter that we ignore; they decode those that they know",
        we_accept: true,
        applies: |parts| object(&parts.header).keys().any(|name| !matches!(&**name, "alg" | "typ" | "crit")),
        header: r#"{"alg":"HS256","kid":7}"#,
        claims: |claims| claims,
    },
];

fn usual_claims() -> String {
    let mut claims = claims(b"");
    claims["exp"] = serde_json::from_str(EXP).expect("a number");
    claims.to_string()
}

fn token(key: &str, header: &[u8], claims: &[u8]) -> Vec<u8> {
    signed(key, &format!("{}.{}", segment(header), segment(claims))).into_bytes()
}

/// The differences that explain a pair of verdicts.
fn explained(token: &[u8], we_accept: bool) -> Vec<&'static str> {
    let Some(parts) = Parts::of(token) else { return Vec::new() };
    let explains =
        |difference: &&Difference| difference.we_accept == we_accept && (difference.applies)(&parts);
    DIFFERENCES.iter().filter(explains).map(|difference| difference.why).collect()
}

#[test]
fn every_difference_is_one() {
    for difference in DIFFERENCES {
        let claims = (difference.claims)(usual_claims()).into_bytes();
        let claims = match claims.windows(12).position(|found| found == br"\u007f-as-ff") {
            Some(at) => [&claims[..at], b"\xff", &claims[at + 12..]].concat(),
            None => claims,
        };
        let token = token(CURRENT, difference.header.as_bytes(), &claims);
        assert_eq!(
            (ours(&token), theirs(&token)),
            (difference.we_accept, !difference.we_accept),
            "{}",
            difference.why
        );
        assert!(explained(&token, difference.we_accept).contains(&difference.why), "{}", difference.why);
    }
}

#[test]
fn both_accept_what_qstash_sends() {
    for key in [CURRENT, NEXT] {
        let token = token(key, HEADER.as_bytes(), usual_claims().as_bytes());
        assert!(ours(&token) && theirs(&token));
    }
}

/// A change of the claims that keeps them JSON.
#[derive(Clone, Debug)]
enum Edit {
    Set(&'static str, &'static str),
    Add(&'static str, &'static str),
    Remove(&'static str),
}

const NAMES: &[&str] = &["iss", "sub", "exp", "nbf", "iat", "jti", "aud", "body", "x", "ex\\u0070"];
const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "1",
    "-1",
    "0.5",
    "1e3",
    "4000000000",
    "4e9",
    "1e30",
    "-1e30",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "\"\"",
    "\"Upstash\"",
    "\"upstash\"",
    "\"Upst\\u0061sh\"",
    "\"4000000000\"",
    "\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\"",
    "\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=\"",
    "\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV\"",
    "[]",
    "{}",
    "[\"Upstash\"]",
    "[\"\"]",
    "{\"iss\":\"Upstash\"}",
];
const HEADERS: &[&str] = &[
    HEADER,
    r#"{"typ":"JWT","alg":"HS256"}"#,
    r#" {"alg" : "HS256"} "#,
    r#"{"alg":"HS384"}"#,
    r#"{"alg":"none"}"#,
    r#"{"alg":"hs256"}"#,
    r#"{"alg":null}"#,
    r#"{"alg":["HS256"]}"#,
    r#"{"alg":"HS\u003256"}"#,
    r#"{"typ":"JWT"}"#,
    r#"{"alg":"HS256","typ":"jwt"}"#,
    r#"{"alg":"HS256","typ":null}"#,
    r#"{"alg":"HS256","kid":"k"}"#,
    r#"{"alg":"HS256","kid":7}"#,
    r#"{"alg":"HS256","alg":"HS256"}"#,
    r#"{"alg":"HS256","x":1,"x":2}"#,
    r#"{"alg":"HS256","crit":[]}"#,
    r#"{"alg":"HS256","b64":false}"#,
    r#"{"alg":"HS256"} x"#,
    "{}",
    "null",
    "",
    r#"["JWT","HS256"]"#,
];

fn edit() -> impl Strategy<Value = Edit> {
    let name = || prop::sample::select(NAMES);
    let value = || prop::sample::select(VALUES);
    prop_oneof![
        4 => (name(), value()).prop_map(|(name, value)| Edit::Set(name, value)),
        2 => (name(), value()).prop_map(|(name, value)| Edit::Add(name, value)),
        1 => name().prop_map(Edit::Remove),
    ]
}

fn edited(edits: &[Edit]) -> String {
    let mut members = object(usual_claims().as_bytes())
        .into_iter()
        .map(|(name, value)| (name, value.to_string()))
        .collect::<Vec<_>>();
    for edit in edits {
        match edit {
            Edit::Set(name, _) | Edit::Remove(name) => members.retain(|(known, _)| known != name),
            Edit::Add(..) => {}
        }
        if let Edit::Set(name, value) | Edit::Add(name, value) = edit {
            members.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>();
    format!("{{{}}}", members.join(","))
}

/// What happens to bytes on their way.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Swap(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<Index>().prop_map(Damage::Remove),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Damage::Swap(a, b)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let len = bytes.len();
        match damage {
            Damage::Insert(at, byte) => bytes.insert(at.index(len + 1), *byte),
            _ if bytes.is_empty() => {}
            Damage::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
            Damage::Remove(at) => drop(bytes.remove(at.index(len))),
            Damage::Swap(a, b) => bytes.swap(a.index(len), b.index(len)),
        }
    }
    bytes
}

fn check(token: &[u8]) -> Result<(), TestCaseError> {
    let (ours, theirs) = (ours(token), theirs(token));
    prop_assert!(
        ours == theirs || !explained(token, ours).is_empty(),
        "we: {ours}, they: {theirs}, {}",
        token.escape_ascii()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn signed_tokens_get_the_same_verdict(
        header in prop_oneof![2 => Just(HEADER), 1 => prop::sample::select(HEADERS)],
        edits in vec(edit(), 0..4),
        key in prop::sample::select(&[CURRENT, NEXT, "sig_of_nobody"][..]),
    ) {
        check(&token(key, header.as_bytes(), edited(&edits).as_bytes()))?;
    }

    #[test]
    fn claims_that_were_damaged_before_they_were_signed_get_the_same_verdict(damages in vec(damage(), 0..4)) {
        check(&token(CURRENT, HEADER.as_bytes(), &damaged(usual_claims().into_bytes(), &damages)))?;
    }

    #[test]
    fn headers_that_were_damaged_before_they_were_signed_get_the_same_verdict(damages in vec(damage(), 0..3)) {
        check(&token(CURRENT, &damaged(HEADER.into(), &damages), usual_claims().as_bytes()))?;
    }

    #[test]
    fn tokens_that_were_damaged_after_they_were_signed_are_refused_by_both(damages in vec(damage(), 1..4)) {
        let good = token(CURRENT, HEADER.as_bytes(), usual_claims().as_bytes());
        let damaged = damaged(good.clone(), &damages);
        if damaged != good {
            prop_assert!(!ours(&damaged) && !theirs(&damaged), "{}", damaged.escape_ascii());
        }
    }
}
