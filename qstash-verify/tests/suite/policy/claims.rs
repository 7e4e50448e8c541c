//! What a token says, when it is good, and for which URL and region.
//!
//! What is refused here has a good signature, so it must be refused for what it says.

use std::time::Duration;

use qstash_verify::{Presented, Region, SigningKeys, Verifier, VerifyError};
use serde_json::Value;
use sha2::{Digest, Sha512};

use super::{claims_text, refusal};
use crate::support::{
    CURRENT, HEADER, ISSUED, NEXT, at, claims, key, keys, lenient, segment, signed, token, token_of,
};

fn check_claim(name: &str, accepted: &[&str], refused: &[&str]) {
    for value in accepted {
        assert_eq!(refusal(token_of(claims_text(name, value))), None, "{name}: {value}");
    }
    for value in refused {
        let error = refusal(token_of(claims_text(name, value)));
        assert!(error.as_ref().is_some_and(VerifyError::is_key_known), "{name}: {value}: {error:?}");
    }
}

/// Values that are neither a number nor a string.
const OTHER_TYPES: [&str; 5] = ["null", "true", "[]", "{}", "[[[[[["];

#[test]
fn times_are_numbers_and_are_compared_as_such() {
    let never = [
        "\"1700000300\"",
        "\"\"",
        "[1700000300]",
        "1e400",
        "-1e400",
        "1e999999999999",
        "NaN",
        "Infinity",
        "-Infinity",
        "0x6553F22C",
        "+1700000300",
        "01700000300",
        "-01",
        "1_700_000_300",
        "1700000300.",
        ".5e10",
        "1e",
        "1e+",
        "--1",
        "1700000300n",
        "1 700",
        "\"1e10\"",
        "",
    ];
    let nines = "9".repeat(300);
    check_claim(
        "exp",
        &[
            "1700000001",
            "1700000000.5",
            "1.700000001e9",
            "17000000010e-1",
            "1.7e+10",
            "1E10",
            "1e00000000000000000010",
            "9007199254740993",
            "9223372036854775808",
            "18446744073709551616",
            "1e308",
            &nines,
            "1700000000.0000100000000000000000000000000000000000000000001",
        ],
        &[
            &never[..],
            &OTHER_TYPES,
            &[
                "1700000000",
                "1700000000.0",
                "1.7e9",
                "17e8",
                "1699999999.999",
                "0",
                "-0",
                "0e0",
                "-1",
                "-1e308",
                "1e-400",
                "-9223372036854775809",
                "1700",
            ],
        ]
        .concat(),
    );
    check_claim(
        "nbf",
        &[
            "0",
            "-0",
            "-0.0",
            "0e5",
            "-1",
            "-1e308",
            "1e-400",
            "1700000000",
            "1.7e9",
            "1700000000.0",
            "1699999999.5",
            "-9223372036854775809",
        ],
        &[&never[..], &OTHER_TYPES, &["1700000000.5", "1700000001", "1.7000000001e10", "1e308", &nines]]
            .concat(),
    );
    check_claim(
        "iat",
        &["0", "-0", "-1e308", "1e308", "1700000000.123", "1.7e9", "99999999999", ""],
        &[&["\"1700000000\"", "\"\"", "1e400", "NaN", "[1700000000]"][..], &OTHER_TYPES].concat(),
    );
}

