//! URLs: what is refused, which parts they have, and which hosts are this machine.

use proptest::prelude::*;
use qstash_types::{
    Authority, Destination, Host, InvalidDestination, InvalidUrl, QueryPair, Scheme, Url, percent,
    query_pairs, without_secrets,
};

#[test]
fn a_url_that_a_parser_would_rewrite_is_refused_with_the_way_out() {
    for url in [
        "https://h/../../../../messages/x",
        "https://h/a/./b",
        "https://h/%2e%2E/x",
        "https://h/.%2e",
        "https://..",
        "https://h/a\\b",
        "https://h/a b",
        "https://h/ä",
        "https://h/\"",
        "https://h/<x>",
        "https://h/{id}",
        "https://h/a^b",
        "https://h/`",
        "https://h/?q='x'",
        "https://h/?q=a b",
        "https://h/#top",
        "https://h/a\tb",
        "https://h/\n",
        "ftp://h/",
        "//h/x",
        "h.example/x",
        "https://",
        "https:///x",
        "https://:80/x",
        "https://user@/x",
        "https://h:99999/",
        "https://h:x/",
        "https://h:+80/",
        "https://h:80:90/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[h]/",
        "https://[]/",
        "https://[::1]evil.example/",
        "https://256.1.1.1/",
        "https://1.2.3.4.5/",
        "https://h%41/",
        "https://a\\@h/",
        "https://h<x/",
        "",
    ] {
        assert!(Url::new(url).is_err(), "{url:?}");
    }
    assert_eq!(
        Url::new("https://h/a b").unwrap_err(),
        InvalidUrl::Character { found: ' ', escaped: "%20".into() }
    );
    assert_eq!(
        Url::new("https://h/ü").unwrap_err().to_string(),
        "the URL contains 'ü', write %C3%BC instead"
    );
    assert_eq!(
        Url::new("https://ü.example/").unwrap_err().to_string(),
        "the host of the URL contains 'ü', write the host in its ASCII form (punycode, xn--…)"
    );
    let longest = format!("https://h/{}", "a".repeat(Url::MAX_LEN - "https://h/".len()));
    assert_eq!(Url::new(longest.clone() + "a"), Err(InvalidUrl::Length));
    for url in [
        &*longest,
        "https://h",
        "HTTP://H/",
        "https://h//a//b/",
        "https://h/?a=1&b=../..",
        "https://h/%2F%zz",
        "https://u:p@h:1/'~|[]",
        "https://h/...",
        "https://h/?/asd?x=y",
        "https://h:/",
        "https://h:65535?x",
        "https://[::1]",
        "https://u:p@[::ffff:1.2.3.4]:8080/x",
    ] {
        assert_eq!(Url::new(url).expect(url).as_str(), url);
    }
}

#[test]
fn a_server_takes_a_url_as_it_arrives() {
    assert!(Url::received("https://h/'a'/../{b}").is_ok());
    assert!(Url::received("https://bücher.example/ü#top").is_ok());
    for found in [' ', '\u{1}', '\u{a0}'] {
        let refused = Url::received(format!("https://h/a{found}b"));
        assert!(matches!(refused, Err(InvalidUrl::Character { found: named, .. }) if named == found));
    }
    assert_eq!(Url::received("https://h:99999/"), Err(InvalidUrl::Port));
    assert!(matches!(Destination::received("https://h/?x"), Ok(Destination::Url(_))));
    assert!(matches!(Destination::received("my-group"), Ok(Destination::UrlGroup(_))));
    assert_eq!(Destination::received(""), Err(InvalidDestination::Empty));
    assert_eq!(Destination::received("v2/publish/https://h"), Err(InvalidUrl::Scheme.into()));
}

#[test]
fn neither_debug_nor_the_short_form_of_a_url_shows_credentials() {
    let url = Url::new("https://user:secret@h.example/path?token=secret").unwrap();
    assert_eq!(format!("{url:?}"), "Url(https://h.example/path)");
    assert_eq!(without_secrets("no url ?secret"), "no url ");
}

