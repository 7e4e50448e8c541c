//! Keys and verifiers from environment variables.

use std::error::Error as _;

use qstash_verify::{BuildError, EnvError, KeySet, Presented, Verifier};

use crate::support::{HEADER, ISSUED, at, claims, segment, signed};

type Vars<'a> = &'a [(&'a str, &'a str)];

const CURRENT: (&str, &str) = ("QSTASH_CURRENT_SIGNING_KEY", "sig_current");
const NEXT: (&str, &str) = ("QSTASH_NEXT_SIGNING_KEY", "sig_next");
const US_CURRENT: (&str, &str) = ("US_EAST_1_QSTASH_CURRENT_SIGNING_KEY", "sig_us_current");
const US_NEXT: (&str, &str) = ("US_EAST_1_QSTASH_NEXT_SIGNING_KEY", "sig_us_next");

fn lookup(vars: Vars<'_>) -> impl Fn(&str) -> Option<String> {
    move |name| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

fn keys(vars: Vars<'_>) -> Result<KeySet, EnvError> {
    KeySet::from_vars(lookup(vars))
}

fn verifier(vars: Vars<'_>) -> Result<Verifier, EnvError> {
    Verifier::from_vars(lookup(vars))
}

/// The label of the key that a token of this signer is good for.
fn label(vars: Vars<'_>, signer: &str, region: Option<&str>) -> Option<String> {
    let verifier = Verifier::builder(keys(vars).expect("the keys are right"));
    let verifier = verifier.any_destination().build().expect("the settings are right");
    let token = signed(signer, &format!("{}.{}", segment(HEADER), segment(claims(b"").to_string())));
    let request = Presented::new([token.as_bytes()], "/hook").region(region.map(str::as_bytes));
    verifier.verify(&request, "", at(ISSUED)).ok().map(|verified| verified.key().to_owned())
}

#[test]
fn the_two_keys_are_labelled_with_their_variables() {
    let vars = [CURRENT, NEXT];
    assert_eq!(label(&vars, "sig_current", None).unwrap(), "QSTASH_CURRENT_SIGNING_KEY");
    assert_eq!(label(&vars, "sig_next", None).unwrap(), "QSTASH_NEXT_SIGNING_KEY");
    assert_eq!(label(&vars, "sig_us_next", None), None);
}

#[test]
fn both_keys_must_be_there() {
    let missing = |variable: &str| EnvError::Missing { variable: variable.into() };
    assert_eq!(keys(&[]).unwrap_err(), missing("QSTASH_CURRENT_SIGNING_KEY"));
    assert_eq!(keys(&[NEXT]).unwrap_err(), missing("QSTASH_CURRENT_SIGNING_KEY"));
    assert_eq!(keys(&[CURRENT]).unwrap_err(), missing("QSTASH_NEXT_SIGNING_KEY"));
    let text = keys(&[CURRENT]).unwrap_err().to_string();
    assert!(
        text.starts_with("QSTASH_NEXT_SIGNING_KEY is not set: ")
            && text.contains("`qstash-dev --env-file .env`"),
        "{text}"
    );
}

#[test]
fn a_key_that_is_empty_or_has_white_space_around_it_is_refused_by_name() {
    let variable = || "QSTASH_NEXT_SIGNING_KEY".to_owned();
    let with = |value| keys(&[CURRENT, ("QSTASH_NEXT_SIGNING_KEY", value)]).unwrap_err();
    assert_eq!(with(""), EnvError::Empty { variable: variable() });
    for value in
        ["sig_next\n", " sig_next", "\tsig_next", " ", "sig_next\nsig_other", "sig_next\r\n", "sig next"]
    {
        let error = with(value);
        assert_eq!(error, EnvError::WhiteSpace { variable: variable() });
        assert!(!error.to_string().contains("sig_"));
    }
    let vars = [
        CURRENT,
        NEXT,
        ("QSTASH_REGION", "US_EAST_1"),
        US_CURRENT,
        ("US_EAST_1_QSTASH_NEXT_SIGNING_KEY", ""),
    ];
    assert_eq!(
        keys(&vars).unwrap_err(),
        EnvError::Empty { variable: "US_EAST_1_QSTASH_NEXT_SIGNING_KEY".into() }
    );
}

#[test]
fn a_key_in_quotes_is_refused_by_name() {
    for value in ["\"sig_next\"", "'sig_next'"] {
        let error = keys(&[CURRENT, ("QSTASH_NEXT_SIGNING_KEY", value)]).unwrap_err();
        assert_eq!(error, EnvError::Quoted { variable: "QSTASH_NEXT_SIGNING_KEY".into() });
        let text = error.to_string();
        assert!(text.contains("remove them") && !text.contains("sig_"), "{text}");
    }
}

#[test]
fn a_value_that_looks_like_no_key_is_taken_with_a_warning_that_does_not_show_it() {
    for value in ["QSTASH_NEXT_SIGNING_KEY=sig_next", "eyJVc2VySUQiOiJ1In0=", "canary"] {
        let keys = keys(&[CURRENT, ("QSTASH_NEXT_SIGNING_KEY", value)]).unwrap();
        assert_eq!(
            keys.warnings(),
            ["QSTASH_NEXT_SIGNING_KEY does not start with `sig_`, as signing keys do: is it another value?"]
        );
    }
    assert!(keys(&[CURRENT, NEXT]).unwrap().warnings().is_empty());
}

#[test]
fn regions_have_keys_of_their_own_when_a_region_is_set() {
    for region in ["US_EAST_1", "us-east-1", "EU_CENTRAL_1"] {
        let vars = [CURRENT, NEXT, US_CURRENT, US_NEXT, ("QSTASH_REGION", region)];
        assert_eq!(
            label(&vars, "sig_us_next", Some("US-EAST-1")).unwrap(),
            "US_EAST_1_QSTASH_NEXT_SIGNING_KEY"
        );
        assert_eq!(label(&vars, "sig_current", Some("US-EAST-1")), None);
        assert_eq!(label(&vars, "sig_current", Some("EU-CENTRAL-1")).unwrap(), "QSTASH_CURRENT_SIGNING_KEY");
        assert_eq!(label(&vars, "sig_us_next", None), None);
        assert!(keys(&vars).unwrap().warnings().is_empty());
    }
}

#[test]
fn without_a_region_the_header_is_ignored() {
    let vars = [CURRENT, NEXT, US_CURRENT, US_NEXT];
    assert!(label(&vars, "sig_current", Some("US-EAST-1")).is_some());
    assert_eq!(label(&vars, "sig_us_current", Some("US-EAST-1")), None);
}

#[test]
fn an_unknown_region_is_ignored_with_one_warning() {
    let vars = [CURRENT, NEXT, US_CURRENT, US_NEXT, ("QSTASH_REGION", "MARS_NORTH_9")];
    assert_eq!(label(&vars, "sig_us_current", Some("US-EAST-1")), None);
    let warning = "QSTASH_REGION is neither US_EAST_1 nor EU_CENTRAL_1 and is ignored";
    assert_eq!(keys(&vars).unwrap().warnings(), [warning]);
    assert_eq!(verifier(&vars).unwrap().warnings(), [warning]);
}

#[test]
fn half_a_pair_for_a_region_is_ignored_with_a_warning_that_names_the_other_half() {
    let vars = [CURRENT, NEXT, US_CURRENT, ("QSTASH_REGION", "US_EAST_1")];
    assert!(label(&vars, "sig_current", Some("US-EAST-1")).is_some());
    assert_eq!(
        keys(&vars).unwrap().warnings(),
        ["US_EAST_1_QSTASH_NEXT_SIGNING_KEY is not set, so the other key of its pair is ignored"]
    );
}

#[test]
fn keys_for_a_region_alone_are_enough() {
    let vars = [US_CURRENT, US_NEXT, ("QSTASH_REGION", "US_EAST_1")];
    assert!(label(&vars, "sig_us_current", Some("US-EAST-1")).is_some());
    assert_eq!(label(&vars, "sig_us_current", None), None);
    // Half a pair for everyone is as good as none, and named.
    let half = [US_CURRENT, US_NEXT, ("QSTASH_REGION", "US_EAST_1"), CURRENT];
    assert!(label(&half, "sig_us_current", Some("US-EAST-1")).is_some());
    assert_eq!(label(&half, "sig_current", None), None);
    assert_eq!(
        keys(&half).unwrap().warnings(),
        ["QSTASH_NEXT_SIGNING_KEY is not set, so the other key of its pair is ignored"]
    );
}

#[test]
fn nothing_in_the_environment_switches_verification_off() {
    let vars = [CURRENT, NEXT, ("QSTASH_DEV", "true"), ("NODE_ENV", "development")];
    assert_eq!(label(&vars, "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r", None), None);
}

#[test]
fn a_receiver_url_is_an_origin_with_an_optional_prefix() {
    let subject =
        claims(b"").to_string().replace("https://api.example.com/hook", "https://api.example.com/v1/hook");
    let token = signed("sig_current", &format!("{}.{}", segment(HEADER), segment(subject)));
    let accepts = |url: &str, target: &str| {
        let verifier = verifier(&[CURRENT, NEXT, ("QSTASH_RECEIVER_URL", url)]).expect("the URL is right");
        assert!(verifier.checks_origin());
        verifier.verify(&Presented::new([token.as_bytes()], target), "", at(ISSUED)).is_ok()
    };
    assert!(accepts("https://api.example.com", "/v1/hook"));
    assert!(accepts("https://api.example.com/", "/v1/hook"));
    assert!(accepts("https://api.example.com/v1", "/hook"));
    assert!(accepts("https://api.example.com/v1/", "/hook"));
    assert!(!accepts("https://api.example.com", "/hook"));
    assert!(!accepts("https://staging.example.com", "/v1/hook"));
}

#[test]
fn without_a_receiver_url_the_origin_is_not_compared() {
    assert!(!verifier(&[CURRENT, NEXT]).unwrap().checks_origin());
}

#[test]
fn a_receiver_url_that_cannot_be_used_is_refused_by_name() {
    for (url, source) in [
        ("", BuildError::Origin),
        ("api.example.com", BuildError::Origin),
        ("api.example.com/v1", BuildError::Origin),
        ("https:///v1", BuildError::Origin),
        ("https://api.example.com?x", BuildError::Origin),
        ("https://api.example.com/v1?x", BuildError::Prefix),
    ] {
        let error = verifier(&[CURRENT, NEXT, ("QSTASH_RECEIVER_URL", url)]).unwrap_err();
        assert_eq!(error, EnvError::ReceiverUrl(source.clone()), "{url}");
        assert!(error.to_string().contains("QSTASH_RECEIVER_URL"));
        assert_eq!(error.source().unwrap().to_string(), source.to_string());
    }
}

#[test]
fn published_development_keys_are_refused_by_the_name_of_their_variable() {
    let vars = [("QSTASH_CURRENT_SIGNING_KEY", "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r"), NEXT];
    let error = verifier(&vars).unwrap_err();
    assert_eq!(
        error,
        EnvError::Build(BuildError::PublishedKey { label: "QSTASH_CURRENT_SIGNING_KEY".into() })
    );
    let text = error.to_string();
    assert!(
        text.starts_with(
            "the signing key `QSTASH_CURRENT_SIGNING_KEY` is one of the published development keys"
        ),
        "{text}"
    );
    assert!(text.contains("`allow_published_dev_keys`"), "{text}");

    let allowed = Verifier::builder(keys(&vars).unwrap()).allow_published_dev_keys().build();
    assert!(allowed.is_ok());
}

#[test]
fn a_program_that_ends_with_an_error_of_the_environment_ends_with_a_text_for_people() {
    let url = |url| verifier(&[CURRENT, NEXT, ("QSTASH_RECEIVER_URL", url)]).unwrap_err();
    assert_eq!(
        format!("{:?}", url("api.example.com")),
        "QSTASH_RECEIVER_URL is not the URL of a receiver, such as https://api.example.com \
         (errors.md#receiver-url): the origin is not http:// or https:// with a host and an optional port"
    );
    for error in [keys(&[]).unwrap_err(), keys(&[CURRENT, (NEXT.0, " ")]).unwrap_err()] {
        assert_eq!(format!("{error:?}"), error.to_string());
    }
    let error = Verifier::builder(KeySet::new::<&str>([])).build().unwrap_err();
    assert_eq!(format!("{error:?}"), "no signing key was given (errors.md#signing-keys)");
}
