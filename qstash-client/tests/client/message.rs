//! Mistakes in a message: each is named, and nothing is sent.

use std::time::Duration;

use http::Method;
use qstash_client::{
    CallbackTarget, Error, Message, MessageOptions, reconcile::Schedule, types::FlowLimits,
    url_groups::Endpoint,
};

use crate::support::Script;

fn message() -> Message {
    Message::to("https://example.com")
}

fn target() -> CallbackTarget {
    CallbackTarget::to("https://api.example.com/done")
}

/// Every kind of bad input, with the field and the words that its error must name.
fn mistakes() -> Vec<(Message, &'static str, &'static str)> {
    let no_limit = FlowLimits::default();
    let too_long = format!("https://example.com/{}", "a".repeat(70_000));
    vec![
        (Message::to(""), "destination", "non-empty"),
        (Message::to("example.com/hook"), "destination", "https://"),
        (Message::to("ftp://example.com"), "destination", "https://"),
        (Message::to("https://"), "destination", "no valid host"),
        (Message::to("https:///path"), "destination", "no valid host"),
        (Message::to("https://h:99999/"), "destination", "port"),
        (Message::to("https://[::1/"), "destination", "no valid host"),
        (Message::to("https://h/../../../../messages/x"), "destination", r#""..""#),
        (Message::to("https://h/%2e%2E/x"), "destination", r#""%2e%2E""#),
        (Message::to("https://h/./x"), "destination", r#"".""#),
        (Message::to(r"https://h\..\x"), "destination", r"'\\'"),
        (Message::to("https://h/a b"), "destination", "%20"),
        (Message::to("https://h/a\nb"), "destination", "%0A"),
        (Message::to(" https://h"), "destination", "https://"),
        (Message::to("https://h/é"), "destination", "%C3%A9"),
        (Message::to("https://h/?q=it's"), "destination", "%27"),
        (Message::to("https://h/#part"), "destination", "fragment"),
        (Message::to(too_long), "destination", "long"),
        (Message::to_url_group(""), "URL group", "empty"),
        (Message::to_url_group(".."), "URL group", "dot segment"),
        (Message::to_url_group("a/b"), "URL group", "'/'"),
        (message().method(Method::CONNECT), "method", "CONNECT"),
        (message().retry_delay("soon"), "retry delay", "soon"),
        (message().flow_control("key", no_limit), "flow control", "parallelism or a rate"),
        (message().flow_control("key", no_limit.rate(1).period(Duration::ZERO)), "flow control", "period"),
        (message().forward("x y", "1"), "forwarded header", r#""x y""#),
        (message().forward("", "1"), "forwarded header", r#""""#),
        (message().forward("x", "a\nb"), "forwarded header", "value of x"),
        (message().forward("a".repeat(65_530), "1"), "header", "too long"),
        (message().header("x:y", "1"), "header", r#""x:y""#),
        (message().header("x", "a\rb"), "header", "value of x"),
        (message().header("Authorization", "Bearer x"), "header", "Authorization"),
        (message().header("upstash-delay", "1s"), "header", "upstash-delay"),
        (message().content_type("text/\nplain"), "content type", "header value"),
        (message().deduplication_id(""), "deduplication id", "empty"),
        (message().deduplication_id("a:b"), "deduplication id", "':'"),
        (message().label(""), "label", "empty"),
        (message().label("a,b"), "label", "','"),
        (message().json(&Unserializable), "body", "not today"),
        (message().callback(""), "callback URL", "https://"),
        (message().callback("https://h/a b"), "callback URL", "%20"),
        (message().failure_callback("mailto:x"), "failure callback URL", "https://"),
        (message().callback(target().method(Method::TRACE)), "callback method", "TRACE"),
        (message().callback(target().retry_delay("1 +")), "callback retry delay", "too early"),
        (
            message().failure_callback(target().forward("x", "\n")),
            "failure callback forwarded header",
            "value of x",
        ),
        (
            message().callback(target().flow_control("key", no_limit)),
            "callback flow control",
            "parallelism or a rate",
        ),
    ]
}

struct Unserializable;

impl serde::Serialize for Unserializable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[tokio::test]
async fn a_mistake_is_named_and_no_request_leaves() {
    let server = Script::default();
    let client = server.client();
    for (message, field, words) in mistakes() {
        let error = client.publish(message).await.expect_err(field);
        let Error::Input(mistake) = &error else {
            panic!("{field}: {error:?}");
        };
        assert_eq!(mistake.field(), field, "{mistake}");
        assert!(mistake.to_string().contains(words), "{mistake} does not say {words}");
        assert!(!error.is_retryable() && !error.is_ambiguous(), "{mistake}");
        assert_eq!(error.deduplication_id(), None);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn the_first_mistake_is_kept() {
    let message = message().label("a,b").retry_delay("soon").deduplication_id("").retries(1);
    assert_eq!(message.parts().unwrap_err().field(), "label");
}

#[test]
fn a_correct_message_can_be_looked_at() {
    let message = Message::to("https://example.com/hook").text("hi").retries(3);
    let parts = message.parts().unwrap();
    assert_eq!(parts.destination.as_str(), "https://example.com/hook");
    assert_eq!(parts.body, "hi");
    assert_eq!(parts.options.settings.retries, Some(3));
}

#[test]
fn debug_of_what_holds_a_url_shows_no_secret_parts() {
    const URL: &str = "https://user:CANARY@api.example.com/hook?CANARY";
    let client = Script::default().client();
    let message = || Message::to(URL).text("CANARY").forward("authorization", "CANARY");
    let shown = [
        format!("{:?}", client.messages().url(URL)),
        format!("{:?}", client.dlq().url(URL)),
        format!("{:?} {:?}", client.logs().url(URL), client.logs().url(URL).by_message()),
        format!("{:?}", Endpoint::new(URL)),
        format!("{:?}", Schedule::new("s", "0 4 * * *", message())),
        format!("{:?}", MessageOptions::new().callback(URL).header("x", "CANARY")),
    ];
    for shown in shown {
        assert!(!shown.contains("CANARY") && shown.contains("https://api.example.com/hook"), "{shown}");
    }
}

#[test]
fn debug_shows_neither_the_body_nor_header_values_nor_queries() {
    let message = Message::to("https://example.com/hook?key=CANARY")
        .text("CANARY")
        .forward("authorization", "Bearer CANARY")
        .header("x-raw", "CANARY")
        .callback(CallbackTarget::to("https://CANARY@api.example.com/?CANARY").forward("x", "CANARY"));
    assert!(message.parts().is_ok());
    let shown = format!("{message:?} {message:#?}");
    assert!(!shown.contains("CANARY"), "{shown}");
    assert!(shown.contains("https://example.com/hook"), "{shown}");
}

#[test]
fn a_header_that_the_client_or_http_writes_cannot_be_set() {
    for name in [
        "authorization",
        "content-length",
        "expect",
        "Host",
        "user-agent",
        "upstash-delay",
        "Upstash-Not-Before",
        "upstash-deduplication-id",
        "upstash-content-based-deduplication",
    ] {
        let message = message().header(name, "1");
        let mistake = message.parts().unwrap_err();
        assert_eq!(mistake.field(), "header", "{name}");
        assert!(mistake.to_string().contains("cannot be set here"), "{mistake}");
    }
}

#[test]
fn a_header_that_ends_with_the_connection_can_neither_be_sent_nor_forwarded() {
    // RFC 9110, section 7.6.1, and `Proxy-Authenticate` and `Proxy-Authorization` of section 11.7.
    for name in [
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "proxy-authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "transfer-encoding",
        "Upgrade",
    ] {
        let mistakes = [
            message().header(name, "1"),
            message().forward(name, "1"),
            message().callback(target().forward(name, "1")),
            message().failure_callback(target().forward(name, "1")),
        ];
        for message in mistakes {
            let mistake = message.parts().unwrap_err();
            assert!(mistake.to_string().contains("is about one connection"), "{mistake}");
        }
    }
}

#[test]
fn a_body_drops_the_content_type_of_the_body_before_it_and_keeps_one_that_was_set() {
    let cases = [
        (message().json(&1).body("raw"), None),
        (message().text("a").body("raw"), None),
        (message().json(&1).content_type("a/b").body("raw"), Some("a/b")),
        (message().content_type("a/b").body("raw"), Some("a/b")),
        (message().content_type("a/b").json(&1).body("raw"), None),
        (message().body("raw").json(&1), Some("application/json")),
    ];
    for (message, content_type) in cases {
        let found = message.parts().unwrap().options.content_type.as_ref();
        assert_eq!(found.map(|value| value.to_str().unwrap()), content_type);
    }
}
