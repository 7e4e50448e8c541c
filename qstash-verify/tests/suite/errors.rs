//! Each cause of a refusal, and what it says.

use std::time::Duration;

use crate::support::{
    CURRENT, HEADER, ISSUED, URL, at, claims, claims_with, keys, lenient, refusal, segment, signed, token,
    token_of, token_with_header, verify,
};
use qstash_verify::{KeySet, MAX_TOKEN_LEN, Presented, Region, Verified, Verifier, VerifyError};
use serde_json::{Value, json};

fn present<'a>(signatures: impl IntoIterator<Item = &'a [u8]>) -> Result<Verified, VerifyError> {
    let verifier = lenient().build().expect("the settings are right");
    verifier.verify(&Presented::new(signatures, "/hook"), "", at(ISSUED))
}

fn verify_at(claims: &Value, unix_seconds: u64) -> Result<Verified, VerifyError> {
    let verifier = lenient().build().expect("the settings are right");
    verifier.verify(&Presented::new([token(claims).as_bytes()], "/hook"), "", at(unix_seconds))
}

#[test]
fn a_request_without_a_signature_is_refused() {
    assert_eq!(present([]).unwrap_err(), VerifyError::Missing);
}

#[test]
fn two_signatures_are_refused_even_if_one_of_them_is_good() {
    let good = token(&claims(b""));
    assert!(present([good.as_bytes()]).is_ok());
    assert_eq!(present([good.as_bytes(), good.as_bytes()]).unwrap_err(), VerifyError::Repeated);
    assert_eq!(present([good.as_bytes(), b"".as_slice()]).unwrap_err(), VerifyError::Repeated);
}

#[test]
fn a_token_up_to_the_limit_is_read_and_a_longer_one_is_not() {
    let padded = |len: usize| token(&claims_with("padding", "x".repeat(len)));
    let overhead = padded(0).len();
    let fits = (MAX_TOKEN_LEN - overhead) * 3 / 4 - 3;
    assert!(padded(fits).len() <= MAX_TOKEN_LEN);
    assert!(present([padded(fits).as_bytes()]).is_ok());

    let too_long = padded(fits + 8);
    assert_eq!(present([too_long.as_bytes()]).unwrap_err(), VerifyError::TooLong { len: too_long.len() });
}

#[test]
fn a_token_of_another_form_is_malformed() {
    let good = token(&claims(b""));
    let (signed_part, mac) = good.rsplit_once('.').unwrap();
    let header = segment(HEADER);
    for (malformed, what) in [
        (String::new(), "it does not end in a signature of 32 bytes"),
        (good.clone() + "\n", "it does not end in a signature of 32 bytes"),
        (good.clone() + "=", "it does not end in a signature of 32 bytes"),
        (signed_part.to_owned(), "it does not end in a signature of 32 bytes"),
        (
            format!("{signed_part}.{}", mac.replacen(mac.get(..1).unwrap(), "+", 1)),
            "its signature is not base64url",
        ),
        (format!("{header}.{mac}"), "it has only two segments"),
        (format!("Bearer {good}"), "its header is not base64url"),
        (format!(" {good}"), "its header is not base64url"),
        (format!(".{good}"), "its header is not one JSON object with unique members"),
    ] {
        assert_eq!(refusal(&malformed), VerifyError::Malformed { what }, "{malformed}");
    }
}

