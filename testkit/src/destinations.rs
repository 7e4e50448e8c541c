//! Pairs of a URL that was signed and a request as it arrives, and whether the second is a call of the first.

use qstash_verify::{Verifier, VerifierBuilder, VerifyError};

use crate::signing::{KEY, ORIGIN, keys, now, sign, verifier};

/// The URL that was signed, and the target of the request.
type Pair = (&'static str, &'static str);

/// One way to tell a verifier where its service is.
struct Setting {
    set: fn(VerifierBuilder) -> VerifierBuilder,
    accepted: &'static [Pair],
    refused: &'static [Pair],
}

/// Every setter, with the attacks that it stops and those that it does not.
const SETTINGS: &[Setting] = &[
    Setting {
        set: |verifier| verifier,
        accepted: &[
            ("https://api.example.com", "/"),
            ("https://api.example.com?x=1", "/?x=1"),
            ("HTTPS://API.Example.com:443/done", "/done"),
            ("https://user:password@api.example.com/done", "/done"),
            ("https://api.example.com/done#end", "/done"),
            ("https://api.example.com/done", "/done#end"),
            ("https://api.example.com/done", "http://10.0.0.7:3000/done"),
            ("https://api.example.com/done?x=1", "https://evil.example/done?x=1"),
        ],
        refused: &[
            ("https://api.example.com/failed", "/done"),
            ("https://evil.example/done", "/done"),
            ("https://evil.example/done", "https://evil.example/done"),
            ("https://staging.example.com/done", "/done"),
            ("https://api.example.com.evil.example/done", "/done"),
            ("https://api.example.com@evil.example/done", "/done"),
            ("https://api.example.com\\@evil.example/done", "/done"),
            ("https://evil.example/https://api.example.com/done", "/done"),
            ("http://api.example.com/done", "/done"),
            ("https://api.example.com:8443/done", "/done"),
            ("//api.example.com/done", "/done"),
            ("/done", "/done"),
            ("", "/done"),
        ],
    },
    Setting {
        set: |verifier| verifier.public_prefix("/v1"),
        accepted: &[
            ("https://api.example.com/v1/done?x=1", "/done?x=1"),
            ("https://api.example.com/v1", "/"),
            ("https://api.example.com/v1/", "/"),
            ("https://api.example.com/v1?x=1", "/?x=1"),
            ("https://api.example.com/v1/v1/done", "/v1/done"),
        ],
        refused: &[
            ("https://api.example.com/done", "/done"),
            ("https://api.example.com/v1/done", "/v1/done"),
            ("https://api.example.com/v2/done", "/done"),
            ("https://api.example.com/v1/../done", "/done"),
            ("https://api.example.com/v1/done", "//done"),
            ("https://api.example.com/v1done", "/done"),
            ("https://evil.example/v1/done", "/done"),
        ],
    },
];

/// The same, for settings that exclude an origin.
const SETTINGS_WITHOUT_ORIGIN: &[Setting] = &[
    Setting {
        set: |verifier| verifier.exact_url("https://api.example.com/done?x=%2f"),
        accepted: &[
            ("https://api.example.com/done?x=%2f", "/done?x=%2f"),
            ("https://api.example.com/done?x=%2f", "/rewritten/by/a/proxy"),
        ],
        refused: &[
            ("https://api.example.com/done?x=%2F", "/done?x=%2f"),
            ("https://api.example.com:443/done?x=%2f", "/done?x=%2f"),
            ("https://api.example.com/done?x=%2f&upstash-delay=1s", "/done?x=%2f"),
            ("https://evil.example/done?x=%2f", "/done?x=%2f"),
        ],
    },
    Setting {
        set: VerifierBuilder::any_destination,
        accepted: &[("https://evil.example/failed", "/done"), ("", "/done")],
        refused: &[],
    },
    Setting {
        set: |verifier| verifier,
        accepted: &[("https://api.example.com/done", "/done"), ("https://evil.example/done", "/done")],
        refused: &[
            ("https://api.example.com/failed", "/done"),
            ("https://api.example.com/done?x=1", "/done"),
            ("/done", "/done"),
        ],
    },
];

/// What was signed, and how it arrives behind an honest proxy or none. They hold below any mount point.
///
/// As far as the documentation of each says: nginx passes a path on as it came if its `proxy_pass` has no path; otherwise it
/// undoes escapes, which is how a prefix is usually stripped. Traefik undoes escapes of unreserved characters and writes the
/// others in capitals. Envoy leaves paths alone unless told to normalise them, and queries in any case. The load
/// balancers of AWS and Google pass path and query on as they came.
const SAME: &[Pair] = &[
    // Nobody respells: Envoy, load balancers, nginx with a `proxy_pass` without a path.
    ("/done", "/done"),
    ("/done?a=1&b=2", "/done?a=1&b=2"),
    ("//done", "//done"),
    ("/a/../done", "/a/../done"),
    ("/%64one", "/%64one"),
    ("/a%2fb?c=%3d", "/a%2fb?c=%3d"),
    ("/caf\u{e9}", "/caf\u{e9}"),
    ("/done?upstash-x=1", "/done?upstash-x=1"),
    // Traefik: unreserved characters, and capitals.
    ("/%7Edone%2dnow", "/~done-now"),
    ("/%64one", "/done"),
    ("/a%2fb", "/a%2Fb"),
    ("/a/%2e%2e/done", "/a/%2E%2E/done"),
    ("/caf%c3%a9", "/caf%C3%A9"),
    // nginx, where `proxy_pass` has a path: everything that has no meaning as syntax.
    ("/%24a%27b%40c%3Ad%2Be", "/$a'b@c:d+e"),
    ("/%5Ba%5D%7Cb", "/[a]|b"),
    ("/caf%c3%a9?q=%C3%A9", "/caf\u{e9}?q=%C3%A9"),
    // Senders escape what URLs do not allow: Go, Python, browsers.
    ("/caf\u{e9}", "/caf%C3%A9"),
    ("/a b?c=[1]", "/a%20b?c=%5B1%5D"),
    ("/caf%c3%a9?q=\u{e9}", "/caf\u{e9}?q=%C3%A9"),
    ("/done?%61=%7e", "/done?a=~"),
    // An empty query, and parameters that QStash keeps for itself.
    ("/done?", "/done"),
    ("/done?upstash-retries=3", "/done"),
    ("/done?a=1&qstash_token=t", "/done?a=1"),
    ("/done?a=1&Upstash-Method=PUT&b=2", "/done?a=1&b=2"),
];

