//! Which URL a token may be for: pairs of a subject and the request that it comes with.

use crate::support::{ISSUED, at, claims_with, keys, token};
use qstash_verify::{BuildError, Presented, Verifier, VerifierBuilder, VerifyError};

fn is_accepted(verifier: &Verifier, subject: &str, target: &str) -> bool {
    let token = token(&claims_with("sub", subject));
    match verifier.verify(&Presented::new([token.as_bytes()], target), "", at(ISSUED)) {
        Ok(_) => true,
        Err(VerifyError::Destination { .. }) => false,
        Err(other) => panic!("{subject} for {target}: {other}"),
    }
}

/// Checks a table of (subject, request target).
fn check(builder: VerifierBuilder, accepted: &[(&str, &str)], refused: &[(&str, &str)]) {
    let verifier = builder.build().expect("the settings are right");
    for (subject, target) in accepted {
        assert!(is_accepted(&verifier, subject, target), "{subject} should be good for {target}");
    }
    for (subject, target) in refused {
        assert!(!is_accepted(&verifier, subject, target), "{subject} should not be good for {target}");
    }
}

fn builder() -> VerifierBuilder {
    Verifier::builder(keys())
}

#[test]
fn an_origin_is_compared_without_case_and_default_port() {
    let accepted = [
        ("https://api.example.com/hook", "/hook"),
        ("HTTPS://API.Example.COM/hook", "/hook"),
        ("https://api.example.com:443/hook", "/hook"),
        ("https://api.example.com:/hook", "/hook"),
        ("https://user:pass@api.example.com/hook", "/hook"),
    ];
    let refused = [
        ("https://evil.example/hook", "/hook"),
        ("https://api.example.com.evil.example/hook", "/hook"),
        ("https://api.example.com@evil.example/hook", "/hook"),
        ("https://evil.example\\@api.example.com/hook", "/hook"),
        ("https://api.example.com\\@evil.example/hook", "/hook"),
        ("https://evil.example#@api.example.com/hook", "/hook"),
        ("https://evil.example?@api.example.com/hook", "/hook"),
        ("https://staging.api.example.com/hook", "/hook"),
        ("http://api.example.com/hook", "/hook"),
        ("http://api.example.com:443/hook", "/hook"),
        ("https://api.example.com:8443/hook", "/hook"),
        ("https://api.example.com:+443/hook", "/hook"),
        ("https://api.example.com:99999/hook", "/hook"),
        ("https:///hook", "/hook"),
        ("https:/api.example.com/hook", "/hook"),
        ("//api.example.com/hook", "/hook"),
        ("ftp://api.example.com/hook", "/hook"),
        ("/hook", "/hook"),
        ("hook", "/hook"),
        ("", "/hook"),
        ("", ""),
    ];
    for origin in ["https://api.example.com", "https://API.example.com/", "https://api.example.com:443"] {
        check(builder().origin(origin), &accepted, &refused);
    }
}

#[test]
fn an_origin_keeps_its_port_and_its_address() {
    check(
        builder().origin("http://[::1]:8080"),
        &[("http://[::1]:8080/a", "/a")],
        &[("http://[::1]/a", "/a"), ("http://[::1]:80/a", "/a"), ("http://localhost:8080/a", "/a")],
    );
    check(
        builder().origin("http://[::1]"),
        &[("http://[::1]/a", "/a"), ("http://[::1]:80/a", "/a")],
        &[("http://[::1]:8080/a", "/a"), ("https://[::1]/a", "/a")],
    );
}

#[test]
fn path_and_query_are_those_of_the_request() {
    check(
        builder().origin("https://h"),
        &[
            ("https://h/a/b?x=1&y=2", "/a/b?x=1&y=2"),
            ("https://h", "/"),
            ("https://h/", "/"),
            ("https://h?x=1", "/?x=1"),
            ("https://h/?x=1", "?x=1"),
            ("https://h/a#top", "/a"),
            ("https://h/a?x=1#top?y", "/a?x=1"),
            ("https://h/a?", "/a"),
            ("https://h/a", "/a?"),
            ("https://h/a?b?c", "/a?b?c"),
            ("https://h//a", "//a"),
        ],
        &[
            ("https://h/a", "/b"),
            ("https://h/a", "/a/b"),
            ("https://h/a/b", "/a"),
            ("https://h/a", "/A"),
            ("https://h/a", "/a/"),
            ("https://h/a/", "/a"),
            ("https://h//a", "/a"),
            ("https://h/a", "//a"),
            ("https://h/a/b", "/a//b"),
            ("https://h/a?x=1", "/a"),
            ("https://h/a", "/a?x=1"),
            ("https://h/a?x=1&y=2", "/a?y=2&x=1"),
            ("https://h/a?x=1", "/a?x=1&"),
            ("https://h/a?x=1", "/a?x=2"),
            ("https://h/a?x", "/a?x="),
            ("https://h/a?x=1", "/a%3Fx=1"),
            ("https://h/a", "/a#top"),
            ("https://h/a#top", "/a#top"),
        ],
    );
}