#[test]
fn a_url_has_its_parts_as_they_are_written() {
    let url = Url::new("HTTP://Ab%40c:p%3aw@[::FFFF:1.2.3.4]:0080/a%2Fb?x=1?&y").unwrap();
    assert_eq!(url.scheme(), Scheme::Http);
    let user_info = url.user_info().unwrap();
    assert_eq!((user_info.user, user_info.password), ("Ab%40c", Some("p%3aw")));
    assert_eq!(url.authority_str(), "[::FFFF:1.2.3.4]:0080");
    assert_eq!(url.host_str(), "[::FFFF:1.2.3.4]");
    assert_eq!(url.host().to_string(), "[::ffff:1.2.3.4]");
    assert_eq!(url.port(), Some(80));
    assert_eq!(url.path(), "/a%2Fb");
    assert_eq!(url.query(), Some("x=1?&y"));
    assert_eq!(url.target(), "/a%2Fb?x=1?&y");

    let bare = Url::received("https://h#frag?no").unwrap();
    assert_eq!((bare.path(), bare.query(), bare.target()), ("", None, ""));
    assert_eq!((bare.port(), bare.port_or_default()), (None, 443));
    assert_eq!(bare.user_info(), None);
    let empty = Url::new("https://@h:?").unwrap();
    assert_eq!((empty.path(), empty.query(), empty.target()), ("", Some(""), "?"));
    assert_eq!((empty.port(), empty.user_info().unwrap().user), (None, ""));
    let slash = Url::new("https://a@b:c@h/x@y:z").unwrap();
    assert_eq!((slash.host_str(), slash.user_info().unwrap().user), ("h", "a@b"));
}

#[test]
fn origins_are_equal_whatever_their_spelling() {
    let url = |text| Url::parse(text).unwrap();
    for (one, other) in [
        ("https://h.example/a", "HTTPS://H.EXAMPLE:443?b"),
        ("http://u:p@h", "http://h:80/"),
        ("http://127.1:3000/", "http://127.0.0.1:3000/x"),
        ("http://[::1]/", "http://[0:0::1]:/"),
    ] {
        assert!(url(one).has_origin_of(&url(other)), "{one} {other}");
    }
    for (one, other) in [
        ("https://h/", "http://h/"),
        ("https://h/", "https://h.:443/"),
        ("https://h/", "https://h:444/"),
        ("https://a.h/", "https://b.h/"),
    ] {
        assert!(!url(one).has_origin_of(&url(other)), "{one} {other}");
    }
    assert!(url("https://h:8080/").is_origin() && url("https://h").is_origin());
    for other in ["https://h//", "https://u@h", "https://h?", "https://h#", "https://h/a"] {
        assert!(!url(other).is_origin(), "{other}");
    }
}

#[test]
fn this_machine_is_recognised_in_every_spelling() {
    for host in [
        "localhost",
        "LocalHost.",
        "api.localhost",
        "a.b.localhost.",
        "127.0.0.1",
        "127.255.255.254",
        "127.1",
        "127.0.0.1.",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "0.0.0.0",
        "0",
        "0x",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::FFFF:7f00:1]",
        "[::ffff:0.0.0.0]",
    ] {
        assert!(Host::parse(host).expect(host).is_local(), "{host}");
    }
    for host in [
        "localhost.example",
        "notlocalhost",
        "localhost..",
        ".localhost",
        "127.0.0.1.example",
        "128.0.0.1",
        "126.255.255.255",
        "0.0.0.1",
        "[::2]",
        "[::ffff:128.0.0.1]",
        "[fe80::1]",
    ] {
        assert!(!Host::parse(host).expect(host).is_local(), "{host}");
    }
}

