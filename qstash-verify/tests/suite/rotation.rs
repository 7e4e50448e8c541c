//! Which keys may sign, and how they change.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use qstash_verify::{BuildError, KeySet, Presented, Region, SigningKeys, Verifier, VerifyError};

use crate::support::{
    CURRENT, HEADER, ISSUED, NEXT, at, claims, claims_with, key, keys, lenient, segment, signed, verify,
};

fn token_by(key: &str) -> String {
    signed(key, &format!("{}.{}", segment(HEADER), segment(claims(b"").to_string())))
}

#[test]
fn both_keys_of_a_pair_are_good_and_the_matching_one_is_named() {
    let verifier = lenient().build().unwrap();
    assert_eq!(verify(&verifier, &token_by(CURRENT)).unwrap().key(), "current");
    assert_eq!(verify(&verifier, &token_by(NEXT)).unwrap().key(), "next");
    assert_eq!(verify(&verifier, &token_by("sig_previous")).unwrap_err(), VerifyError::UnknownKey);
}

#[test]
fn any_number_of_keys_may_sign_under_any_label() {
    let labels = ["a", "b", "c", "d"];
    let set = KeySet::new(labels.map(|label| (label, key(&format!("sig_{label}")))));
    let verifier = Verifier::builder(set).any_destination().build().unwrap();
    for label in labels {
        assert_eq!(verify(&verifier, &token_by(&format!("sig_{label}"))).unwrap().key(), label);
    }
}

#[test]
fn a_refusal_has_the_same_reason_whichever_key_signed() {
    let verifier = lenient().build().unwrap();
    let expired = claims_with("exp", 1).to_string();
    for key in [CURRENT, NEXT] {
        let token = signed(key, &format!("{}.{}", segment(HEADER), segment(&expired)));
        assert!(matches!(verify(&verifier, &token).unwrap_err(), VerifyError::Expired { .. }));
    }
}

#[test]
fn replaced_keys_are_replaced_in_all_clones_at_once() {
    let verifier = lenient().build().unwrap();
    let clone = verifier.clone();
    verifier.replace_keys(SigningKeys::new(key(NEXT), key("sig_newest"))).unwrap();
    assert_eq!(verify(&clone, &token_by(NEXT)).unwrap().key(), "current");
    assert_eq!(verify(&clone, &token_by("sig_newest")).unwrap().key(), "next");
    assert_eq!(verify(&clone, &token_by(CURRENT)).unwrap_err(), VerifyError::UnknownKey);
}

#[test]
fn a_request_that_is_being_read_survives_the_replacement() {
    let verifier = lenient().build().unwrap();
    let token = token_by(CURRENT);
    let mut unread = verifier.authenticate(&Presented::new([token.as_bytes()], "/hook"), at(ISSUED)).unwrap();
    verifier.replace_keys(SigningKeys::new(key("sig_a"), key("sig_b"))).unwrap();
    unread.push(Bytes::new(), at(ISSUED)).unwrap();
    assert_eq!(unread.finish(at(ISSUED)).unwrap().key(), "current");
}

#[test]
fn no_request_is_refused_while_keys_are_replaced() {
    let verifier = lenient().build().unwrap();
    let (before, after) = (keys(), KeySet::from(SigningKeys::new(key(NEXT), key("sig_newest"))));
    let (kept, unknown) = (token_by(NEXT), token_by("sig_of_nobody"));
    let readers = AtomicUsize::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let label = verify(&verifier, &kept).unwrap().key().to_owned();
                    assert!(label == "next" || label == "current", "{label}");
                    assert_eq!(verify(&verifier, &unknown).unwrap_err(), VerifyError::UnknownKey);
                }
                readers.fetch_sub(1, Ordering::Relaxed);
            });
        }
        while readers.load(Ordering::Relaxed) > 0 {
            verifier.replace_keys(after.clone()).unwrap();
            verifier.replace_keys(before.clone()).unwrap();
        }
    });
}

#[test]
fn no_keys_are_no_replacement() {
    let verifier = lenient().build().unwrap();
    assert_eq!(verifier.replace_keys(KeySet::new::<&str>([])).unwrap_err(), BuildError::NoKeys);
    assert!(verify(&verifier, &token_by(CURRENT)).is_ok());
}

#[test]
fn a_verifier_without_keys_cannot_be_built() {
    let none = || KeySet::new::<&str>([]);
    assert_eq!(Verifier::builder(none()).build().unwrap_err(), BuildError::NoKeys);
    assert_eq!(
        Verifier::builder(none().region(Region::UsEast1, none())).build().unwrap_err(),
        BuildError::NoKeys
    );
}

#[test]
fn the_region_header_chooses_among_the_configured_keys() {
    let set = keys().region(Region::UsEast1, SigningKeys::new(key("sig_us"), key("sig_us_next")));
    let verifier = Verifier::builder(set).any_destination().build().unwrap();
    let key_for = |signer: &str, region: Option<&str>| {
        let token = token_by(signer);
        let request = Presented::new([token.as_bytes()], "/hook").region(region.map(str::as_bytes));
        verifier.verify(&request, "", at(ISSUED)).map(|verified| verified.key().to_owned())
    };
    for us in ["US-EAST-1", "us-east-1", "US_EAST_1"] {
        assert_eq!(key_for("sig_us", Some(us)).unwrap(), "current");
        assert_eq!(key_for(CURRENT, Some(us)).unwrap_err(), VerifyError::UnknownKey);
    }
    for other in [None, Some("EU-CENTRAL-1"), Some("MARS-NORTH-9"), Some("")] {
        assert_eq!(key_for(CURRENT, other).unwrap(), "current");
        assert_eq!(key_for("sig_us", other).unwrap_err(), VerifyError::UnknownKey);
    }
}

#[test]
fn a_region_keeps_the_last_keys_that_it_was_given() {
    let set =
        keys().region(Region::UsEast1, keys()).region(Region::UsEast1, KeySet::new([("us", key("sig_us"))]));
    let verifier = Verifier::builder(set).any_destination().build().unwrap();
    let verify = |signer: &str| {
        let token = token_by(signer);
        verifier.verify(
            &Presented::new([token.as_bytes()], "/hook").region(Some(b"US-EAST-1")),
            "",
            at(ISSUED),
        )
    };
    assert_eq!(verify("sig_us").unwrap().key(), "us");
    assert_eq!(verify(CURRENT).unwrap_err(), VerifyError::UnknownKey);
}

#[test]
fn published_development_keys_are_refused_unless_they_are_allowed() {
    let published = "sig_5NoELc3EFnZn4DVS5bDs2Nk4b7Ua";
    let set = || KeySet::new([("mine", key(CURRENT)), ("dev", key(published))]);
    let refused = BuildError::PublishedKey { label: "dev".into() };

    assert_eq!(Verifier::builder(set()).build().unwrap_err(), refused);
    assert_eq!(Verifier::builder(keys().region(Region::EuCentral1, set())).build().unwrap_err(), refused);
    assert_eq!(lenient().build().unwrap().replace_keys(set()).unwrap_err(), refused);

    let allowed = Verifier::builder(set()).any_destination().allow_published_dev_keys().build().unwrap();
    assert_eq!(verify(&allowed, &token_by(published)).unwrap().key(), "dev");
    assert!(allowed.replace_keys(set()).is_ok());
}

#[test]
fn the_clock_is_the_one_that_was_set() {
    assert_eq!(lenient().clock(|| at(7)).build().unwrap().now(), at(7));
}
