//! Guesses at the cause of a refusal.

use std::time::Duration;

use qstash_verify::{
    Diagnosis, KeySet, Presented, Region, SigningKeys, Verifier, VerifierBuilder, VerifyError,
};
use serde_json::json;

use crate::support::{
    CURRENT, HEADER, ISSUED, at, claims, claims_with, key, keys, lenient, segment, signed, token,
};

const PUBLISHED: &str = "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r";

/// The diagnosis of a request with an empty body at the time of issue.
fn diagnosis(builder: VerifierBuilder, token: &str, target: &str) -> Option<Diagnosis> {
    let verifier = builder.build().expect("the settings are right");
    let request = Presented::new([token.as_bytes()], target);
    let error = verifier.verify(&request, "", at(ISSUED)).expect_err("it is refused");
    let diagnosis = verifier.diagnose(&error, &request, b"");
    // A guess changes nothing.
    assert_eq!(verifier.verify(&request, "", at(ISSUED)).expect_err("it is refused"), error);
    diagnosis
}

fn of_header(header: &str) -> Option<Diagnosis> {
    diagnosis(lenient(), header, "/hook")
}

fn of_key(builder: VerifierBuilder, signer: &str) -> Option<Diagnosis> {
    let segments = format!("{}.{}", segment(HEADER), segment(claims(b"").to_string()));
    diagnosis(builder, &signed(signer, &segments), "/hook")
}

fn of_url(builder: VerifierBuilder, subject: &str, target: &str) -> Option<Diagnosis> {
    diagnosis(builder, &token(&claims_with("sub", subject)), target)
}

fn of_body(was: &str, is: &str, encoding: Option<&str>) -> Option<Diagnosis> {
    let verifier = lenient().build().expect("the settings are right");
    let token = token(&claims(was.as_bytes()));
    let request = Presented::new([token.as_bytes()], "/hook").content_encoding(encoding.map(str::as_bytes));
    let mut unread = verifier.authenticate(&request, at(ISSUED)).expect("the token is good");
    unread.push(is.to_owned().into(), at(ISSUED)).expect("the body is small");
    let (error, body) = unread.finish_or_return(at(ISSUED)).expect_err("the body differs");
    assert_eq!((&error, &*body), (&VerifyError::BodyMismatch { len: is.len() }, is.as_bytes()));
    verifier.diagnose(&error, &request, &body)
}

#[test]
fn what_stands_around_the_token_is_named() {
    let good = token(&claims(b""));
    assert_eq!(of_header(&format!("Bearer {good}")), Some(Diagnosis::Bearer));
    assert_eq!(of_header(&format!("bearer: {good}")), Some(Diagnosis::Bearer));
    assert_eq!(of_header(&format!("\"{good}\"")), Some(Diagnosis::QuotedHeader));
    assert_eq!(of_header(&format!("'{good}'")), Some(Diagnosis::QuotedHeader));
    assert_eq!(of_header(&format!("{good}x")), None);
}

#[test]
fn a_secret_in_place_of_the_signature_is_recognised() {
    let api_token = "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=";
    for secret in [CURRENT, api_token] {
        assert_eq!(of_header(secret), Some(Diagnosis::SecretAsSignature), "{secret}");
    }
}

#[test]
fn a_configured_key_that_is_none_is_named() {
    let label = "mine".to_owned();
    let set = |text: &str| Verifier::builder(KeySet::new([("other", key("sig_other")), ("mine", key(text))]));
    assert_eq!(
        of_key(set("eyJVc2VySUQiOiJ1In0="), CURRENT),
        Some(Diagnosis::TokenAsKey { label: label.clone() })
    );
    assert_eq!(of_key(set(&format!("\"{CURRENT}\"")), CURRENT), Some(Diagnosis::QuotedKey { label }));
    let other = of_key(set("sig_wrong"), CURRENT).unwrap();
    assert_eq!(other, Diagnosis::OtherAccount);
    let text = other.to_string();
    assert!(text.contains("another account") && text.contains("`qstash-dev --env-file .env`"), "{text}");
}

#[test]
fn the_key_of_another_region_is_named() {
    let us = || SigningKeys::new(key("sig_us"), key("sig_us_next"));
    let set = || Verifier::builder(keys().region(Region::UsEast1, us())).any_destination();
    assert_eq!(
        of_key(set(), "sig_us_next"),
        Some(Diagnosis::OtherRegion { label: "next".into(), region: Some(Region::UsEast1) })
    );

    let verifier = set().build().unwrap();
    let token = token(&claims(b""));
    let request = Presented::new([token.as_bytes()], "/hook").region(Some(b"US-EAST-1"));
    let error = verifier.verify(&request, "", at(ISSUED)).unwrap_err();
    assert_eq!(
        verifier.diagnose(&error, &request, b""),
        Some(Diagnosis::OtherRegion { label: "current".into(), region: None })
    );

    let only_us = Verifier::builder(KeySet::new::<&str>([]).region(Region::UsEast1, us()));
    assert_eq!(
        of_key(only_us, "sig_us"),
        Some(Diagnosis::OtherRegion { label: "current".into(), region: Some(Region::UsEast1) })
    );
}