#[test]
fn an_authority_is_a_host_and_perhaps_a_port_and_nothing_else() {
    for (text, shown) in [
        ("localhost:3000", "localhost:3000"),
        ("127.1:", "127.0.0.1"),
        ("[::1]:80", "[::1]:80"),
        ("Example.COM", "Example.COM"),
    ] {
        assert_eq!(Authority::parse(text).expect(text).to_string(), shown);
    }
    for text in [
        "",
        ":80",
        "[::1]evil.example",
        "evil.example@localhost",
        "evil.example:x@localhost",
        "localhost:80:80",
        "localhost:65536",
        "localhost:+1",
        "localhost/",
        "local host",
        "localhost\n",
        "[::1",
        "::1",
        "[localhost]",
        "[::1%25lo]",
        "local%68ost",
        "127.0.0.256",
        "127.0.0.0x100",
        "1.08",
        "a.0x1",
        "*",
        "a=b",
    ] {
        assert!(Authority::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_parameters_of_qstash_are_recognised_in_every_spelling() {
    let query = "a=1&Upstash-Delay=2s&%75PSTASH%2dx;admin=1&qstash_token=t&QSTASH%5FTOKEN&qstash_tokens=x&upstash=1&x=upstash-y&";
    let own: Vec<_> = query_pairs(Some(query)).filter(|pair| pair.is_own()).map(QueryPair::as_str).collect();
    assert_eq!(own, ["Upstash-Delay=2s", "%75PSTASH%2dx;admin=1", "qstash_token=t", "QSTASH%5FTOKEN"]);
    let tokens: Vec<_> =
        query_pairs(Some(query)).filter(|pair| pair.is_token()).map(QueryPair::raw_value).collect();
    assert_eq!(tokens, ["t", ""]);
    assert_eq!(query_pairs(None).count(), 0);
}

#[test]
fn percent_coding_takes_what_is_no_escape_as_it_stands() {
    assert_eq!(percent::encode("a/b ü~"), "a%2Fb%20%C3%BC~");
    assert_eq!(&*percent::decode("%2f%2F%zz%4"), b"//%zz%4");
    let bytes: Vec<_> = percent::bytes("%41%4%42%").collect();
    let plain = |byte| (byte, false);
    assert_eq!(bytes, [(b'A', true), plain(b'%'), plain(b'4'), (b'B', true), plain(b'%')]);
}

proptest! {
    #[test]
    fn the_parts_are_those_that_the_whatwg_parser_finds(
        scheme in "https?|HTTPS",
        user_info in "|u@|u:p%40@|:@",
        host in "[a-zA-Z0-9._~-]{1,12}|[0-9x.]{1,12}|\\[[0-9a-f:.]{2,12}\\]",
        port in "|:|:[0-9]{1,6}",
        target in "(/[!-~]{0,10}){0,3}(\\?[!-~]{0,10})?",
    ) {
        let text = format!("{scheme}://{user_info}{host}{port}{target}");
        // Punycode is checked by that parser, and left to name servers by ours.
        prop_assume!(!host.to_ascii_lowercase().contains("xn--"));
        if let Ok(ours) = Url::new(&text) {
            let theirs = url::Url::parse(&text).unwrap();
            prop_assert_eq!(theirs.scheme(), ours.scheme().as_str());
            prop_assert_eq!(theirs.host_str().unwrap(), ours.host().to_string().to_ascii_lowercase());
            prop_assert_eq!(theirs.port_or_known_default(), Some(ours.port_or_default()));
            prop_assert_eq!(theirs.path(), if ours.path().is_empty() { "/" } else { ours.path() });
            prop_assert_eq!(theirs.query(), ours.query());
            prop_assert_eq!(theirs.username(), ours.user_info().map_or("", |user_info| user_info.user));
        }
    }

    #[test]
    fn a_host_is_refused_where_the_whatwg_parser_refuses_it(host in "[0-9a-zA-Z.x]{1,14}|\\[[0-9a-fA-F:.]{2,20}\\]|([0-9]{1,3}\\.){3}[0-9]{1,3}") {
        prop_assume!(!host.to_ascii_lowercase().contains("xn--"));
        match (Host::parse(&host), url::Host::parse(&host)) {
            (Ok(Host::Name(ours)), Ok(url::Host::Domain(theirs))) => {
                prop_assert_eq!(ours.to_ascii_lowercase(), theirs);
            }
            (Ok(Host::Ipv4(ours)), Ok(url::Host::Ipv4(theirs))) => prop_assert_eq!(ours, theirs),
            (Ok(Host::Ipv6(ours)), Ok(url::Host::Ipv6(theirs))) => prop_assert_eq!(ours, theirs),
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{:?} {:?}", ours, theirs),
        }
    }

    #[test]
    fn every_text_is_taken_apart_without_a_panic(text in "(https?://)?\\PC{0,40}") {
        let _ = Url::new(&text);
        let _ = Url::received(&text);
        if let Ok(url) = Url::parse(&text) {
            let fragment = &text[text.find('#').unwrap_or(text.len())..];
            let end = url.authority_str().to_owned() + url.target() + fragment;
            prop_assert!(text.ends_with(&end));
        }
    }
}

#[test]
fn what_a_server_accepts_fits_into_a_request() {
    let short = format!("http://h/{}", "<".repeat(20_000));
    assert_eq!(Url::received(&short).unwrap().request_target().len(), 60_001);
    for url in [format!("http://h/{}", "<".repeat(22_000)), format!("http://h/{}", "a".repeat(70_000))] {
        assert_eq!(Url::received(url), Err(InvalidUrl::Length));
    }
}

proptest! {
    #[test]
    fn request_targets_are_ascii_and_stay_what_they_are_when_read_again(text in "http://h[/?]\\PC{0,40}") {
        if let Ok(url) = Url::received(&text) {
            let target = url.request_target();
            prop_assert!(target.starts_with('/'));
            prop_assert!(target.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&b)), "{target}");
            let again = Url::received(format!("http://h{target}")).unwrap();
            prop_assert_eq!(again.request_target(), target);
        }
    }
}