#[test]
fn a_request_without_a_path_is_refused() {
    check(
        builder().origin("https://h"),
        &[],
        &[
            ("https://h", ""),
            ("https://h/", "*"),
            ("https://h/h:443", "h:443"),
            ("https://h/a", "a"),
            ("https://h/a", "https://h/a"),
        ],
    );
}

/// How a character may be written, beside the way in which it was signed, in a path and in a query.
struct Class {
    characters: &'static str,
    /// Signed as it is, it may arrive as an escape.
    may_be_escaped: bool,
    /// Signed as an escape, it may arrive as it is: in a path, in a query.
    may_be_undone: [bool; 2],
}

/// Every character of ASCII that can stand in a request target, and one that is none of them.
const CLASSES: &[Class] = &[
    Class {
        characters: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~",
        may_be_escaped: false,
        may_be_undone: [true, true],
    },
    Class { characters: "!$'()*,;:@", may_be_escaped: false, may_be_undone: [true, false] },
    // These have a meaning of their own in a query, and none in a path.
    Class { characters: "&+=", may_be_escaped: false, may_be_undone: [true, false] },
    Class { characters: "/", may_be_escaped: false, may_be_undone: [false, false] },
    Class { characters: "\"<>[]^`{|}\u{e9}", may_be_escaped: true, may_be_undone: [true, true] },
    Class { characters: "\\", may_be_escaped: true, may_be_undone: [false, false] },
];

fn escaped(character: char) -> String {
    character.to_string().bytes().map(qstash_types::percent::escape).collect()
}

#[test]
fn each_character_may_be_respelled_in_the_direction_of_honest_proxies_alone() {
    let verifier = builder().origin("https://h").build().unwrap();
    for Class { characters, may_be_escaped, may_be_undone } in CLASSES {
        for character in characters.chars() {
            let escape = escaped(character);
            for (place, may_be_undone) in ["/a#b", "/a?x=a#b"].into_iter().zip(may_be_undone) {
                let write = |text: &str| place.replace('#', text);
                let is_good = |signed: &str, sent: &str| {
                    is_accepted(&verifier, &format!("https://h{}", write(signed)), &write(sent))
                };
                let plain = character.to_string();
                assert!(is_good(&plain, &plain), "{character} in {place}");
                assert!(is_good(&escape, &escape), "{escape} in {place}");
                assert!(is_good(&escape, &escape.to_lowercase()), "{escape} in {place}");
                assert!(is_good(&escape.to_lowercase(), &escape), "{escape} in {place}");
                assert_eq!(is_good(&plain, &escape), *may_be_escaped, "{character} as {escape} in {place}");
                assert_eq!(is_good(&escape, &plain), *may_be_undone, "{escape} as {character} in {place}");
            }
        }
    }
    // What ends a path or a query, or begins an escape, is never made of an escape.
    for (signed, sent) in [
        ("/a%3Fb", "/a?b"),
        ("/a%23b", "/a#b"),
        ("/a%23b", "/a"),
        ("/a?b%23c", "/a?b#c"),
        ("/a%2541", "/a%41"),
        ("/a%25zz", "/a%zz"),
        ("/a?%3F", "/a??"),
        ("/a??", "/a?%3F"),
        ("/a%20b", "/a b"),
        ("/a%00b", "/a\0b"),
    ] {
        assert!(!is_accepted(&verifier, &format!("https://h{signed}"), sent), "{signed} as {sent}");
    }
}

#[test]
fn a_percent_sign_that_begins_no_escape_is_a_character_that_urls_do_not_allow() {
    check(
        builder().origin("https://h"),
        &[
            ("https://h/100%", "/100%"),
            ("https://h/100%", "/100%25"),
            ("https://h/%zz", "/%25zz"),
            ("https://h/a b?c d", "/a%20b?c%20d"),
            ("https://h/a?b=\u{fc}", "/a?b=%c3%bc"),
        ],
        &[
            // Undone, the second escape would make another one of the percent sign before it.
            ("https://h/%%341", "/%41"),
            ("https://h/%%341", "/A"),
            ("https://h/%2%35", "/%25"),
            ("https://h/%C3%BC", "/%C3%9C"),
            ("https://h/a?b=c+d", "/a?b=c%20d"),
            ("https://h/a?b=c%20d", "/a?b=c+d"),
            ("https://h/caf\u{e9}", "/cafe\u{301}"),
        ],
    );
}