#[test]
fn the_ends_of_a_token_are_exact_whatever_the_tolerance() {
    let is_good = |exp: &str, nbf: &str, now: u64, tolerance: Duration| {
        let verifier = lenient().tolerance(tolerance).build().expect("the settings are right");
        let claims = claims_text("exp", exp).replace("\"nbf\":0", &format!("\"nbf\":{nbf}"));
        let token = token_of(claims);
        verifier.verify(&Presented::new([token.as_bytes()], "/hook"), "", at(now)).is_ok()
    };
    let half = Duration::from_millis(500);
    let seconds = Duration::from_secs;
    for (exp, nbf, now, tolerance, expected) in [
        ("1000", "0", 999, seconds(0), true),
        ("1000", "0", 1000, seconds(0), false),
        ("1000", "0", 1000, half, true),
        ("999.5", "0", 1000, half, false),
        ("1000", "0", 1004, seconds(5), true),
        ("1000", "0", 1005, seconds(5), false),
        ("2000", "1000", 995, seconds(5), true),
        ("2000", "1000", 994, seconds(5), false),
        ("2000", "1000.5", 1000, half, true),
        ("2000", "1000.6", 1000, half, false),
        // A token that ends before it begins is good only where both ends are tolerated.
        ("1000", "1002", 1001, seconds(0), false),
        ("1000", "1002", 1001, seconds(2), true),
        ("0", "0", 0, seconds(0), false),
        ("1", "0", 0, seconds(0), true),
        ("-5", "-9", 0, seconds(6), true),
        ("-1e308", "0", 5, Duration::MAX, false),
        ("0", "1e308", 5, Duration::MAX, false),
        ("0", "9e15", 5, Duration::MAX, true),
        ("1e308", "-1e308", 5, Duration::MAX, true),
    ] {
        assert_eq!(is_good(exp, nbf, now, tolerance), expected, "{nbf} to {exp} at {now}, {tolerance:?}");
    }
    let verifier = lenient().tolerance(Duration::MAX).build().expect("the settings are right");
    let token = token(&claims(b""));
    let before_1970 = at(0) - Duration::from_secs(1 << 33);
    assert!(verifier.verify(&Presented::new([token.as_bytes()], "/"), "", before_1970).is_ok());
    let verifier = lenient().build().expect("the settings are right");
    assert!(verifier.verify(&Presented::new([token.as_bytes()], "/"), "", before_1970).is_err());
    let far = at(0) + Duration::from_secs(i64::MAX.unsigned_abs());
    assert!(verifier.verify(&Presented::new([token.as_bytes()], "/"), "", far).is_err());
}

