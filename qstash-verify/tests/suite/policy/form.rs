//! The form of a token, its header, and its MAC.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use qstash_verify::{Presented, SigningKey, SigningKeys, Verifier, VerifyError};
use sha2::{Sha256, Sha512};

use super::{claims_text, refusal};
use crate::support::{
    CURRENT, HEADER, ISSUED, NEXT, at, claims, key, segment, signed, token, token_of, token_with_header,
};

/// What is no token, whoever made it.
fn check_malformed(token: impl AsRef<[u8]>) {
    let error = refusal(&token);
    let is_malformed = matches!(
        error,
        // Of four segments, the first MAC is a part of what must have been signed.
        Some(VerifyError::Malformed { .. } | VerifyError::Claims { .. } | VerifyError::UnknownKey)
    );
    assert!(is_malformed, "{}: {error:?}", token.as_ref().escape_ascii());
}

#[test]
fn each_segment_is_base64url_without_padding_or_unused_bits() {
    // Three bytes more than a whole group, one more, and two more.
    for spaces in 0..3 {
        let header = segment(HEADER.to_owned() + &" ".repeat(spaces));
        let payload = segment(claims(b"").to_string() + &" ".repeat(spaces));
        assert_eq!(refusal(signed(CURRENT, &format!("{header}.{payload}"))), None);
        for broken in [
            |text: &str| format!("{text}="),
            |text: &str| format!("{text}=="),
            |text: &str| format!("{text}A===="),
            |text: &str| format!("{text} "),
            |text: &str| format!("{text}\n"),
            |text: &str| format!("\u{feff}{text}"),
            |text: &str| format!("{}\r\n{}", &text[..8], &text[8..]),
            |text: &str| format!("{}\0{}", &text[..8], &text[8..]),
            |text: &str| format!("{}={}", &text[..8], &text[8..]),
            |text: &str| format!("{}+{}", &text[..8], &text[9..]),
            |text: &str| format!("{}/{}", &text[..8], &text[9..]),
            |text: &str| format!("{}%2B{}", &text[..8], &text[9..]),
            |text: &str| text.replacen('I', "\u{406}", 1),
            |_: &str| String::new(),
            |_: &str| "A".into(),
        ] {
            check_malformed(signed(CURRENT, &format!("{}.{payload}", broken(&header))));
            check_malformed(signed(CURRENT, &format!("{header}.{}", broken(&payload))));
        }
        for text in [&header, &payload].into_iter().filter(|text| text.len() % 4 != 0) {
            let last = text.chars().next_back().expect("segments are not empty");
            for unused in ["B", "f", "-", "_", "9"].into_iter().filter(|unused| !unused.starts_with(last)) {
                let set = format!("{}{unused}", &text[..text.len() - 1]);
                let is_header = *text == header;
                let segments = if is_header { format!("{set}.{payload}") } else { format!("{header}.{set}") };
                check_malformed(signed(CURRENT, &segments));
            }
        }
    }
}

