//! What holds for all tokens and bodies, not only for those that somebody thought of.

use std::time::Duration;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};
use qstash_verify::{Presented, Verified, VerifyError};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::support::{ISSUED, at, claims, lenient, token, token_of};

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
        let pushed = chunks.into_iter().try_for_each(|chunk| unread.push(chunk.into()));
        let result = pushed.and_then(|()| unread.finish()).map(|verified| verified.body().clone());
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

/// A piece of JSON to put in, or nothing for a character to take out.
fn edit() -> impl Strategy<Value = Option<&'static str>> {
    const PIECES: &[&str] =
        &["\"", "\\", "{", "}", "[", "]", ",", ":", "0", "1", "-", ".", "e", " ", "\t", "\u{1}", "null"];
    prop::option::of(prop::sample::select(PIECES))
}