/// What was signed, and what another request asks for.
const DIFFERENT: &[Pair] = &[
    ("/failed", "/done"),
    ("/done/more", "/done"),
    ("/done", "/Done"),
    ("/done/", "/done"),
    ("/done", "/done/"),
    ("/done", "//done"),
    ("//done", "/done"),
    ("/a%2Fb", "/a/b"),
    ("/a/b", "/a%2Fb"),
    ("/a%252Fb", "/a%2Fb"),
    ("/done", "/a/../done"),
    ("/a/../done", "/done"),
    ("/a/%2e%2e/done", "/a/../done"),
    ("/a/../done", "/a/%2e%2e/done"),
    ("/a/.%2e/done", "/done"),
    ("/a%2f..%2fdone", "/done"),
    ("/a%2f..%2fdone", "/a/../done"),
    ("/a/%252e%252e/done", "/a/%2e%2e/done"),
    ("/./done", "/done"),
    ("/..;/done", "/done"),
    ("/caf\u{e9}", "/cafe\u{301}"),
    ("/done?a=1&b=2", "/done?b=2&a=1"),
    ("/done", "/done?a=1"),
    ("/done?a=1", "/done"),
    ("/done?a=%26b", "/done?a=&b"),
    ("/done?a=b%2Bc", "/done?a=b+c"),
    ("/done?a=1", "/done%3Fa=1"),
    ("/done?upstash=1", "/done"),
    // A sibling on a route with a parameter: nothing that is plain arrives escaped.
    ("/done", "/%64one"),
    ("/~done", "/%7Edone"),
    ("/it's$1", "/it%27s%241"),
    ("/done?a=b", "/done?a=%62"),
    // Parameters of QStash that it did not send.
    ("/done", "/done?upstash-admin=1"),
    ("/done", "/done?qstash_token=x"),
    ("/done", "/done?%75pstash-admin=1"),
    ("/done", "/done?upstash-x;admin=1"),
    ("/done?upstash-x=signed", "/done?upstash-x=forged"),
];

/// A request that carries a signature that is good in every respect but, perhaps, the URL.
#[derive(Debug)]
pub struct Call {
    /// Who verifies it.
    pub verifier: Verifier,
    /// The value of `Upstash-Signature`.
    pub signature: String,
    /// The target of the request.
    pub target: String,
}

impl Call {
    fn new(verifier: VerifierBuilder, signed: &str, target: String) -> Self {
        let verifier = verifier.clock(now).build().unwrap();
        Self { verifier, signature: sign(KEY, signed, b"", now()), target }
    }
}

/// Makes every call at a receiver which answers all paths, and which is asked why it refused.
pub async fn check_settings(receive: impl AsyncFn(Call) -> Option<VerifyError>) {
    for (base, settings) in [
        (verifier as fn() -> VerifierBuilder, SETTINGS),
        (|| Verifier::builder(keys()), SETTINGS_WITHOUT_ORIGIN),
    ] {
        for Setting { set, accepted, refused } in settings {
            for (signed, target) in *accepted {
                let refusal = receive(Call::new(set(base()), signed, (*target).to_owned())).await;
                assert_eq!(refusal, None, "{signed} called as {target}");
            }
            for (signed, target) in *refused {
                let refusal = receive(Call::new(set(base()), signed, (*target).to_owned())).await;
                let is_destination = matches!(refusal, Some(VerifyError::Destination { .. }));
                assert!(is_destination, "{signed} called as {target}: {refusal:?}");
            }
        }
    }
}

/// Makes calls of every spelling at a receiver which answers all paths below a mount point, as far as its framework
/// lets such a target in.
pub async fn check_spellings(
    mount: &str,
    is_let_in: fn(&str) -> bool,
    receive: impl AsyncFn(Call) -> Option<VerifyError>,
) {
    let call = |(signed, target): &Pair| {
        Call::new(verifier(), &format!("{ORIGIN}{mount}{signed}"), format!("{mount}{target}"))
    };
    for pair in SAME.iter().filter(|(_, target)| is_let_in(target)) {
        assert_eq!(receive(call(pair)).await, None, "{mount} {pair:?}");
    }
    for pair in DIFFERENT.iter().filter(|(_, target)| is_let_in(target)) {
        let refusal = receive(call(pair)).await;
        assert!(matches!(refusal, Some(VerifyError::Destination { .. })), "{mount} {pair:?}: {refusal:?}");
    }
}