#[test]
fn dot_segments_stay_what_they_are_in_every_spelling() {
    check(
        builder().origin("https://h"),
        &[
            ("https://h/a/../b", "/a/../b"),
            ("https://h/a/%2e%2e/b", "/a/%2E%2E/b"),
            ("https://h/a/.%2e/b", "/a/.%2E/b"),
            ("https://h/%2e%2e%2e/%2Ea/a%2e", "/.../.a/a."),
            ("https://h/%2e%2ea;b/c", "/..a;b/c"),
            ("https://h/?a=%2e%2E", "/?a=.."),
        ],
        &[
            ("https://h/a/../b", "/b"),
            ("https://h/b", "/a/../b"),
            ("https://h/a/%2e%2e/b", "/a/../b"),
            ("https://h/a/%2e%2e", "/a/.."),
            ("https://h/a/%2e%2e?b", "/a/..?b"),
            ("https://h/a/../b", "/a/%2e%2e/b"),
            ("https://h/a/../b", "/a/.%2e/b"),
            ("https://h/a/%2e./b", "/a/.%2e/b"),
            ("https://h/a/%2e./b", "/a/../b"),
            ("https://h/a/%2e/b", "/a/./b"),
            ("https://h/a/./b", "/a/b"),
            ("https://h/a/%2e%2e%2fb", "/a/../b"),
            ("https://h/a/%252e%252e/b", "/a/%2e%2e/b"),
            ("https://h/a/%2e%2e;b/c", "/a/..;b/c"),
            ("https://h/a/..%3bb/c", "/a/..;b/c"),
            ("https://h/a/..", "/"),
        ],
    );
}

#[test]
fn parameters_of_qstash_may_be_missing_and_are_never_added_or_changed() {
    check(
        builder().origin("https://h"),
        &[
            ("https://h/a?upstash-retries=3", "/a"),
            ("https://h/a?upstash-retries=3", "/a?"),
            ("https://h/a?upstash-retries=3", "/a?upstash-retries=3"),
            ("https://h/a?x=1&Upstash-Method=PUT&y=2", "/a?x=1&y=2"),
            ("https://h/a?x=1&Upstash-Method=PUT&y=2", "/a?x=1&Upstash-Method=PUT&y=2"),
            ("https://h/a?upstash-a=1&upstash-b=2&upstash-a=1", "/a?upstash-b=2&upstash-a=1"),
            ("https://h/a?upstash-a=1&upstash-b=2&upstash-a=1", "/a?upstash-a=1&upstash-b=2"),
            ("https://h/a?upstash-a=1&upstash-a=1", "/a?upstash-a=1"),
            ("https://h/a?%75pstash-delay=1s&x=1", "/a?x=1"),
            ("https://h/a?%75pstash-delay=1s&x=1", "/a?upstash-delay=1s&x=1"),
            ("https://h/a?QSTASH%5FTOKEN=t", "/a"),
            ("https://h/a?upstash-", "/a"),
        ],
        &[
            // Added.
            ("https://h/a", "/a?upstash-admin=1"),
            ("https://h/a", "/a?qstash_token=x"),
            ("https://h/a", "/a?%75pstash-admin=1"),
            ("https://h/a", "/a?upstash-x;admin=1"),
            ("https://h/a?x=1", "/a?x=1&upstash-admin=1"),
            ("https://h/a?x=1", "/a?upstash-admin=1&x=1"),
            ("https://h/a?upstash-a=1", "/a?upstash-a=1&upstash-a=1"),
            ("https://h/a?upstash-a=1", "/a?upstash-b=1"),
            // Changed.
            ("https://h/a?upstash-x=signed", "/a?upstash-x=forged"),
            ("https://h/a?upstash-x=signed", "/a?Upstash-x=signed"),
            ("https://h/a?upstash-x=a", "/a?upstash-x=%61"),
            ("https://h/a?upstash-x=%26b", "/a?upstash-x=&b"),
            ("https://h/a?upstash-x", "/a?upstash-x="),
            ("https://h/a?upstash-a=1&upstash-b=2", "/a?upstash-b=2&upstash-a=1"),
            ("https://h/a?upstash-a=1&x=1", "/a?x=1&upstash-a=1"),
            // No parameters of QStash.
            ("https://h/a?xupstash-retries=3", "/a"),
            ("https://h/a?upstash=3", "/a"),
            ("https://h/a?qstash_tokens=t", "/a"),
            ("https://h/a?x=upstash-", "/a"),
            ("https://h/a?x=1&upstash-a=1&", "/a?x=1"),
            ("https://h/upstash-a", "/"),
        ],
    );
}

