//! What a client adds to every message and every call.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use qstash_client::{CallbackTarget, Message, MessageOptions};

use crate::support::{Script, values};

async fn headers_of(defaults: MessageOptions, message: Message) -> HeaderMap {
    let server = Script::default();
    let client = server.builder().message_defaults(defaults).build().unwrap();
    client.publish(message).await.unwrap();
    server.request().headers().clone()
}

fn defaults() -> MessageOptions {
    MessageOptions::new()
        .retries(5)
        .timeout(Duration::from_secs(30))
        .delay(Duration::from_secs(60))
        .label("service")
        .forward("x-team", "a")
        .header("x-own", "1")
        .forward_all_headers()
        .callback(CallbackTarget::to("https://h/done").retries(9))
        .failure_callback("https://h/failed")
}

#[tokio::test]
async fn the_defaults_apply_to_a_message_that_says_nothing() {
    let headers = headers_of(defaults(), Message::to("https://example.com")).await;
    for (name, value) in [
        ("upstash-retries", "5"),
        ("upstash-timeout", "30s"),
        ("upstash-delay", "60s"),
        ("upstash-label", "service"),
        ("upstash-forward-x-team", "a"),
        ("x-own", "1"),
        ("upstash-header-forward", "true"),
        ("upstash-callback", "https://h/done"),
        ("upstash-callback-retries", "9"),
        ("upstash-failure-callback", "https://h/failed"),
    ] {
        assert_eq!(values(&headers, name), [value], "{name}");
    }
}

#[tokio::test]
async fn what_a_message_says_wins_setting_by_setting() {
    let message = Message::to("https://example.com")
        .retries(0)
        .not_before(SystemTime::UNIX_EPOCH + Duration::from_secs(7))
        .label("mine")
        .forward("X-Team", "b")
        .header("x-own", "2")
        .callback("https://h/other");
    let headers = headers_of(defaults(), message).await;
    for (name, expected) in [
        ("upstash-retries", vec!["0"]),
        ("upstash-timeout", vec!["30s"]),
        ("upstash-delay", vec![]),
        ("upstash-not-before", vec!["7"]),
        ("upstash-label", vec!["mine"]),
        ("upstash-forward-x-team", vec!["b"]),
        ("x-own", vec!["2"]),
        ("upstash-callback", vec!["https://h/other"]),
        ("upstash-callback-retries", vec![]),
        ("upstash-failure-callback", vec!["https://h/failed"]),
    ] {
        assert_eq!(values(&headers, name), expected, "{name}");
    }
}

#[tokio::test]
async fn a_default_delay_does_not_get_in_the_way_of_a_queue() {
    let headers = headers_of(defaults(), Message::to("https://example.com").in_queue("q")).await;
    assert_eq!(values(&headers, "upstash-delay"), [""; 0]);
    assert_eq!(values(&headers, "upstash-retries"), ["5"]);
}

#[tokio::test]
async fn the_defaults_apply_inside_a_batch() {
    let server = Script::default();
    let client = server.builder().message_defaults(defaults()).build().unwrap();
    let _ = client.batch([Message::to("https://example.com")]).await.unwrap();
    let request = server.request();
    assert_eq!(values(request.headers(), "upstash-retries"), [""; 0]);
    let items: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(items[0]["headers"]["upstash-retries"], "5");
    assert_eq!(items[0]["headers"]["x-own"], "1");
}

#[test]
fn defaults_with_a_mistake_make_no_client() {
    let fixed = MessageOptions::new().not_before(SystemTime::UNIX_EPOCH);
    for (defaults, words) in [(MessageOptions::new().callback("ftp://h"), "callback"), (fixed, "not-before")]
    {
        let error = Script::default().builder().message_defaults(defaults).build().unwrap_err();
        assert_eq!(error.setting(), "message defaults");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn the_application_may_add_its_name() {
    let server = Script::default();
    let client = server.builder().user_agent_suffix("orders/1.2 (blue)").build().unwrap();
    client.publish(Message::to("https://h")).await.unwrap();
    let expected = concat!("qstash-client/", env!("CARGO_PKG_VERSION"), " orders/1.2 (blue)");
    assert_eq!(values(server.request().headers(), "user-agent"), [expected]);

    for suffix in ["", " a", "a\nb"] {
        let error = server.builder().user_agent_suffix(suffix).build().unwrap_err();
        assert_eq!(error.setting(), "user agent");
    }
}
