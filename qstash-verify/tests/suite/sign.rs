//! The signer, against a token that was computed by other means.

use std::time::Duration;

use qstash_verify::{Defect, KeySet, Presented, Signer, SigningKeys, TokenBuilder, Verifier, VerifyError};

use crate::support::{self, at, key, lenient};

const CURRENT: &str = "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r";
const NEXT: &str = "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs";
const HOOK: &str = "https://example.com/hook?a=1";
const BODY: &[u8] = br#"{"hello":"world"}"#;

const SIGNED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJpc3MiOiJVcHN0YXNoIiwic3ViIjoiaHR0cHM6Ly9leGFtcGxlLmNvbS9ob29rP2E9MSIsImV4cCI6MTcwMDAwMDMwMCwibmJmIjowLCJpYXQi\
    OjE3MDAwMDAwMDAsImp0aSI6Imp3dF90ZXN0IiwiYm9keSI6Ims2STVjYWtVNWVyTDhLalNVVlROb3duRHdjY3Z1NWtVMUh4Zzg4dG9GWWcifQ";

#[test]
fn a_token_is_the_published_one_byte_for_byte() {
    for (signer, mac) in [
        (CURRENT, "DlbhcMngce3WMiWbpVTCczxwHA25Tq_AuaL-sa89zPY"),
        (NEXT, "KCQPUZZjst30SsxYly_m8Gy_386TDD3Tghbcr-APIpw"),
    ] {
        let token = TokenBuilder::new(HOOK, BODY, at(1_700_000_000)).id("jwt_test");
        assert_eq!(Signer::new(key(signer)).token(&token), format!("{SIGNED}.{mac}"));
    }
}

#[test]
fn the_published_token_is_good_until_it_expires() {
    let verifier = Verifier::builder(SigningKeys::new(key(CURRENT), key(NEXT)))
        .allow_published_dev_keys()
        .origin("https://example.com")
        .tolerance(Duration::ZERO)
        .build()
        .unwrap();
    for (mac, label) in [
        ("DlbhcMngce3WMiWbpVTCczxwHA25Tq_AuaL-sa89zPY", "current"),
        ("KCQPUZZjst30SsxYly_m8Gy_386TDD3Tghbcr-APIpw", "next"),
    ] {
        let token = format!("{SIGNED}.{mac}");
        let request = Presented::new([token.as_bytes()], "/hook?a=1");
        let good = verifier.verify(&request, BODY, at(1_700_000_100)).unwrap();
        assert_eq!(good.key(), label);
        assert_eq!(good.claims().subject(), HOOK);
        assert_eq!(good.claims().token_id(), Some("jwt_test"));
        assert_eq!(good.claims().issued_at(), Some(at(1_700_000_000)));
        assert_eq!(good.claims().expires_at(), at(1_700_000_300));
        assert_eq!(good.claims().not_before(), at(0));
        assert!(verifier.verify(&request, BODY, at(1_700_000_301)).is_err());
    }
}

#[test]
fn tokens_differ_by_what_they_are_for_and_by_nothing_else() {
    let signer = Signer::new(key("sig_test"));
    let token = signer.sign(HOOK, BODY, at(1));
    assert_eq!(token, signer.sign(HOOK, BODY, at(1)));

    let verifier = lenient().build().unwrap();
    verifier.replace_keys(KeySet::new([("test", key("sig_test"))])).unwrap();
    let id = |url, body, issued| {
        let token = signer.sign(url, body, at(issued));
        let request = Presented::new([token.as_bytes()], "/");
        let good = verifier.verify(&request, body, at(issued)).unwrap();
        good.claims().token_id().unwrap().to_owned()
    };
    assert!(id(HOOK, BODY, 1).starts_with("jwt_"));
    assert_ne!(id(HOOK, BODY, 1), id(HOOK, BODY, 2));
    assert_ne!(id(HOOK, BODY, 1), id(HOOK, b"", 1));
    assert_ne!(id(HOOK, BODY, 1), id("https://example.com/", BODY, 1));
}

