//! The body on its way: counted, hashed, kept, and given out when it is proven.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use qstash_verify::{
    Callback, DEFAULT_BODY_LIMIT, DEFAULT_BODY_TIMEOUT, FailureCallback, Presented, Unread, VerifierBuilder,
    VerifyError,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::support::{ISSUED, at, claims, lenient, token};

/// A request that is authenticated for this body.
fn unread_by(builder: VerifierBuilder, body: &[u8]) -> Unread {
    let token = token(&claims(body));
    let verifier = builder.build().expect("the settings are right");
    verifier
        .authenticate(&Presented::new([token.as_bytes()], "/hook"), at(ISSUED))
        .expect("the token is good")
}

fn unread(body: &[u8]) -> Unread {
    unread_by(lenient(), body)
}

#[test]
fn every_split_of_a_body_gives_the_same_bytes() {
    let body = b"\xef\xbb\xbf{\"a\":\xff\0}";
    for first in 0..=body.len() {
        for second in first..=body.len() {
            let mut unread = unread(body);
            for chunk in [&body[..first], &body[first..second], b"", &body[second..]] {
                unread.push(Bytes::copy_from_slice(chunk), at(ISSUED)).unwrap();
            }
            assert_eq!(unread.finish(at(ISSUED)).unwrap().body(), &body[..]);
        }
    }
}

#[test]
fn a_body_of_single_bytes_is_put_together() {
    let body = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect::<Vec<_>>();
    let mut unread = unread(&body);
    unread.content_length(100_000).unwrap();
    for byte in &body {
        unread.push(Bytes::copy_from_slice(&[*byte]), at(ISSUED)).unwrap();
    }
    assert_eq!(unread.finish(at(ISSUED)).unwrap().body(), &body);
}

#[test]
fn a_body_of_one_chunk_is_not_copied() {
    let body = Bytes::from(vec![7; 1000]);
    let mut unread = unread(&body);
    for chunk in [Bytes::new(), body.clone(), Bytes::new()] {
        unread.push(chunk, at(ISSUED)).unwrap();
    }
    let verified = unread.finish(at(ISSUED)).unwrap();
    assert_eq!(verified.body().as_ptr(), body.as_ptr());
    assert_eq!(verified.clone().body().as_ptr(), body.as_ptr());
}

#[test]
fn a_callback_whose_body_is_no_text_is_a_callback() {
    let body = br#"{"status": 503, "body": {"a": 1}, "sourceBody": 5, "dlqId": "1-0"}"#;
    let mut unread = unread(body);
    unread.push(Bytes::from_static(body), at(ISSUED)).unwrap();
    let verified = unread.finish(at(ISSUED)).unwrap();

    let callback: Callback = verified.json().unwrap();
    assert_eq!((callback.status(), callback.body().unwrap_err().field()), (503, "body"));
    let failure: FailureCallback = verified.json().unwrap();
    assert_eq!(failure.dlq_id().unwrap().as_str(), "1-0");
    assert_eq!(failure.callback().source_body().unwrap_err().field(), "sourceBody");
    verified.json::<u32>().unwrap_err();
}

#[test]
fn an_empty_body_needs_no_chunk() {
    assert!(unread(b"").finish(at(ISSUED)).unwrap().body().is_empty());
    assert_eq!(unread(b"x").finish(at(ISSUED)).unwrap_err(), VerifyError::BodyMismatch { len: 0 });
}

#[test]
fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    let mut fits = unread_by(lenient().body_limit(4), b"abcd");
    fits.push(Bytes::from_static(b"ab"), at(ISSUED)).unwrap();
    fits.push(Bytes::from_static(b"cd"), at(ISSUED)).unwrap();
    assert!(fits.finish(at(ISSUED)).is_ok());

    let mut long = unread_by(lenient().body_limit(4), b"abcde");
    long.push(Bytes::from_static(b"abcd"), at(ISSUED)).unwrap();
    assert_eq!(
        long.push(Bytes::from_static(b"e"), at(ISSUED)).unwrap_err(),
        VerifyError::BodyTooLarge { limit: 4 }
    );
}

#[test]
fn a_body_that_was_too_large_stays_refused() {
    let mut unread = unread_by(lenient().body_limit(4), b"ab");
    let too_large = VerifyError::BodyTooLarge { limit: 4 };
    assert_eq!(unread.push(Bytes::from_static(b"abcde"), at(ISSUED)).unwrap_err(), too_large);
    assert_eq!(unread.push(Bytes::from_static(b"ab"), at(ISSUED)).unwrap_err(), too_large);
    assert_eq!(unread.push(Bytes::new(), at(ISSUED)).unwrap_err(), too_large);
    assert_eq!(unread.finish(at(ISSUED)).unwrap_err(), too_large);
}