#[test]
fn a_header_that_is_not_one_strict_object_is_malformed() {
    for header in [
        "",
        "[]",
        r#""HS256""#,
        r#"{"alg":"HS256"}{}"#,
        r#"{"alg":"HS256",}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
        r#"{"alg":"HS256","x":1,"y":2,"x":3}"#,
        "\u{feff}{\"alg\":\"HS256\"}",
    ] {
        let what = "its header is not one JSON object with unique members";
        assert_eq!(refusal(&token_with_header(header)), VerifyError::Malformed { what }, "{header}");
    }
    let what = "its header is not one JSON object with unique members";
    assert_eq!(
        refusal(&token_with_header(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}")),
        VerifyError::Malformed { what }
    );
}

#[test]
fn a_header_may_be_written_in_any_way_that_means_the_same() {
    let verifier = lenient().build().unwrap();
    for header in [
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#"{"alg":"HS256"}"#,
        r#" { "alg" : "HS256" , "typ" : "jwt" , "kid" : "7", "jwk": {"k": [1.5e3, true, null]} } "#,
        r#"{"\u0061lg":"\u0048S256"}"#,
    ] {
        assert!(verify(&verifier, &token_with_header(header)).is_ok(), "{header}");
    }
}

#[test]
fn another_type_and_critical_parameters_are_malformed() {
    for (header, what) in [
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, "its type is not JWT"),
        (r#"{"alg":"HS256","typ":null}"#, "its type is not JWT"),
        (r#"{"alg":"HS256","crit":["exp"]}"#, "its header has critical parameters"),
        (r#"{"alg":"HS256","crit":[]}"#, "its header has critical parameters"),
        (r#"{"alg":"HS256","crit":null}"#, "its header has critical parameters"),
    ] {
        assert_eq!(refusal(&token_with_header(header)), VerifyError::Malformed { what }, "{header}");
    }
}

#[test]
fn every_algorithm_but_hs256_is_refused() {
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":256}"#,
        r#"{"typ":"JWT"}"#,
        "{}",
    ] {
        assert_eq!(refusal(&token_with_header(header)), VerifyError::Algorithm, "{header}");
    }
}

#[test]
fn a_region_without_keys_is_told_apart_from_a_wrong_key() {
    let regional = KeySet::new::<String>([]).region(Region::UsEast1, keys());
    let verifier = Verifier::builder(regional).any_destination().build().unwrap();
    assert_eq!(verify(&verifier, &token(&claims(b""))).unwrap_err(), VerifyError::NoKeys);
}

#[test]
fn a_token_of_a_stranger_is_signed_by_no_known_key() {
    let forged = signed("sig_of_somebody_else", &format!("{}.{}", segment(HEADER), segment("{}")));
    assert_eq!(refusal(&forged), VerifyError::UnknownKey);
}

#[test]
fn claims_that_are_not_one_strict_object_are_refused() {
    let usual = claims(b"").to_string();
    let inner = &usual[1..usual.len() - 1];
    for malformed in [
        String::new(),
        "null".to_owned(),
        format!("[{usual}]"),
        format!("{usual}{usual}"),
        format!("{{{inner},}}"),
        format!("{{,{inner}}}"),
        format!("{{{inner},\"sub\":\"{URL}\"}}"),
        format!("{{{inner},\"s\\u0075b\":\"{URL}\"}}"),
        format!("{{{inner},\"x\":1,\"\\u0078\":2}}"),
        format!("{{{inner},\"x\":01}}"),
        format!("{{{inner},\"x\":NaN}}"),
        format!("{{{inner},\"x\":[1,]}}"),
        format!("{{{inner},x:1}}"),
        format!("{{{inner},\"x\":\"\t\"}}"),
        format!("{{{inner},1:1}}"),
    ] {
        let what = "they are not one JSON object with unique members";
        assert_eq!(refusal(&token_of(&malformed)), VerifyError::Claims { what }, "{malformed}");
    }
    let extra_segment = signed(CURRENT, &format!("{}.{}.", segment(HEADER), segment(&usual)));
    assert_eq!(refusal(&extra_segment), VerifyError::Claims { what: "they are not base64url" });
}

#[test]
fn unknown_claims_may_hold_anything_of_any_depth() {
    let verifier = lenient().build().unwrap();
    let deep = "[".repeat(20_000) + &"]".repeat(20_000);
    let usual = claims(b"").to_string();
    for value in [
        deep.as_str(),
        "1e999",
        &"9".repeat(400),
        r#""\ud83d\ude00""#,
        r#""\ud83d""#,
        r#"{"a":{"b":[null]}}"#,
    ] {
        let token = token_of(format!("{},\"x\":{value}}}", &usual[..usual.len() - 1]));
        assert!(verify(&verifier, &token).is_ok(), "{}", value.get(..20).unwrap_or(value));
    }
}

#[test]
fn a_claim_that_is_missing_or_of_another_type_is_named() {
    for (name, wanted, wrong) in [
        ("sub", "a string", json!(["https://api.example.com/hook"])),
        ("exp", "a number", json!("1700000300")),
        ("exp", "a number", json!(null)),
        ("nbf", "a number", json!(false)),
        ("iat", "a number", json!("now")),
        ("iat", "a number", json!(null)),
        ("jti", "a string", json!(7)),
        ("body", "a SHA-256 digest in base64url", json!("")),
        ("body", "a SHA-256 digest in base64url", json!([])),
        ("body", "a SHA-256 digest in base64url", json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU==")),
        ("body", "a SHA-256 digest in base64url", json!("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")),
    ] {
        assert_eq!(refusal(&token(&claims_with(name, wrong))), VerifyError::Claim { name, wanted });
    }
    for (name, wanted) in [
        ("sub", "a string"),
        ("exp", "a number"),
        ("nbf", "a number"),
        ("body", "a SHA-256 digest in base64url"),
    ] {
        let mut claims = claims(b"");
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(refusal(&token(&claims)), VerifyError::Claim { name, wanted });
    }
    // Larger than any double.
    let endless = claims(b"").to_string().replace("1700000300", "1e400");
    assert_eq!(refusal(&token_of(endless)), VerifyError::Claim { name: "exp", wanted: "a number" });
}

#[test]
fn optional_claims_may_be_missing() {
    let mut bare = claims(b"");
    bare.as_object_mut().unwrap().retain(|name, _| name != "iat" && name != "jti");
    let verified = verify_at(&bare, ISSUED).unwrap();
    assert_eq!(verified.claims().issued_at(), None);
    assert_eq!(verified.claims().token_id(), None);
}

#[test]
fn another_issuer_is_refused() {
    for issuer in [json!("upstash"), json!("Upstash "), json!(["Upstash"]), json!(null)] {
        assert_eq!(refusal(&token(&claims_with("iss", issuer))), VerifyError::Issuer);
    }
}

#[test]
fn an_audience_is_refused_unless_it_is_empty() {
    for audience in [json!("me"), json!(["me"]), json!([""]), json!({}), json!(0)] {
        assert_eq!(refusal(&token(&claims_with("aud", audience))), VerifyError::Audience);
    }
    for nobody in [json!(""), json!(null), json!([])] {
        assert!(verify_at(&claims_with("aud", nobody), ISSUED).is_ok());
    }
}

#[test]
fn an_expired_token_says_since_when() {
    assert!(verify_at(&claims(b""), ISSUED + 299).is_ok());
    let expired = verify_at(&claims(b""), ISSUED + 342).unwrap_err();
    assert_eq!(expired, VerifyError::Expired { by: Duration::from_secs(42) });
    assert_eq!(expired.to_string(), "the token expired 42s ago");
}

#[test]
fn a_token_from_the_future_says_how_far_it_is_off() {
    let early = verify_at(&claims_with("nbf", ISSUED + 7), ISSUED).unwrap_err();
    assert_eq!(early, VerifyError::NotYetValid { by: Duration::from_secs(7) });
    assert_eq!(early.to_string(), "the token is not valid for another 7s");
    assert!(verify_at(&claims_with("nbf", ISSUED + 7), ISSUED + 7).is_ok());
}

#[test]
fn the_clocks_may_differ_by_the_tolerance_and_not_more() {
    let verifier = lenient().tolerance(Duration::from_secs(10)).build().unwrap();
    let token = token(&claims_with("nbf", ISSUED));
    let verify = |now| verifier.verify(&Presented::new([token.as_bytes()], "/hook"), "", at(now)).is_ok();
    assert!(!verify(ISSUED - 11));
    assert!(verify(ISSUED - 10));
    assert!(verify(ISSUED + 309));
    assert!(!verify(ISSUED + 310));
}

#[test]
fn the_default_tolerance_forgives_a_few_seconds() {
    let verifier = Verifier::builder(keys()).any_destination().build().unwrap();
    let token = token(&claims(b""));
    let verify = |now| verifier.verify(&Presented::new([token.as_bytes()], "/hook"), "", at(now)).is_ok();
    assert!(verify(ISSUED + 304));
    assert!(!verify(ISSUED + 305));
}

#[test]
fn absurd_times_saturate() {
    let mut absurd = claims(b"");
    absurd["exp"] = json!(1e300);
    absurd["nbf"] = json!(-1e300);
    absurd["iat"] = json!(0.5);
    let verified = verify_at(&absurd, ISSUED).unwrap();
    assert_eq!(verified.claims().expires_at(), at(253_402_300_799));
    assert_eq!(verified.claims().not_before(), at(0));
    assert_eq!(verified.claims().issued_at(), Some(at(0) + Duration::from_millis(500)));
    assert_eq!(
        verify_at(&claims_with("nbf", 1e300), ISSUED).unwrap_err(),
        VerifyError::NotYetValid { by: Duration::MAX }
    );
}

#[test]
fn a_token_for_another_url_says_both() {
    let verifier =
        Verifier::builder(keys()).origin("https://api.example.com").tolerance(Duration::MAX).build().unwrap();
    let other = token(&claims_with("sub", "https://api.example.com/other?a=1"));
    let error = verify(&verifier, &other).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token is for https://api.example.com/other?a=1, but the request is for https://api.example.com/hook"
    );
}

#[test]
fn a_log_line_about_a_url_stays_one_line_and_keeps_secrets() {
    let verifier = Verifier::builder(keys()).origin("https://api.example.com").build().unwrap();
    let subject = "https://user:pass@evil.example/a\nb?qstash_token=secret&%75pstash-method=PUT&c=1";
    let error = verify(&verifier, &token(&claims_with("sub", subject))).unwrap_err();
    assert_eq!(
        error.to_string(),
        r"the token is for https://evil.example/a\nb?c=1, but the request is for https://api.example.com/hook"
    );
}

#[test]
fn an_altered_body_says_how_long_it_was() {
    let verifier = lenient().build().unwrap();
    let token = token(&claims(b"{}"));
    let error = verifier
        .verify(&Presented::new([token.as_bytes()], "/hook"), "{\"a\": 1}  ", at(ISSUED))
        .unwrap_err();
    assert_eq!(error, VerifyError::BodyMismatch { len: 10 });
    assert_eq!(error.to_string(), "the body of 10 bytes is not the signed one, its digest differs");
}

/// One of each.
fn all() -> Vec<VerifyError> {
    vec![
        VerifyError::Missing,
        VerifyError::Repeated,
        VerifyError::TooLong { len: 70_000 },
        VerifyError::Malformed { what: "it has only two segments" },
        VerifyError::Algorithm,
        VerifyError::NoKeys,
        VerifyError::UnknownKey,
        VerifyError::Claims { what: "they are not base64url" },
        VerifyError::Claim { name: "exp", wanted: "a number" },
        VerifyError::Issuer,
        VerifyError::Audience,
        VerifyError::Expired { by: Duration::from_secs(1) },
        VerifyError::NotYetValid { by: Duration::from_secs(1) },
        VerifyError::Destination { expected: "https://expected".into(), subject: "https://subject".into() },
        VerifyError::BodyTooLarge { limit: 7 },
        VerifyError::BodyMismatch { len: 7 },
    ]
}

#[test]
fn errors_are_one_clause_in_lower_case() {
    for error in all() {
        let text = error.to_string();
        assert!(
            text.starts_with(char::is_lowercase) && !text.ends_with('.') && !text.contains('\n'),
            "{text}"
        );
    }
}

#[test]
fn the_response_says_no_more_than_what_kind_of_refusal_it_is() {
    for error in all() {
        let (status, text) = match error {
            VerifyError::Missing => (403, "missing signature"),
            VerifyError::BodyTooLarge { .. } => (413, "body too large"),
            _ => (403, "invalid signature"),
        };
        assert_eq!((error.status(), error.public_text()), (status, text), "{error:?}");
    }
}

#[test]
fn only_what_is_found_behind_a_good_signature_counts_as_known() {
    let known = all().into_iter().filter(VerifyError::is_key_known).collect::<Vec<_>>();
    assert_eq!(known, &all()[7..]);
}