#[test]
fn a_public_prefix_is_what_the_proxy_strips() {
    for builder in [
        builder().origin("https://h").public_prefix("/v1"),
        builder().public_prefix("/v1/").origin("https://h"),
    ] {
        check(
            builder,
            &[
                ("https://h/v1/a?x=1", "/a?x=1"),
                ("https://h/%761/a", "/a"),
                ("https://h/v1/", "/"),
                ("https://h/v1", "/"),
                ("https://h/v1?x=1", "/?x=1"),
                ("https://h/v1/v1/a", "/v1/a"),
            ],
            &[
                ("https://h/a", "/a"),
                ("https://h/v1/a", "/v1/a"),
                ("https://h/v2/a", "/a"),
                ("https://h/v1a", "/a"),
                ("https://h/v1a", "/"),
                ("https://h/v1/a", "//a"),
                ("https://h/v1/../a", "/a"),
                ("https://evil/v1/a", "/a"),
            ],
        );
    }
}

#[test]
fn without_an_origin_path_and_query_are_compared_alone() {
    let verifier = builder().build().unwrap();
    assert!(!verifier.checks_origin());
    check(
        builder(),
        &[("https://h/a?x=1", "/a?x=1"), ("http://evil.example:81/a", "/a"), ("https://h", "/")],
        &[
            ("https://h/a", "/b"),
            ("https://h/a?x=1", "/a"),
            ("mailto:a@h/a", "/a"),
            ("/a", "/a"),
            ("https://a\\b/a", "/a"),
        ],
    );
    check(builder().public_prefix("/v1"), &[("https://any/v1/a", "/a")], &[("https://any/a", "/a")]);
}

#[test]
fn an_exact_url_is_compared_code_point_by_code_point() {
    assert!(builder().exact_url("https://h/a").build().unwrap().checks_origin());
    check(
        builder().exact_url("https://h/a?x=%2f"),
        &[("https://h/a?x=%2f", "/a?x=%2f"), ("https://h/a?x=%2f", "/rewritten/by/a/proxy")],
        &[
            ("https://h/a?x=%2F", "/a?x=%2f"),
            ("https://H/a?x=%2f", "/a?x=%2f"),
            ("https://h:443/a?x=%2f", "/a?x=%2f"),
            ("https://h/a?x=%2f#", "/a?x=%2f"),
            ("https://h/a?x=%2f&upstash-delay=1s", "/a?x=%2f"),
            ("", "/a?x=%2f"),
        ],
    );
}

#[test]
fn any_destination_means_any() {
    check(builder().any_destination(), &[("https://evil.example/b", "/a"), ("no url", ""), ("", "*")], &[]);
}

#[test]
fn settings_that_cannot_work_are_refused_when_the_verifier_is_built() {
    for (builder, error) in [
        (builder().origin(""), BuildError::Origin),
        (builder().origin("api.example.com"), BuildError::Origin),
        (builder().origin("ftp://api.example.com"), BuildError::Origin),
        (builder().origin("https://"), BuildError::Origin),
        (builder().origin("https://user@h"), BuildError::Origin),
        (builder().origin("https://h?x"), BuildError::Origin),
        (builder().origin("https://h#x"), BuildError::Origin),
        (builder().origin("https://h:port"), BuildError::Origin),
        (builder().origin("https://h h"), BuildError::Origin),
        (builder().origin("https://h/v1"), BuildError::OriginWithPath),
        (builder().public_prefix("v1"), BuildError::Prefix),
        (builder().public_prefix(""), BuildError::Prefix),
        (builder().public_prefix("/v1?x"), BuildError::Prefix),
        (builder().exact_url(""), BuildError::ExactUrl),
        (builder().exact_url("https://h/a").origin("https://h"), BuildError::Contradiction),
        (builder().origin("https://h").any_destination(), BuildError::Contradiction),
        (builder().public_prefix("/v1").exact_url("https://h/a"), BuildError::Contradiction),
        (builder().any_destination().public_prefix("/v1"), BuildError::Contradiction),
    ] {
        assert_eq!(builder.build().unwrap_err(), error);
    }
}

#[test]
fn the_first_mistake_is_the_one_that_is_told() {
    let builder = builder().origin("https://h/v1").public_prefix("v1").exact_url("");
    assert_eq!(builder.build().unwrap_err(), BuildError::OriginWithPath);
}

#[test]
fn a_token_for_a_sibling_is_refused_before_the_body_is_read() {
    let verifier = builder().origin("https://api.example.com").build().unwrap();
    let token = token(&claims_with("sub", "https://api.example.com/other"));
    let error = verifier.authenticate(&Presented::new([token.as_bytes()], "/hook"), at(ISSUED)).unwrap_err();
    let (expected, subject) = ("https://api.example.com/hook".into(), "https://api.example.com/other".into());
    assert_eq!(error, VerifyError::Destination { expected, subject });
}