#[test]
fn a_body_that_is_held_back_is_refused_at_its_next_chunk_or_at_its_end() {
    let timeout = Duration::from_secs(60);
    let too_slow = VerifyError::BodyTooSlow { timeout };
    let unread = || unread_by(lenient().body_timeout(timeout), b"ab");
    let chunk = || Bytes::from_static(b"a");

    let mut in_time = unread();
    assert_eq!(in_time.time_left(at(ISSUED)), timeout);
    in_time.push(chunk(), at(ISSUED + 20)).unwrap();
    assert_eq!(in_time.time_left(at(ISSUED + 20)), Duration::from_secs(40));
    in_time.push(Bytes::from_static(b"b"), at(ISSUED + 60)).unwrap();
    assert!(in_time.finish(at(ISSUED + 60)).is_ok());

    // However many chunks came in time.
    let mut late = unread();
    for second in 0..=60 {
        late.push(Bytes::new(), at(ISSUED + second)).unwrap();
    }
    assert_eq!(late.push(chunk(), at(ISSUED + 61)).unwrap_err(), too_slow);
    assert_eq!(late.time_left(at(ISSUED + 61)), Duration::ZERO);
    assert_eq!(late.too_slow(), too_slow);
    assert_eq!(
        (too_slow.status(), too_slow.public_text(), too_slow.is_key_known()),
        (408, "body too slow", true)
    );

    let mut never_ends = unread();
    never_ends.push(Bytes::from_static(b"ab"), at(ISSUED)).unwrap();
    assert_eq!(never_ends.finish(at(ISSUED + 61)).unwrap_err(), too_slow);
}

#[test]
fn an_honest_upload_may_outlive_its_token() {
    assert!(DEFAULT_BODY_TIMEOUT > Duration::from_secs(300));
    let mut slow = unread(b"ab");
    slow.push(Bytes::from_static(b"ab"), at(ISSUED + 599)).unwrap();
    assert!(slow.finish(at(ISSUED + 600)).is_ok());

    let for_ever = unread_by(lenient().body_timeout(Duration::MAX), b"");
    assert_eq!(for_ever.time_left(at(ISSUED)), Duration::MAX);
    assert!(for_ever.finish(at(ISSUED + 1_000_000_000)).is_ok());
}

#[test]
fn what_had_arrived_of_a_body_that_is_too_large_is_dropped() {
    let chunk = Bytes::from(vec![0; 4]);
    let mut unread = unread_by(lenient().body_limit(4), b"");
    unread.push(chunk.clone(), at(ISSUED)).unwrap();
    assert!(!chunk.is_unique());
    unread.push(Bytes::from_static(b"e"), at(ISSUED)).unwrap_err();
    assert!(chunk.is_unique());
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_is_read() {
    let limit = u64::try_from(DEFAULT_BODY_LIMIT).unwrap();
    assert!(unread(b"").content_length(limit).is_ok());
    for announced in [limit + 1, u64::MAX] {
        let error = unread(b"").content_length(announced).unwrap_err();
        assert_eq!(error, VerifyError::BodyTooLarge { limit: DEFAULT_BODY_LIMIT });
    }
}

#[test]
fn an_announcement_is_not_believed() {
    for announced in [0, 1, 30_000_000] {
        let mut unread = unread(b"abc");
        unread.content_length(announced).unwrap();
        unread.push(Bytes::from_static(b"ab"), at(ISSUED)).unwrap();
        unread.push(Bytes::from_static(b"c"), at(ISSUED)).unwrap();
        assert_eq!(unread.finish(at(ISSUED)).unwrap().body(), "abc");
    }
}

#[test]
fn the_verifier_tells_its_limit() {
    assert_eq!(lenient().build().unwrap().body_limit(), DEFAULT_BODY_LIMIT);
    assert_eq!(lenient().body_limit(7).build().unwrap().body_limit(), 7);
}

#[test]
fn a_verified_request_tells_which_token_it_came_with_and_until_when_that_is_taken() {
    let text = token(&claims(b"abc"));
    let verifier = lenient().tolerance(Duration::from_secs(7)).build().unwrap();
    let request = Presented::new([text.as_bytes()], "/hook");
    let delivery = verifier.verify(&request, "abc", at(ISSUED)).unwrap();

    let mac = URL_SAFE_NO_PAD.decode(text.rsplit('.').next().unwrap()).unwrap();
    assert_eq!(delivery.token_mac()[..], mac);
    assert_eq!(delivery.claims().body_digest()[..], Sha256::digest("abc")[..]);
    assert_eq!(delivery.valid_until(), at(ISSUED + 307));
    assert!(verifier.verify(&request, "abc", at(ISSUED + 306)).is_ok());
    assert!(verifier.verify(&request, "abc", delivery.valid_until()).is_err());
}

#[test]
fn a_verified_body_is_read_as_json() {
    #[derive(Deserialize)]
    struct Order {
        id: u32,
    }

    let mut good = unread(br#"{"id": 7}"#);
    good.push(Bytes::from_static(br#"{"id": 7}"#), at(ISSUED)).unwrap();
    assert_eq!(good.finish(at(ISSUED)).unwrap().json::<Order>().unwrap().id, 7);

    let mut odd = unread(br#"{"id": "secret"}"#);
    odd.push(Bytes::from_static(br#"{"id": "secret"}"#), at(ISSUED)).unwrap();
    let Err(error) = odd.finish(at(ISSUED)).unwrap().json::<Order>() else { panic!("a text is no number") };
    assert_eq!(error.to_string(), "the verified body does not have the expected form");
    assert!(std::error::Error::source(&error).is_some());
}
