//! What holds for all tokens and bodies, not only for those that somebody thought of.

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};
use qstash_verify::{Presented, Verified, Verifier, VerifyError};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::support::{
    CURRENT, HEADER, ISSUED, NEXT, at, claims, claims_with, keys, lenient, segment, signed, token, token_of,
};

fn verify(token: &[u8], body: &[u8]) -> Result<Verified, VerifyError> {
    let verifier = lenient().build().expect("the settings are right");
    verifier.verify(&Presented::new([token], "/hook"), Bytes::copy_from_slice(body), at(ISSUED))
}

proptest! {
    #[test]
    fn any_body_is_given_out_as_it_was_signed(body in vec(any::<u8>(), 0..2000)) {
        let verified = verify(token(&claims(&body)).as_bytes(), &body).unwrap();
        prop_assert_eq!(verified.body(), &body);
    }

    #[test]
    fn any_flipped_bit_of_a_token_is_refused(at: Index, bit in 0..8_u32) {
        let mut token = token(&claims(b"")).into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1_u8 << bit;
        prop_assert!(verify(&token, b"").is_err());
    }

    #[test]
    fn any_flipped_bit_of_a_body_is_refused(body in vec(any::<u8>(), 1..200), at: Index, bit in 0..8_u32) {
        let token = token(&claims(&body));
        let mut altered = body;
        let at = at.index(altered.len());
        altered[at] ^= 1_u8 << bit;
        let len = altered.len();
        prop_assert_eq!(verify(token.as_bytes(), &altered).unwrap_err(), VerifyError::BodyMismatch { len });
    }

    #[test]
    fn any_piece_that_is_cut_out_is_missed(from: Index, to: Index) {
        let token = token(&claims(b"")).into_bytes();
        let (from, to) = (from.index(token.len()), to.index(token.len()));
        let (from, to) = (from.min(to), from.max(to) + 1);
        prop_assert!(verify(&[&token[..from], &token[to..]].concat(), b"").is_err());
    }

    #[test]
    fn any_end_that_is_cut_off_a_body_or_put_behind_it_is_missed(body in vec(any::<u8>(), 1..200), to: Index, more in vec(any::<u8>(), 1..9)) {
        let token = token(&claims(&body));
        let len = to.index(body.len());
        prop_assert_eq!(verify(token.as_bytes(), &body[..len]).unwrap_err(), VerifyError::BodyMismatch { len });
        let longer = [body, more].concat();
        let len = longer.len();
        prop_assert_eq!(verify(token.as_bytes(), &longer).unwrap_err(), VerifyError::BodyMismatch { len });
    }

    #[test]
    fn any_byte_that_is_put_into_a_body_is_noticed(body in vec(any::<u8>(), 0..200), at: Index, byte: u8) {
        let token = token(&claims(&body));
        let mut altered = body;
        altered.insert(at.index(altered.len() + 1), byte);
        let len = altered.len();
        prop_assert_eq!(verify(token.as_bytes(), &altered).unwrap_err(), VerifyError::BodyMismatch { len });
    }

    #[test]
    fn any_other_order_of_the_bytes_is_noticed(body in vec(any::<u8>(), 2..200), at: Index, to: Index) {
        let token = token(&claims(&body));
        let mut altered = body.clone();
        let (from, by) = (at.index(body.len()), to.index(body.len()));
        altered[from..].rotate_left(by % (body.len() - from));
        prop_assert_eq!(verify(token.as_bytes(), &altered).is_ok(), altered == body);

        let mut altered = token.clone().into_bytes();
        altered.swap(at.index(token.len()), to.index(token.len()));
        prop_assert_eq!(verify(&altered, &body).is_ok(), altered == token.as_bytes());
    }

    #[test]
    fn any_other_order_of_the_segments_is_refused(order in Just([0, 1, 2]).prop_shuffle()) {
        let token = token(&claims(b""));
        let segments = token.split('.').collect::<Vec<_>>();
        let other = order.map(|index| segments[index]).join(".");
        prop_assert_eq!(verify(other.as_bytes(), b"").is_ok(), other == token);
    }

    #[test]
    fn no_valid_delivery_is_ever_refused(
        body in vec(any::<u8>(), 0..300), path in "(/[a-zA-Z0-9._~%!$&'()*+,;=:@ä-]{0,9}){1,4}", age in 0..300_u64,
        origin in prop::sample::select(&["https://api.example.com", "http://localhost:8080", "https://[::1]:8443"][..]),
        signer in prop::sample::select(&[CURRENT, NEXT][..]),
    ) {
        let mut claims = claims(&body);
        claims["sub"] = format!("{origin}{path}").into();
        let token = signed(signer, &format!("{}.{}", segment(HEADER), segment(claims.to_string())));
        let verifier = Verifier::builder(keys()).origin(origin).tolerance(Duration::ZERO).build().unwrap();
        let request = Presented::new([token.as_bytes()], &path);
        let verified = verifier.verify(&request, body.clone(), at(ISSUED + age)).unwrap();
        prop_assert_eq!(verified.body(), &body);
    }

    #[test]
    fn a_diagnosis_never_panics_and_changes_no_verdict(token in vec(any::<u8>(), 0..200), claims in "\\PC{0,80}", body in vec(any::<u8>(), 0..200)) {
        let verifier = lenient().build().unwrap();
        for token in [token, token_of(claims).into_bytes()] {
            let request = Presented::new([&token[..]], "/hook");
            let error = verifier.verify(&request, body.clone(), at(ISSUED)).unwrap_err();
            let _ = verifier.diagnose(&error, &request, &body);
            let _ = verifier.diagnose(&VerifyError::BodyMismatch { len: 0 }, &request, &body);
            prop_assert_eq!(verifier.verify(&request, body.clone(), at(ISSUED)).unwrap_err(), error);
        }
    }

    #[test]
    fn any_byte_that_is_put_in_is_noticed(at: Index, byte: u8) {
        let mut token = token(&claims(b"")).into_bytes();
        token.insert(at.index(token.len() + 1), byte);
        prop_assert!(verify(&token, b"").is_err());
    }

    #[test]
    fn any_chunking_is_the_same_as_one_chunk(chunks in vec(vec(any::<u8>(), 0..50), 0..20), limit in 0..600_usize) {
        let body = chunks.concat();
        let token = token(&claims(&body));
        let verifier = lenient().body_limit(limit).build().unwrap();
        let mut unread = verifier.authenticate(&Presented::new([token.as_bytes()], "/hook"), at(ISSUED)).unwrap();
        let pushed = chunks.into_iter().try_for_each(|chunk| unread.push(chunk.into(), at(ISSUED)));
        let result = pushed.and_then(|()| unread.finish(at(ISSUED))).map(|verified| verified.body().clone());
        if body.len() > limit {
            prop_assert_eq!(result.unwrap_err(), VerifyError::BodyTooLarge { limit });
        } else {
            prop_assert_eq!(result.unwrap(), body);
        }
    }

    #[test]
    fn no_header_value_makes_it_panic(token in vec(any::<u8>(), 0..500)) {
        prop_assert!(!verify(&token, b"").unwrap_err().is_key_known());
    }

    #[test]
    fn no_signed_claims_make_it_panic(claims in vec(any::<u8>(), 0..500)) {
        prop_assert!(verify(token_of(claims).as_bytes(), b"").unwrap_err().is_key_known());
    }

    #[test]
    fn claims_are_the_same_json_for_everybody(edits in vec((any::<Index>(), edit()), 0..4)) {
        let mut claims = claims(b"").to_string();
        claims.insert_str(claims.len() - 1, r#","x":[{"y":-1.5e3},"\u0041\n",true,null]"#);
        for (at, edit) in &edits {
            let at = at.index(claims.len());
            match edit {
                Some(text) => claims.insert_str(at, text),
                None => drop(claims.remove(at)),
            }
        }
        let ours = verify(token_of(&claims).as_bytes(), b"");
        let theirs = serde_json::from_str::<IgnoredAny>(&claims);
        match ours {
            Ok(_) if theirs.is_err() => prop_assert!(false, "accepted {claims}"),
            // Numbers beyond a double are fine as long as nobody reads them, but not in a `Value`.
            Ok(verified) => if let Ok(theirs) = serde_json::from_str::<Value>(&claims) {
                prop_assert_eq!(&theirs["iss"], "Upstash");
                prop_assert_eq!(&theirs["sub"], verified.claims().subject());
                prop_assert_eq!(theirs["jti"].as_str(), verified.claims().token_id());
                prop_assert!(theirs["exp"].is_number() && theirs["nbf"].is_number() && theirs["body"].is_string());
            },
            Err(error) if theirs.is_err() => prop_assert!(matches!(error, VerifyError::Claims { .. }), "{claims}: {error}"),
            // Refused for what the claims say, or for a name that is there twice.
            Err(_) => {}
        }
    }

    #[test]
    fn claims_say_the_same_in_the_order_of_qstash_and_in_any_other(
        sub in "\\PC{0,40}|[ -~]{0,2000}", jti in "\\PC{0,40}", (exp, nbf, iat) in (number(ISSUED..4_000_000_000), number(0..ISSUED), number(0..4_000_000_000)),
        body in digest_of_nothing(), at: Index, edit in prop_oneof![3 => Just(None), 1 => edit()],
    ) {
        let text = |text: &str| Value::from(text).to_string();
        let (iss, sub, jti, body) = (text("Upstash"), text(&sub), text(&jti), text(&body));
        let members = [("iss", iss), ("sub", sub), ("exp", exp), ("nbf", nbf), ("iat", iat), ("jti", jti), ("body", body)];
        let mut members = members.map(|(name, value)| format!("\"{name}\":{value}"));
        members[at.index(7)].push_str(edit.unwrap_or_default());
        let verdict = |members: &[String]| {
            let verified = verify(token_of(format!("{{{}}}", members.join(","))).as_bytes(), b"")?;
            let claims = verified.claims();
            let texts = (claims.subject().to_owned(), claims.token_id().map(ToOwned::to_owned));
            Ok::<_, VerifyError>((texts, claims.issued_at(), claims.expires_at(), claims.not_before()))
        };
        let in_order = verdict(&members);
        members.reverse();
        prop_assert_eq!(in_order, verdict(&members));
    }

    #[test]
    fn times_are_compared_as_the_numbers_that_they_are(
        exp in -1e12..1e12_f64, nbf in -1e12..1e12_f64, now in 0..2_000_000_000_u64, tolerance in 0..1000_u32,
    ) {
        let mut claims = claims(b"");
        claims["exp"] = exp.into();
        claims["nbf"] = nbf.into();
        let verifier = lenient().tolerance(Duration::from_secs(tolerance.into())).build().unwrap();
        let token = token(&claims);
        let result = verifier.verify(&Presented::new([token.as_bytes()], "/hook"), "", at(now));
        let (now, tolerance) = (Duration::from_secs(now).as_secs_f64(), f64::from(tolerance));
        prop_assert_eq!(result.is_ok(), now < exp + tolerance && now >= nbf - tolerance);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn urls_that_count_as_one_are_one_to_every_reader(signed in target(), requested in target(), by in prop::option::of(respelling())) {
        // Two random targets hardly ever mean the same.
        let requested = by.map_or(requested, |respelled| respelled(&signed));
        let verifier = Verifier::builder(keys()).origin("https://h").build().unwrap();
        let is_good = |subject: &str| {
            let token = token(&claims_with("sub", subject));
            verifier.verify(&Presented::new([token.as_bytes()], &requested), "", at(ISSUED)).is_ok()
        };
        let accepted = is_good(&format!("https://h{signed}"));
        prop_assert_eq!(accepted, is_good(&format!("HTTPS://H:443{signed}#end")), "{} as {}", signed, requested);
        if accepted {
            prop_assert!(means_what_was_signed(&signed, &requested), "{signed} as {requested}");
        }
        if by.is_some() {
            prop_assert!(accepted, "{signed} as {requested}");
        }
    }

    #[test]
    fn one_changed_character_is_another_url(signed in target(), place: Index, to in "[a-c./?&=%;+ 0-9-]") {
        // The slash at the beginning stays.
        let place = place.index(signed.chars().count()) + 1;
        let requested = signed.chars().enumerate().map(|(index, c)| if index == place { to.clone() } else { c.into() });
        let requested = requested.collect::<String>();
        let verifier = Verifier::builder(keys()).origin("https://h").build().unwrap();
        let token = token(&claims_with("sub", format!("https://h{signed}")));
        if verifier.verify(&Presented::new([token.as_bytes()], &requested), "", at(ISSUED)).is_ok() {
            prop_assert!(means_what_was_signed(&signed, &requested), "{signed} as {requested}");
        }
    }
}

/// Path and query of what a router can misunderstand.
fn target() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "/",
        "/",
        ".",
        "..",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "%25",
        "%",
        "a",
        "%61",
        "A",
        "\u{fc}",
        "%c3%bc",
        "%3b",
        "\\",
        "@",
        ":",
        " ",
        ";",
        "+",
        "&",
        "=",
        "upstash-a=1&",
        "&qstash_token=1",
        "upstash",
        "%75pstash-b",
    ];
    let text = |len| vec(prop::sample::select(PIECES), 0..len).prop_map(|pieces| pieces.concat());
    (text(8), prop::option::of(text(5))).prop_map(|(path, query)| {
        format!("/{path}{}", query.map_or_else(String::new, |query| format!("?{query}")))
    })
}