#[test]
fn texts_are_texts_and_are_compared_as_what_they_say() {
    check_claim(
        "iss",
        &[r#""Upstash""#, r#""\u0055psta\u0073h""#],
        &[
            &[
                "",
                r#""""#,
                r#""upstash""#,
                r#""UPSTASH""#,
                r#"" Upstash""#,
                r#""Upstash ""#,
                r#""Upstash\u0000""#,
                r#""Upstash\n""#,
                r#""https://upstash.com""#,
                r#""Upst""#,
                r#""UpstashUpstash""#,
                r#""Uрstash""#,
                r#"["Upstash"]"#,
                r#"{"iss":"Upstash"}"#,
                "0",
                r#""\ud800""#,
            ][..],
            &OTHER_TYPES,
        ]
        .concat(),
    );
    check_claim(
        "sub",
        &[r#""""#, r#""no url""#, r#""\u0000\n😀""#],
        &[&["", "7", r#"["x"]"#][..], &OTHER_TYPES].concat(),
    );
    check_claim(
        "jti",
        &["", r#""""#, r#""\n""#],
        &[&["7", "-0", r#"["jwt_1"]"#, r#""\ud800""#][..], &OTHER_TYPES].concat(),
    );
    check_claim(
        "aud",
        &["", "null", r#""""#, "[]", "[ \n ]"],
        &[
            r#""x""#,
            r#"" ""#,
            r#""\u0000""#,
            r#""null""#,
            r#"[""]"#,
            "[null]",
            "[[]]",
            r#"["Upstash"]"#,
            "{}",
            "0",
            "false",
            "true",
            "[",
            "[}",
            "[]]",
        ],
    );
}

#[test]
fn the_digest_is_that_of_the_body_in_base64url_with_or_without_its_one_padding() {
    const EMPTY: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    let quoted = |text: &str| format!("\"{text}\"");
    for good in [
        quoted(EMPTY),
        quoted(&format!("{EMPTY}=")),
        quoted(&format!("{EMPTY}\\u003d")),
        quoted(&EMPTY.replace("47", "\\u0034\\u0037")),
    ] {
        check_claim("body", &[&good], &[]);
    }
    for bad in [
        format!("{EMPTY}=="),
        format!("={EMPTY}"),
        format!("{EMPTY}=\\n"),
        format!("{EMPTY}\\n"),
        format!("{EMPTY} "),
        format!(" {EMPTY}"),
        format!("{EMPTY}%3D"),
        format!("{EMPTY}A"),
        format!("{EMPTY}AA=="),
        format!("{}={}", &EMPTY[..20], &EMPTY[20..]),
        EMPTY[..42].to_owned(),
        EMPTY[..40].to_owned(),
        format!("{}V", &EMPTY[..42]),
        format!("{}W=", &EMPTY[..42]),
        EMPTY.replace('-', "+"),
        EMPTY.replace('_', "/"),
        EMPTY.to_ascii_lowercase(),
        EMPTY.to_ascii_uppercase(),
        format!("sha256={EMPTY}"),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        segment(Sha512::digest(b"")),
        segment(EMPTY),
        String::new(),
        "=".into(),
        "\\ud800".into(),
    ] {
        check_claim("body", &[], &[&quoted(&bad)]);
    }
    check_claim("body", &[], &[&["", "0"][..], &OTHER_TYPES, &[&format!("[\"{EMPTY}\"]")]].concat());
}

#[test]
fn an_exact_url_is_compared_and_an_origin_is_understood() {
    const HOST: &str = "https://api.example.com";
    let is_good = |verifier: &Verifier, subject: &str, target: &str| {
        let token = token_of(claims_text("sub", &Value::from(subject).to_string()));
        verifier.verify(&Presented::new([token.as_bytes()], target), "", at(ISSUED)).is_ok()
    };
    let target = "/hook?a=1";
    let exact = Verifier::builder(keys()).exact_url(format!("{HOST}{target}")).build().expect("a verifier");
    let origin = Verifier::builder(keys()).origin(HOST).build().expect("a verifier");
    for (subject, in_origin_mode) in [
        ("HTTPS://API.example.COM/hook?a=1", true),
        ("https://api.example.com:443/hook?a=1", true),
        ("https://user@api.example.com/hook?a=1", true),
        ("https://api.example.com/hook?a=1#x", true),
        ("https://api.example.com/hook?a=1&upstash-delay=1s", true),
        ("https://api.example.com/%68ook?%61=1", true),
        ("https://api.example.com/hook?a=1&", false),
        ("https://api.example.com/hook/?a=1", false),
        ("https://api.example.com/hook?a=%31 ", false),
        ("https://api.example.com./hook?a=1", false),
        ("https://api.example.com:80/hook?a=1", false),
        ("https://api%2eexample.com/hook?a=1", false),
        ("https://api.example.com\u{3002}/hook?a=1", false),
        (" https://api.example.com/hook?a=1", false),
        ("https://api.example.com/hook?a=1\n", false),
        ("https://api.example.com/hook?a=1\0", false),
        ("https:\\\\api.example.com/hook?a=1", false),
        ("https:/api.example.com/hook?a=1", false),
        ("https:///api.example.com/hook?a=1", false),
        ("https//api.example.com/hook?a=1", false),
        ("api.example.com/hook?a=1", false),
        ("/hook?a=1", false),
        ("", false),
    ] {
        assert!(!is_good(&exact, subject, target), "{subject}");
        assert_eq!(is_good(&origin, subject, target), in_origin_mode, "{subject}");
    }
    assert!(is_good(&exact, "https://api.example.com/hook?a=1", target));
    assert!(is_good(&exact, "https://api.example.com/hook?a=1", ""));
}

#[test]
fn a_region_is_named_in_any_case_with_either_dash() {
    let set = keys().region(Region::EuCentral1, SigningKeys::new(key("sig_eu"), key("sig_eu_next")));
    let verifier = Verifier::builder(set).any_destination().build().expect("a verifier");
    let segments = format!("{}.{}", segment(HEADER), segment(claims(b"").to_string()));
    let is_good = |signer: &str, region: &[u8]| {
        let token = signed(signer, &segments);
        let request = Presented::new([token.as_bytes()], "/").region(Some(region));
        verifier.verify(&request, "", at(ISSUED)).is_ok()
    };
    for eu in ["EU-CENTRAL-1", "eu_central_1", "Eu-Central_1", "EU_central-1"] {
        assert!(is_good("sig_eu_next", eu.as_bytes()) && !is_good(CURRENT, eu.as_bytes()), "{eu}");
    }
    for other in [
        "US-EAST-1",
        "",
        " EU-CENTRAL-1",
        "EU-CENTRAL-1 ",
        "EU-CENTRAL-1\0",
        "EU CENTRAL 1",
        "EU--CENTRAL-1",
        "EUCENTRAL1",
        "EU-CENTRAL-11",
        "EU-CENTRAL-2",
        "EU-CENTRAL",
        "EU\u{2010}CENTRAL\u{2010}1",
        "ＥU-CENTRAL-1",
        "EU-CENTRAL-1,US-EAST-1",
        "EU_CENTRAL_1_QSTASH_CURRENT_SIGNING_KEY",
        "QSTASH",
    ] {
        assert!(is_good(NEXT, other.as_bytes()) && !is_good("sig_eu", other.as_bytes()), "{other}");
    }
    assert!(is_good(NEXT, b"EU-CENTRAL-1\xff") && is_good(NEXT, b"\xff\xfe"));
}
