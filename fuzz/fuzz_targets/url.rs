//! URLs of senders and of strangers: nothing panics, what is accepted can stand in a request, and two parsers agree about it.

#![no_main]

use http::uri::PathAndQuery;
use libfuzzer_sys::fuzz_target;
use qstash_types::Url;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(parts) = Url::parse(text) else {
        assert!(Url::new(text).is_err() && Url::received(text).is_err());
        return;
    };
    let _ = (parts.user_info(), parts.authority().to_string(), parts.origin(), parts.is_origin());
    assert_eq!(parts.port_or_default(), parts.port().unwrap_or(parts.scheme().default_port()));
    let _ = format!("{parts:?}");

    if let Ok(received) = Url::received(text) {
        assert_eq!(received.as_str(), text);
        let target = received.request_target();
        assert!(target.is_ascii() && target.starts_with('/'));
        assert_eq!(PathAndQuery::from_maybe_shared(target.clone().into_owned()).unwrap().as_str(), target);
        // Escaped once is escaped for good.
        let again = Url::received(format!("http://h{target}")).unwrap();
        assert_eq!(again.request_target(), target);
    }
    if let Ok(sent) = Url::new(text) {
        assert!(Url::received(text).is_ok());
        // Whether the letters behind `xn--` stand for a name takes the tables of IDNA, which only the other parser has.
        if sent.host_str().to_ascii_lowercase().contains("xn--") {
            return;
        }
        let theirs = url::Url::parse(text).expect("a URL that is sent is one for every parser");
        let or_root = |path: &'_ str| if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        assert_eq!(or_root(sent.path()), theirs.path());
        assert_eq!(sent.query(), theirs.query());
        assert_eq!(Some(sent.port_or_default()), theirs.port_or_known_default());
    }
});