type Respelling = fn(&str) -> String;

/// What honest proxies do to a target.
fn respelling() -> impl Strategy<Value = Respelling> {
    let all: [Respelling; 4] = [ToOwned::to_owned, escaped_where_illegal, as_traefik, as_nginx];
    prop::sample::select(all.to_vec())
}

/// As HTTP clients write what URLs do not allow.
fn escaped_where_illegal(target: &str) -> String {
    let legal = |c: char| match c {
        '\u{fc}' => "%C3%BC".to_owned(),
        '\\' => "%5C".to_owned(),
        ' ' => "%20".to_owned(),
        other => other.to_string(),
    };
    target.chars().map(legal).collect::<String>().replace("%c3%bc", "%C3%BC")
}

/// Undoes escapes of unreserved characters in the path, and writes the others in capitals. It would resolve dot segments
/// then, which is why it gets none.
fn as_traefik(target: &str) -> String {
    in_path(target, |path| {
        let capitals = path.replace("%2f", "%2F").replace("%5c", "%5C").replace("%c3%bc", "%C3%BC");
        let undone = capitals.replace("%61", "a").replace("%75", "u");
        without_new_dots(path, &undone.replace("%2e", ".").replace("%2E", "."))
    })
}

/// Undoes escapes in the path, but for those that would change it.
fn as_nginx(target: &str) -> String {
    in_path(target, |path| {
        let undone =
            path.replace("%61", "a").replace("%75", "u").replace("%3b", ";").replace("%c3%bc", "\u{fc}");
        without_new_dots(path, &undone.replace("%2e", ".").replace("%2E", "."))
    })
}