#[test]
fn a_signer_prints_nothing_of_its_key() {
    assert_eq!(format!("{:?}", Signer::new(key(CURRENT))), "Signer(..)");
}

#[test]
fn a_url_with_quotes_and_a_time_before_1970_are_signed_as_they_are() {
    let signer = Signer::new(key(support::CURRENT));
    let before = at(0) - Duration::from_secs(5);
    let url = "https://example.com/\"\\\n\u{1f600}";
    let token = signer.sign(url, b"", before);
    let verifier = lenient().build().unwrap();
    let good = verifier.verify(&Presented::new([token.as_bytes()], "/"), "", at(0)).unwrap();
    assert_eq!(good.claims().subject(), url);
}

#[test]
fn a_request_is_the_whole_delivery() {
    let signer = Signer::new(key(support::CURRENT));
    let url = "https://api.example.com/hook?a=1";
    let request = signer.request(&TokenBuilder::new(url, BODY, at(1))).unwrap();
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", url));
    assert_eq!(request.body(), BODY);

    let verifier = Verifier::builder(support::keys()).origin("https://api.example.com").build().unwrap();
    let signatures = request.headers().get_all("upstash-signature").iter().map(http::HeaderValue::as_bytes);
    let target = request.uri().path_and_query().unwrap().as_str();
    let good = verifier.verify(&Presented::new(signatures, target), request.body().clone(), at(1)).unwrap();
    assert_eq!(good.claims().subject(), url);

    for no_url in ["/hook", "ftp://example.com/", "https://", "https://exa mple.com/", "https://[/"] {
        assert!(signer.request(&TokenBuilder::new(no_url, BODY, at(1))).is_err(), "{no_url}");
    }
}

#[test]
fn every_defect_is_refused_for_its_own_reason() {
    let signer = Signer::new(key(support::CURRENT));
    let issued = at(support::ISSUED);
    let token = TokenBuilder::new(support::URL, BODY, issued);
    for (builder, name) in [
        (Verifier::builder(support::keys()), "path"),
        (Verifier::builder(support::keys()).origin("https://api.example.com"), "origin"),
        (Verifier::builder(support::keys()).exact_url(support::URL), "exact"),
    ] {
        let verifier = builder.tolerance(Duration::from_secs(60)).build().unwrap();
        let verify = |token: &TokenBuilder<'_>| {
            let header = signer.token(token);
            verifier.verify(&Presented::new([header.as_bytes()], "/hook"), BODY, issued)
        };
        assert!(verify(&token).is_ok());
        for defect in Defect::ALL {
            let error = verify(&token.clone().broken(defect)).unwrap_err();
            let is_right = match defect {
                Defect::Expired => matches!(error, VerifyError::Expired { .. }),
                Defect::NotYetValid => matches!(error, VerifyError::NotYetValid { .. }),
                Defect::Key => error == VerifyError::UnknownKey,
                Defect::Url => matches!(error, VerifyError::Destination { .. }),
                Defect::Body => matches!(error, VerifyError::BodyMismatch { .. }),
                _ => false,
            };
            assert!(is_right, "{name}, {defect:?}: {error}");
        }
    }
}

#[test]
fn begin_and_end_of_a_token_are_what_they_are_set_to() {
    let signer = Signer::new(key(support::CURRENT));
    let header =
        signer.token(&TokenBuilder::new(HOOK, BODY, at(1000)).not_before(at(2000)).expires_at(at(3000)));
    let verifier = lenient().build().unwrap();
    let verify = |now| verifier.verify(&Presented::new([header.as_bytes()], "/"), BODY, at(now));
    assert!(verify(1999).is_err() && verify(3000).is_err());
    assert_eq!(verify(2999).unwrap().claims().expires_at(), at(3000));
    assert_eq!(verify(2000).unwrap().claims().not_before(), at(2000));
}
