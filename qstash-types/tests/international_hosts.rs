//! Hosts outside ASCII: each is called by the name that IDNA gives it, or refused. The parser of the crate `url` knows all
//! tables of IDNA.

use proptest::prelude::*;
use qstash_types::{Host, InvalidUrl, Url};

/// What browsers call the host; `None` if they refuse it.
fn browsers_call(host: &str) -> Option<String> {
    url::Host::parse(host).ok().map(|host| host.to_string())
}

/// Asserts that a host is refused or called as browsers call it. Whether it is called.
fn is_called_as_by_browsers(host: &str) -> bool {
    let Ok(ours) = Host::parse(host).and_then(Host::to_ascii) else { return false };
    assert_eq!(browsers_call(host).unwrap_or_default(), ours.to_ascii_lowercase(), "{host:?}");
    true
}

/// The examples of RFC 3492, section 7.1, those of scripts that are known, and names in use.
#[test]
fn names_outside_ascii_have_a_form_in_ascii() {
    for (name, ascii) in [
        ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
        ("他們爲什麽不說中文", "xn--ihqwctvzc91f659drss3x8bo0yb"),
        ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
        ("なぜみんな日本語を話してくれないのか", "xn--n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"),
        ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
        ("そのスピードで", "xn--d9juau41awczczp"),
        ("例え.localhost", "xn--r8jz45g.localhost"),
        ("BüCHER.example.", "xn--bcher-kva.example."),
        ("Plain.example", "Plain.example"),
        ("127.1", "127.0.0.1"),
        ("[::1]", "[::1]"),
    ] {
        assert_eq!(Host::parse(name).unwrap().to_ascii().unwrap(), ascii);
    }
}

/// Alone, and at the beginning, in the middle and at the end of a label, where other rules may hold.
#[test]
fn every_letter_of_unicode_is_refused_or_called_as_browsers_call_it() {
    let mut called = 0;
    for letter in ('\u{80}'..=char::MAX).filter(|letter| letter.is_alphanumeric() || *letter < '\u{3100}') {
        let hosts =
            [format!("{letter}"), format!("{letter}a.b"), format!("a{letter}a"), format!("b.a{letter}")];
        called +=
            usize::from(hosts.iter().filter(|host| is_called_as_by_browsers(host)).count() == hosts.len());
    }
    assert!(called > 39_000, "{called} letters are called");
}

#[test]
fn a_host_that_idna_would_respell_is_refused_with_the_way_out() {
    for host in [
        "BÜCHER.example",
        "bu\u{308}cher.example",
        "ｂücher.example",
        "straſe.example",
        "ﬁsch.example",
        "bücher。example",
        "bü\u{ad}cher.example",
        "127。0。0。1",
        "xn--bücher.example",
        "XN--bücher",
        "かば\u{3099}ん.example",
        "\u{1112}\u{1161}\u{11ab}.example",
        "Ωmega.example",
    ] {
        let refused = Url::received(format!("http://{host}/")).expect_err(host);
        assert!(matches!(refused, InvalidUrl::InternationalHost { .. }), "{host}: {refused:?}");
        assert!(refused.to_string().contains("xn--"), "{refused}");
    }
    assert_eq!(Url::received(format!("http://{}/", "ü".repeat(128))), Err(InvalidUrl::Host));
}

proptest! {
    #[test]
    fn every_name_is_refused_or_called_as_browsers_call_it(
        known in "([a-zA-Z0-9-]{0,3}[ß-ɏḀ-ỿͰ-ϿЀ-ԯա-ևა-ჰぁ-ヿ々㐀-䶵一-龥가-힣]{1,6}[a-z0-9.]{0,3}){1,4}",
        odd in "([a-z0-9.]{0,2}\\PC{1,3}){1,4}",
    ) {
        for host in [known, odd] {
            // A label that says of itself that it is punycode stays as it is written.
            if !host.to_ascii_lowercase().split('.').any(|label| label.starts_with("xn--") && label.is_ascii()) {
                is_called_as_by_browsers(&host);
            }
        }
    }
}