#[test]
fn a_retired_key_is_recognised_and_verifies_nothing() {
    let set = KeySet::from(SigningKeys::new(key("sig_a"), key("sig_b"))).retired([("2024", key(CURRENT))]);
    let verifier = Verifier::builder(set);
    assert_eq!(of_key(verifier, CURRENT), Some(Diagnosis::RetiredKey { label: "2024".into() }));
    let only_retired = KeySet::new::<&str>([]).retired([("2024", key(CURRENT))]);
    assert!(Verifier::builder(only_retired).build().is_err());
}

#[test]
fn a_published_development_key_comes_with_the_way_out() {
    let diagnosis = of_key(lenient(), PUBLISHED).unwrap();
    assert_eq!(diagnosis, Diagnosis::PublishedKey);
    let text = diagnosis.to_string();
    assert!(text.contains("`qstash-dev dev`") && text.contains("`allow_published_dev_keys`"), "{text}");
}

#[test]
fn a_wrong_clock_says_by_how_much() {
    let verifier = lenient().build().unwrap();
    let diagnose = |claims, now| {
        let token = token(&claims);
        let request = Presented::new([token.as_bytes()], "/hook");
        let error = verifier.verify(&request, "", at(now)).unwrap_err();
        verifier.diagnose(&error, &request, b"").unwrap()
    };
    let ahead = diagnose(claims(b""), ISSUED + 3600);
    assert_eq!(ahead, Diagnosis::ClockAhead { by: Duration::from_secs(3600) });
    assert!(ahead.to_string().contains("3600s"), "{ahead}");
    let behind = diagnose(claims_with("nbf", ISSUED), ISSUED - 42);
    assert_eq!(behind, Diagnosis::ClockBehind { by: Duration::from_secs(42) });
    let mut absurd = claims_with("exp", -1e300);
    absurd["iat"] = json!(-1e301);
    assert_eq!(diagnose(absurd, ISSUED), Diagnosis::ClockAhead { by: Duration::MAX });
}

#[test]
fn urls_that_differ_in_one_part_alone_say_in_which() {
    let at_origin = || Verifier::builder(keys()).origin("https://api.example.com");
    let stripped = |prefix: &str| Some(Diagnosis::StrippedPrefix { prefix: prefix.into() });
    let added = |prefix: &str| Some(Diagnosis::AddedPrefix { prefix: prefix.into() });
    let escaped = |character| Some(Diagnosis::Escaped { character });
    let unescaped = |character| Some(Diagnosis::Unescaped { character });
    let parameter = |name: &str| Some(Diagnosis::AddedParameter { name: name.into() });
    for (builder, subject, target, expected) in [
        (at_origin(), "http://api.example.com/hook?a=1", "/hook?a=1", Some(Diagnosis::Scheme)),
        (at_origin(), "http://API.example.com:80/hook", "/hook", Some(Diagnosis::Scheme)),
        (at_origin(), "http://api.example.com:443/hook", "/hook", Some(Diagnosis::Scheme)),
        (at_origin(), "https://api.example.com:8443/hook", "/hook", Some(Diagnosis::Host)),
        (at_origin(), "https://staging.example.com/hook", "/hook", Some(Diagnosis::Host)),
        (at_origin(), "https://api.example.com/v1/hook?a=1", "/hook?a=1", stripped("/v1")),
        (at_origin(), "https://api.example.com/hook", "/v1/hook", added("/v1")),
        (at_origin().public_prefix("/v1"), "https://api.example.com/hook", "/hook", added("/v1")),
        (at_origin().public_prefix("/v1"), "https://api.example.com/v2/hook", "/hook", stripped("/v2")),
        (at_origin(), "https://api.example.com/hook/?a=1", "/hook?a=1", Some(Diagnosis::TrailingSlash)),
        (at_origin(), "https://api.example.com/hook", "/hook/", Some(Diagnosis::TrailingSlash)),
        (at_origin(), "https://api.example.com/~hook", "/%7Ehook", escaped('~')),
        (at_origin(), "https://api.example.com/hook's", "/hook%27s", escaped('\'')),
        (at_origin(), "https://api.example.com/hook?a=$1", "/hook?a=%241", escaped('$')),
        (at_origin(), "https://api.example.com/~other", "/%7Ehook", None),
        (at_origin(), "https://api.example.com/a%2Fb", "/a/b", unescaped('/')),
        (at_origin(), "https://api.example.com/a/%2e%2e/b", "/a/../b", unescaped('.')),
        (at_origin(), "https://api.example.com/hook?a=b%2Bc", "/hook?a=b+c", unescaped('+')),
        (at_origin(), "https://api.example.com/hook", "/hook?upstash-admin=1", parameter("upstash-admin")),
        (
            at_origin(),
            "https://api.example.com/hook?a=1",
            "/hook?qstash_token=x&a=1",
            parameter("qstash_token"),
        ),
        (at_origin(), "https://api.example.com/hook?a=1", "/hook?a=1&b=2", parameter("b")),
        (at_origin(), "https://api.example.com/%761/%7ehook", "/~hook", stripped("/%761")),
        (at_origin(), "https://api.example.com/other", "/hook", None),
        (at_origin(), "https://staging.example.com/other", "/hook", None),
        (at_origin(), "https://api.example.com/x?y=/hook", "/hook", None),
        (at_origin(), "not a url", "/hook", None),
        (Verifier::builder(keys()), "https://api.example.com/v1/hook", "/hook", stripped("/v1")),
        (
            Verifier::builder(keys()).exact_url("https://api.example.com/hook"),
            "http://api.example.com/hook",
            "/",
            Some(Diagnosis::Scheme),
        ),
    ] {
        assert_eq!(of_url(builder, subject, target), expected, "{subject} at {target}");
    }
}