#[test]
fn a_token_is_three_segments_and_nothing_else() {
    let good = token(&claims(b""));
    let (segments, mac) = good.rsplit_once('.').expect("three segments");
    for odd in [
        ".".into(),
        "..".into(),
        "...".into(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{mac}"),
        format!("{segments}..{mac}"),
        format!("{segments}.{mac}="),
        format!("{segments}.{mac}A"),
        format!("{segments}.{mac}AA"),
        format!("{segments}.{}", &mac[1..]),
        format!("{segments}.{}", &mac[..42]),
        format!("{segments}.A{}", &mac[..42]),
        format!("{segments}.="),
        format!("{good},{good}"),
        format!("{good}, {good}"),
        format!("{good};"),
        format!("\t{good}"),
        format!("{good}\r\n"),
        format!("{good}\u{200b}"),
        format!("{good}\0"),
        format!("bearer {good}"),
        format!("Upstash-Signature: {good}"),
        format!("v1={good}"),
        format!("\"{good}\""),
        format!("<{good}>"),
        good.replace('.', "%2E"),
        good.replace('.', "\u{2024}"),
        good.replace('.', ":"),
        good.chars().rev().collect(),
        STANDARD.encode(&good),
        format!("{{\"payload\":\"{}\",\"signature\":\"{mac}\"}}", segment(claims(b"").to_string())),
    ] {
        check_malformed(odd);
    }
    check_malformed([good.as_bytes(), b"\xff"].concat());
    check_malformed([b"\xef\xbb\xbf", good.as_bytes()].concat());
    // The last character of 32 bytes has two unused bits.
    let last = mac.chars().next_back().expect("a MAC");
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(last).expect("base64url");
    for bits in 1..4 {
        let set = alphabet[index..].chars().nth(bits).expect("the bits are unused");
        check_malformed(format!("{segments}.{}{set}", &mac[..42]));
    }
}

#[test]
fn a_header_is_one_object_that_says_hs256() {
    for header in [
        r#"{"alg":"HS256"}"#,
        "\t\r\n {\t\"alg\"\n:\r\"HS256\" ,\"typ\" : \"jWt\" }\n\r\t ",
        r#"{"\u0061\u006C\u0067":"\u0048\u0053\u0032\u0035\u0036"}"#,
        r#"{"alg":"HS256","typ":"\u004aWT"}"#,
        // What we do not know is no business of ours.
        r#"{"alg":"HS256","ALG":"none","Alg":"RS256","algorithm":"none"}"#,
        r#"{"alg":"HS256","Crit":["exp"],"critical":["exp"],"Typ":"x"}"#,
        r#"{"alg":"HS256","kid":"../../etc/passwd","jku":"https://evil.example","x5u":"https://evil.example"}"#,
        r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA","k":"AA"},"x5c":[1],"kid":{"kid":[]}}"#,
        r#"{"alg":"HS256","b64":false,"zip":"DEF","enc":"A256GCM","cty":"JWT"}"#,
        r#"{"alg":"HS256","x":1e999,"y":"\ud800","z":-0.0E-0,"":"","Straße":1,"STRASSE":2}"#,
    ] {
        assert_eq!(refusal(token_with_header(header)), None, "{header}");
    }
    for alg in [
        r#""none""#,
        r#""None""#,
        r#""nOnE""#,
        r#""""#,
        r#""hs256""#,
        r#""Hs256""#,
        r#""HS256 ""#,
        r#"" HS256""#,
        r#""HS256\u0000""#,
        r#""HS256\n""#,
        r#""HS-256""#,
        r#""ＨＳ２５６""#,
        r#""HS384""#,
        r#""HS512""#,
        r#""RS256""#,
        r#""PS256""#,
        r#""ES256""#,
        r#""EdDSA""#,
        r#""HS2""#,
        r#""HS2560""#,
        r#""\ud800""#,
        r#"["HS256"]"#,
        r#"{"HS256":true}"#,
        "null",
        "true",
        "256",
        "[[[[[[[[[[]]]]]]]]]]",
    ] {
        let header = format!(r#"{{"typ":"JWT","alg":{alg}}}"#);
        assert_eq!(refusal(token_with_header(&header)), Some(VerifyError::Algorithm), "{header}");
    }
    for typ in [
        r#""JOSE""#,
        r#""JWS""#,
        r#""at+jwt""#,
        r#""application/jwt""#,
        r#""JWT ""#,
        r#""""#,
        "null",
        "7",
        "[]",
        r#"["JWT"]"#,
        "{}",
        "false",
    ] {
        check_malformed(token_with_header(format!(r#"{{"alg":"HS256","typ":{typ}}}"#)));
    }
    for crit in ["[]", "null", "false", "true", "0", r#""""#, "{}", r#"["b64"]"#, r#"["alg"]"#, "[[]]"] {
        check_malformed(token_with_header(format!(r#"{{"crit":{crit},"alg":"HS256","b64":true}}"#)));
        check_malformed(token_with_header(format!(r#"{{"alg":"HS256","cr\u0069t":{crit}}}"#)));
    }
}

#[test]
fn header_and_claims_are_one_object_in_utf8_without_a_name_twice() {
    let (header, usual) = (HEADER.as_bytes(), claims(b"").to_string());
    let odd = |object: &[u8]| {
        let inner = &object[1..object.len() - 1];
        let with = |member: &[u8]| [b"{", inner, b",", member, b"}"].concat();
        vec![
            Vec::new(),
            b"null".to_vec(),
            b"{".to_vec(),
            [b"\xef\xbb\xbf", object].concat(),
            [b"\xfe\xff", object].concat(),
            object.iter().flat_map(|byte| [*byte, 0]).collect(),
            [b"[", object, b"]"].concat(),
            [object, b","].concat(),
            [object, b"\0"].concat(),
            [object, b"}"].concat(),
            [object, b" {}"].concat(),
            [object, b"//"].concat(),
            [b"/**/", object].concat(),
            [b"\x0b", object].concat(),
            [b"\x0c", object].concat(),
            [b"\xc2\xa0", object].concat(),
            [b"\xe2\x80\xa8", object].concat(),
            [b"{,", inner, b"}"].concat(),
            [b"{", inner, b",}"].concat(),
            [b"{", inner, b"]"].concat(),
            [b"(", inner, b")"].concat(),
            object[..object.len() - 1].to_vec(),
            with(b"'x':1"),
            with(b"x:1"),
            with(b"\"x\""),
            with(b"\"x\":"),
            with(b"\"x\"::1"),
            with(b"\"x\"=1"),
            with(b"1:1"),
            with(b"null:1"),
            with(b"[]:1"),
            with(b"\"x\":1 2"),
            with(b"\"x\":tru"),
            with(b"\"x\":True"),
            with(b"\"x\":NaN"),
            with(b"\"x\":-Infinity"),
            with(b"\"x\":01"),
            with(b"\"x\":+1"),
            with(b"\"x\":1."),
            with(b"\"x\":.1"),
            with(b"\"x\":1e"),
            with(b"\"x\":0x1"),
            with(b"\"x\":1_000"),
            with(b"\"x\":[1,]"),
            with(b"\"x\":[1"),
            with(b"\"x\":{\"y\"}"),
            with(b"\"x\":\"\\x41\""),
            with(b"\"x\":\"\\u12\""),
            with(b"\"x\":\"\x01\""),
            with(b"\"x\":\"\n\""),
            // Bytes that are no UTF-8: stray, overlong, half of a pair, beyond Unicode, cut off.
            with(b"\"x\":\"\xff\""),
            with(b"\"\x80\":1"),
            with(b"\"x\":\"\xc0\xaf\""),
            with(b"\"x\":\"\xed\xa0\x80\""),
            with(b"\"x\":\"\xf4\x90\x80\x80\""),
            with(b"\"x\":\"\xe2\x82\""),
            // A name twice, in whatever spelling, and with whatever values.
            with(b"\"x\":1,\"x\":1"),
            with(b"\"x\":1,\"y\":2,\"\\u0078\":3"),
            with(b"\"\\u0078\":1,\"\\u0078\":1"),
            with(b"\"\":1,\"\":2"),
            with("\"é\":1,\"\\u00e9\":2".as_bytes()),
            with("\"😀\":1,\"\\ud83d\\ude00\":2".as_bytes()),
        ]
    };
    for broken in odd(header) {
        check_malformed(token_with_header(broken));
    }
    for broken in odd(usual.as_bytes()) {
        let error = refusal(token_of(&broken));
        assert!(matches!(error, Some(VerifyError::Claims { .. })), "{}: {error:?}", broken.escape_ascii());
    }
    // Nothing is taken from the first of two, nor from the last.
    for name in ["iss", "sub", "exp", "nbf", "iat", "jti", "body"] {
        let value = &claims(b"")[name];
        let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
        for name in [name, &escaped] {
            for twice in [
                format!("{{\"{name}\":{value},{}", &usual[1..]),
                format!("{{\"{name}\":null,{}", &usual[1..]),
                format!("{},\"{name}\":{value}}}", &usual[..usual.len() - 1]),
            ] {
                let error = refusal(token_of(&twice));
                assert!(matches!(error, Some(VerifyError::Claims { .. })), "{twice}: {error:?}");
            }
        }
    }
    for twice in [r#"{"alg":"HS256","alg":"none"}"#, r#"{"alg":"none","alg":"HS256"}"#] {
        check_malformed(token_with_header(twice));
        check_malformed(token_with_header(twice.replacen("alg", "\\u0061lg", 1)));
        check_malformed(token_with_header(twice.replace("alg", "al\\u0067")));
    }
}

#[test]
fn names_are_told_apart_by_case_and_composition_and_may_be_many() {
    let usual = claims(b"").to_string();
    let inner = &usual[1..usual.len() - 1];
    let others =
        r#""ISS":"me","Sub":1,"EXP":0,"Nbf":9e99,"Aud":"x","BODY":"","\u00e9":1,"e\u0301":2,"":0," ":1"#;
    assert_eq!(refusal(token_of(format!("{{{others},{inner}}}"))), None);
    assert_eq!(refusal(token_of(format!("{{{inner},{others}}}"))), None);
    let many = (0..3000).map(|n| format!("\"{n}\":{{\"a\":1,\"a\":2}}")).collect::<Vec<_>>().join(",");
    assert!(refusal(token_of(format!("{{{inner},{many},\"2999\":0}}"))).is_some());
    let many = (0..2000).map(|n| format!("\"{n}\":{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(refusal(token_of(format!("{{{many},{inner}}}"))), None);
}

#[test]
fn depth_costs_nothing_wherever_it_is() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for closing in [5000, 4999, 0] {
            let deep = open.repeat(5000) + "0" + &close.repeat(closing);
            for name in ["iss", "sub", "exp", "nbf", "iat", "jti", "aud", "body"] {
                assert!(refusal(token_of(claims_text(name, &deep))).is_some(), "{name}");
            }
            assert_eq!(refusal(token_of(claims_text("x", &deep))).is_none(), closing == 5000);
            for name in ["alg", "typ", "crit", "x"] {
                let header = format!(r#"{{"alg":"HS256","{name}":{deep}}}"#);
                let is_fine = name == "x" && closing == 5000;
                assert_eq!(refusal(token_with_header(header)).is_none(), is_fine, "{name}");
            }
        }
    }
}

#[test]
fn the_mac_is_made_of_the_key_as_it_stands_over_the_segments_as_they_came() {
    let segments = format!("{}.{}", segment(HEADER), segment(claims(b"").to_string()));
    let token_by = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.update(text.as_bytes());
        format!("{segments}.{}", segment(mac.finalize().into_bytes()))
    };
    let is_good = |configured: &str, token: &str| {
        let keys = SigningKeys::new(key("sig_other"), key(configured));
        let verifier = Verifier::builder(keys).any_destination().build().expect("the keys are right");
        verifier.verify(&Presented::new([token.as_bytes()], "/"), "", at(ISSUED)).is_ok()
    };
    let long = "sig_".to_owned() + &"k".repeat(500);
    let odd = ["x", "sig_ü", "sig_u\u{308}", " sig_padded ", "sig_ two words", "c2lnXw==", long.as_str()];
    for configured in odd {
        assert!(is_good(configured, &token_by(configured.as_bytes(), &segments)), "{configured:?}");
        for other in odd.into_iter().filter(|other| *other != configured) {
            assert!(!is_good(configured, &token_by(other.as_bytes(), &segments)), "{other:?}");
        }
    }
    assert!(!is_good(" sig_padded ", &token_by(b"sig_padded", &segments)));
    assert!(!is_good("c2lnXw==", &token_by(b"sig_", &segments)));
    let decoded = HEADER.to_owned() + "." + &claims(b"").to_string();
    for (signer, text) in [
        ("", &*segments),
        ("\0", &*segments),
        (CURRENT, &*segments),
        (NEXT, &*decoded),
        (NEXT, ""),
        (NEXT, &segments[..segments.len() - 1]),
        (NEXT, &segments[segment(HEADER).len() + 1..]),
    ] {
        assert!(!is_good(NEXT, &token_by(signer.as_bytes(), text)), "{signer:?}, {text}");
    }
    // Half of a longer MAC, and nothing at all.
    let mut mac = Hmac::<Sha512>::new_from_slice(NEXT.as_bytes()).expect("any length");
    mac.update(segments.as_bytes());
    assert!(!is_good(NEXT, &format!("{segments}.{}", segment(&mac.finalize().into_bytes()[..32]))));
    assert!(!is_good(NEXT, &format!("{segments}.{}", segment([0; 32]))));
}

#[test]
fn no_key_is_empty_or_blank() {
    for blank in ["", " ", "\t\r\n", "\u{a0}", "\u{3000}\u{2003}", "\u{85}"] {
        assert!(SigningKey::new(blank).is_err(), "{blank:?}");
    }
}