fn in_path(target: &str, respelled: impl FnOnce(&str) -> String) -> String {
    // An escape behind a percent sign could become a part of another one.
    let is_escape = |at: usize| {
        target.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if target.match_indices('%').any(|(at, _)| !is_escape(at)) {
        return target.to_owned();
    }
    match target.split_once('?') {
        Some((path, query)) => format!("{}?{query}", respelled(path)),
        None => respelled(target),
    }
}

/// The second text unless it has a dot segment, with or without a parameter, which is more than the first one has.
fn without_new_dots(before: &str, after: &str) -> String {
    let dots = |path: &str| {
        path.split('/').filter(|segment| matches!(segment.split(';').next(), Some("." | ".."))).count()
    };
    if dots(before) == dots(after) { after.to_owned() } else { before.to_owned() }
}

/// By a simpler reading than ours: segment by segment and parameter by parameter the same when all escapes are undone,
/// steps of dots in the same places, no legal character escaped, and nothing added or reordered.
fn means_what_was_signed(signed: &str, requested: &str) -> bool {
    let cut = |target: &str| {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segment = |text: &str| match text.split(';').next() {
            Some("." | "..") => [b"a step: ", &decoded(text)[..]].concat(),
            _ => decoded(text),
        };
        let segments: Vec<_> = path.split('/').map(segment).collect();
        let pairs: Vec<_> = query.split('&').map(ToOwned::to_owned).collect();
        (segments, if query.is_empty() { vec![] } else { pairs })
    };
    let is_own =
        |pair: &str| ["qstash_token", "upstash-"].iter().any(|own| decoded(pair).starts_with(own.as_bytes()));
    let ((signed_path, signed_pairs), (path, pairs)) = (cut(signed), cut(requested));
    let escapes = |text: &str| text.matches('%').count();
    let mut pairs = pairs.iter().peekable();
    for signed in &signed_pairs {
        let is_next = pairs.peek().is_some_and(|next| {
            // In a query, `+`, `&`, `=`, `;` mean something else than their escapes.
            let syntax = |text: &str| text.matches(['+', '=', ';']).count();
            decoded(next) == decoded(signed) && syntax(next) == syntax(signed)
        });
        if is_next {
            pairs.next();
        } else if !is_own(signed) {
            return false;
        }
    }
    let illegal = signed.chars().filter(|c| matches!(c, '\u{fc}')).count() * 2
        + signed.chars().filter(|c| matches!(c, '\\' | ' ' | '%')).count();
    signed_path == path && pairs.next().is_none() && escapes(requested) <= escapes(signed) + illegal
}

/// Undoes all escapes.
fn decoded(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut out = Vec::new();
    while let [byte, tail @ ..] = rest {
        let digits =
            tail.get(..2).and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        match digits.filter(|_| *byte == b'%') {
            Some(escaped) => (out.push(escaped), rest = &tail[2..]),
            None => (out.push(*byte), rest = tail),
        };
    }
    out
}

/// A piece of JSON to put in, or nothing for a character to take out.
/// Mostly a number in the range; else one in another spelling, or none.
fn number(range: Range<u64>) -> impl Strategy<Value = String> {
    const OTHERS: &[&str] = &[
        "0",
        "00",
        "01700000300",
        "-1",
        "1.5",
        "17e8",
        "1700000300.0",
        "999999999999999",
        "9007199254740993",
        "12345678901234567890",
        "123456789012345678901234567890",
        "1e999",
        "",
        "\"1700000300\"",
    ];
    prop_oneof![
        5 => range.prop_map(|number| number.to_string()),
        1 => prop::sample::select(OTHERS).prop_map_into(),
    ]
}

/// Mostly the digest of an empty body, with and without padding; else a text that is none.
fn digest_of_nothing() -> impl Strategy<Value = String> {
    let digest = claims(b"")["body"].as_str().expect("a text").to_owned();
    let padded = format!("{digest}=");
    prop_oneof![
        4 => Just(digest),
        2 => Just(padded.clone()),
        1 => Just(padded + "="),
        1 => "[A-Za-z0-9_-]{43}|.{0,50}",
    ]
}

fn edit() -> impl Strategy<Value = Option<&'static str>> {
    const PIECES: &[&str] =
        &["\"", "\\", "{", "}", "[", "]", ",", ":", "0", "1", "-", ".", "e", " ", "\t", "\u{1}", "null"];
    prop::option::of(prop::sample::select(PIECES))
}