#[test]
fn json_that_was_written_again_is_proven_by_its_digest() {
    let compact = r#"{"b":[1,2.50,{}],"a":"x: \" , {","c":[],"d":{"e":null}}"#;
    let python = r#"{"b": [1, 2.50, {}], "a": "x: \" , {", "c": [], "d": {"e": null}}"#;
    let pretty = "{\n  \"b\": [\n    1,\n    2.50,\n    {}\n  ],\n  \"a\": \"x: \\\" , {\",\n  \"c\": [],\n  \
                  \"d\": {\n    \"e\": null\n  }\n}";
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(compact).unwrap(),
        serde_json::from_str::<serde_json::Value>(pretty).unwrap()
    );
    let wide = pretty.replace("  ", "    ");
    for was in [compact, python, pretty, &wide, &format!("{compact}\n"), &format!("{pretty}\n")] {
        for is in [compact, python, pretty, &format!(" {compact}")] {
            if was != is {
                assert_eq!(of_body(was, is, None), Some(Diagnosis::Reserialised), "{was} as {is}");
            }
        }
    }
    assert_eq!(of_body(compact, &compact.replace("2.50", "2.5"), None), Some(Diagnosis::Altered));
}

#[test]
fn other_changes_of_a_body_are_told_apart_as_far_as_they_can_be() {
    assert_eq!(of_body("{}", "", None), Some(Diagnosis::BodyConsumed));
    assert_eq!(of_body("\x1f…", "plain", Some("gzip")), Some(Diagnosis::Decompressed));
    assert_eq!(of_body("…", "plain", Some("br")), Some(Diagnosis::Decompressed));
    assert_eq!(of_body("a", "b", Some("identity")), Some(Diagnosis::Altered));
    assert_eq!(of_body("a", "\x1f\u{8b}", None), Some(Diagnosis::Altered));
    let text = of_body("a", "b", None).unwrap().to_string();
    assert!(text.contains("decompression") && text.contains("JSON"), "{text}");
}

#[test]
fn odd_bodies_cost_little() {
    let wide = "[".repeat(60) + &",".repeat(1_000_000);
    for odd in
        [wide, "[".repeat(1_000_000), "{\"a\":".repeat(150_000), ",".repeat(1_000_000), "\"\\".repeat(1000)]
    {
        assert_eq!(of_body("{}", &odd, None), Some(Diagnosis::Altered));
    }
}

#[test]
fn where_nothing_can_be_guessed_nothing_is() {
    let verifier = lenient().build().unwrap();
    let none = Presented::new([], "/hook");
    assert_eq!(verifier.diagnose(&VerifyError::Missing, &none, b""), None);
    let two = Presented::new([b"a".as_slice(), b"b"], "/hook");
    assert_eq!(verifier.diagnose(&VerifyError::Repeated, &two, b""), None);
    // An error that belongs to another request.
    let odd = Presented::new([b"a".as_slice()], "/hook");
    assert_eq!(verifier.diagnose(&VerifyError::BodyMismatch { len: 1 }, &odd, b"x"), None);
    assert_eq!(diagnosis(lenient(), &token(&claims_with("iss", json!("me"))), "/hook"), None);
}

#[test]
fn a_diagnosis_is_one_clause_in_lower_case() {
    let good = token(&claims(b""));
    for diagnosis in [
        of_header(&format!("Bearer {good}")),
        of_header(&format!("'{good}'")),
        of_header(CURRENT),
        of_key(lenient(), PUBLISHED),
        of_body("{}", "{ }", None),
        of_body("{}", "", None),
        of_body("{}", "x", None),
        of_body("{}", "x", Some("gzip")),
        of_url(Verifier::builder(keys()), "https://h/a\nb/hook", "/hook"),
    ] {
        let text = diagnosis.unwrap().to_string();
        assert!(
            text.starts_with(char::is_lowercase) && !text.ends_with('.') && !text.contains('\n'),
            "{text}"
        );
    }
}
