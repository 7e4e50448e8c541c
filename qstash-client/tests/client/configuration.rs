//! Where a client gets its settings, and which it refuses.

use std::time::Duration;

use qstash_client::{Client, ClientBuilder, Message, error::ConfigError, types::Region};

use crate::support::{Script, TOKEN};

type Variables = &'static [(&'static str, &'static str)];

fn from_vars(variables: Variables) -> ClientBuilder {
    ClientBuilder::from_vars(|wanted| {
        let found = variables.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// Publishes with these settings, and tells the base URL and the token that were used.
async fn used_by(builder: ClientBuilder) -> (String, String) {
    let server = Script::default();
    let client = server.behind(builder).build().unwrap();
    client.publish(Message::to("https://h")).await.unwrap();
    let request = server.request();
    let uri = request.uri().to_string();
    let token = request.headers()["authorization"].to_str().unwrap();
    (
        uri.strip_suffix("/v2/publish/https://h").unwrap().to_owned(),
        token.strip_prefix("Bearer ").unwrap().to_owned(),
    )
}

fn client(base_url: &str, token: &str) -> Result<Client, ConfigError> {
    Script::default().builder().base_url(base_url).token(token).build()
}

#[tokio::test]
async fn the_environment_names_the_server_and_the_token() {
    let cases: [(Variables, &str, &str); 8] = [
        (&[("QSTASH_TOKEN", "t")], "https://qstash.upstash.io", "t"),
        (
            &[("QSTASH_TOKEN", "t"), ("QSTASH_URL", ""), ("QSTASH_REGION", "")],
            "https://qstash.upstash.io",
            "t",
        ),
        (&[("QSTASH_TOKEN", "t"), ("QSTASH_URL", "http://127.0.0.1:8080/")], "http://127.0.0.1:8080", "t"),
        (
            &[("QSTASH_TOKEN", "t"), ("QSTASH_REGION", "us-east-1")],
            "https://qstash-us-east-1.upstash.io",
            "t",
        ),
        (
            &[
                ("QSTASH_TOKEN", "t"),
                ("QSTASH_URL", "https://plain.example"),
                ("QSTASH_REGION", "EU_CENTRAL_1"),
            ],
            "https://plain.example",
            "t",
        ),
        (
            &[
                ("QSTASH_TOKEN", "t"),
                ("QSTASH_URL", "https://plain.example"),
                ("QSTASH_REGION", "US_EAST_1"),
                ("US_EAST_1_QSTASH_URL", "https://us.example"),
                ("US_EAST_1_QSTASH_TOKEN", "us"),
            ],
            "https://us.example",
            "us",
        ),
        (
            &[
                ("QSTASH_TOKEN", "t"),
                ("QSTASH_URL", "https://plain.example"),
                ("QSTASH_REGION", "US_EAST_1"),
                ("US_EAST_1_QSTASH_TOKEN", "us"),
            ],
            "https://qstash-us-east-1.upstash.io",
            "us",
        ),
        (
            &[
                ("QSTASH_TOKEN", "t"),
                ("QSTASH_REGION", "US_EAST_1"),
                ("EU_CENTRAL_1_QSTASH_URL", "https://eu.example"),
                ("EU_CENTRAL_1_QSTASH_TOKEN", "eu"),
            ],
            "https://qstash-us-east-1.upstash.io",
            "t",
        ),
    ];
    for (variables, url, token) in cases {
        let used = used_by(from_vars(variables)).await;
        assert_eq!(used, (url.to_owned(), token.to_owned()), "{variables:?}");
    }
}

#[tokio::test]
async fn what_is_set_in_code_wins_over_the_environment() {
    let builder = from_vars(&[("QSTASH_TOKEN", "t"), ("QSTASH_URL", "https://plain.example")]);
    let (url, token) = used_by(builder.clone().region(Region::UsEast1).token("mine")).await;
    assert_eq!((&*url, &*token), ("https://qstash-us-east-1.upstash.io", "mine"));
    let (url, token) = used_by(builder.base_url("http://127.0.0.1:1")).await;
    assert_eq!((&*url, &*token), ("http://127.0.0.1:1", "t"));
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let cases: [(Variables, &str, &str); 17] = [
        (&[], "QSTASH_TOKEN", "not set"),
        (&[("QSTASH_TOKEN", "")], "QSTASH_TOKEN", "not set"),
        (&[("QSTASH_TOKEN", " t")], "QSTASH_TOKEN", "white space"),
        (
            &[("QSTASH_TOKEN", "t\n")],
            "QSTASH_TOKEN",
            "white space around the value, remove it (errors.md#token)",
        ),
        (&[("QSTASH_TOKEN", "\"t\"")], "QSTASH_TOKEN", "in quotes, which count as a part of it, remove them"),
        (&[("QSTASH_TOKEN", "t"), ("QSTASH_URL", "'https://h'")], "QSTASH_URL", "in quotes"),
        (
            &[("QSTASH_TOKEN", "t"), ("QSTASH_URL", "localhost:8080")],
            "QSTASH_URL",
            "start with http:// or https:// (errors.md#base-url)",
        ),
        (&[("QSTASH_TOKEN", "Bearer t")], "QSTASH_TOKEN", "leave that out"),
        (&[("QSTASH_TOKEN", "bearer t")], "QSTASH_TOKEN", "leave that out"),
        (&[("QSTASH_TOKEN", "a t")], "QSTASH_TOKEN", "visible ASCII"),
        (&[("QSTASH_TOKEN", "t\u{fffd}")], "QSTASH_TOKEN", "ASCII"),
        (&[("QSTASH_TOKEN", "t"), ("QSTASH_URL", "https://h ")], "QSTASH_URL", "white space"),
        (&[("QSTASH_TOKEN", "t"), ("QSTASH_URL", "https://h/v2/publish")], "QSTASH_URL", "/v2/publish"),
        (&[("QSTASH_TOKEN", "t"), ("QSTASH_REGION", "mars")], "QSTASH_REGION", "US_EAST_1 or EU_CENTRAL_1"),
        (&[("QSTASH_TOKEN", "t"), ("QSTASH_REGION", "us-east-1 ")], "QSTASH_REGION", "unknown"),
        (
            &[
                ("QSTASH_TOKEN", "t"),
                ("QSTASH_REGION", "US_EAST_1"),
                ("US_EAST_1_QSTASH_URL", "https://us.example"),
            ],
            "US_EAST_1_QSTASH_TOKEN",
            "not set",
        ),
        (
            &[
                ("QSTASH_REGION", "US_EAST_1"),
                ("US_EAST_1_QSTASH_URL", "us.example"),
                ("US_EAST_1_QSTASH_TOKEN", "us"),
            ],
            "US_EAST_1_QSTASH_URL",
            "https://",
        ),
    ];
    for (variables, setting, words) in cases {
        let error = from_vars(variables).build().expect_err(setting);
        assert_eq!(error.setting(), setting, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_base_url_that_cannot_be_meant_is_refused() {
    let cases = [
        ("", "not set"),
        ("qstash.example", "https://"),
        ("ftp://qstash.example", "https://"),
        ("https://", "no valid host"),
        ("https://h/?a=1", "query"),
        ("https://h/#a", "fragment"),
        ("https://user:CANARY@h", "user info"),
        ("https://h/../x", "dot segment"),
        ("https://h/v2", "/v2"),
        ("https://h/v2/", "/v2"),
        ("https://h/V2/Publish/", "/V2/Publish"),
        ("https://h/gateway/v2/messages/x", "/v2/messages/x"),
        ("http://h:99999", "port"),
    ];
    for (base_url, words) in cases {
        let error = client(base_url, "t").expect_err(base_url);
        assert_eq!(error.setting(), "base URL");
        let text = error.to_string();
        assert!(text.contains(words) && !text.contains("CANARY"), "{base_url}: {text}");
    }
    let legal = [
        "http://h/gateway/",
        "http://h/v2/gateway",
        "http://h/v20",
        "http://[::1]:8080",
        "HTTP://H:",
        "http://h_1:080",
    ];
    for base_url in legal {
        client(base_url, "t").expect(base_url);
    }
}

#[test]
fn a_token_must_be_one() {
    for token in ["", " ", "a b", "a\r\nb", "tökén"] {
        let error = client("http://h", token).expect_err(token);
        assert_eq!(error.setting(), "token");
    }
}

#[test]
fn a_deadline_outside_the_deduplication_window_is_refused() {
    let builder = Script::default().builder();
    for seconds in [0, 600, u64::MAX] {
        let error =
            builder.clone().timeout(Duration::from_secs(seconds)).build().expect_err("no such deadline");
        assert_eq!(error.setting(), "timeout");
    }
    builder.timeout(Duration::from_secs(599)).build().unwrap();
}

#[test]
fn no_debug_output_shows_the_token() {
    let builder = Script::default().builder().base_url("http://127.0.0.1:8080").token("CANARY");
    let client = builder.clone().build().unwrap();
    let wrong = builder.clone().token("CANARY CANARY").build().unwrap_err();
    let shown = format!("{builder:?} {client:?} {client:#?} {wrong:?} {wrong}");
    assert!(!shown.contains("CANARY"), "{shown}");
    assert!(shown.contains("http://127.0.0.1:8080"), "{shown}");
}

#[tokio::test]
async fn the_token_is_marked_as_a_secret_for_everything_that_prints_requests() {
    let server = Script::default();
    server.client().publish(Message::to("https://h")).await.unwrap();
    let request = server.request();
    assert!(request.headers()["authorization"].is_sensitive());
    assert!(!format!("{request:?}").contains(TOKEN));
}

#[cfg(all(feature = "__http", not(feature = "__tls")))]
#[test]
fn https_without_a_tls_feature_is_refused_at_construction() {
    let error = Client::new("https://qstash.example", "t").unwrap_err();
    assert_eq!(error.setting(), "base URL");
    assert!(error.to_string().contains("rustls-no-provider"), "{error}");
}

#[cfg(not(feature = "__http"))]
#[test]
fn without_an_http_client_a_transport_must_be_given() {
    let builder = Client::builder().base_url("https://qstash.example").token("t");
    assert_eq!(builder.clone().build().unwrap_err().setting(), "transport");
    Script::default().behind(builder).build().unwrap();
}
