//! URLs for callers that can do nothing but call one.

use std::time::Duration;

use qstash_client::{CallbackTarget, Client, Message, MessageOptions};

use crate::support::Script;

fn client() -> Client {
    let builder = Script::default().builder().base_url("https://gateway.example/qstash/");
    builder.token("a+token==").build().unwrap()
}

#[test]
fn a_webhook_says_in_its_url_what_a_publish_says_in_headers() {
    let message = Message::to("https://h/hook?a=1&b=%2F")
        .delay(Duration::from_millis(1500))
        .label("über uns")
        .callback("https://h/done?x=1")
        .retry_delay("pow(2, retried) * 1000")
        .deduplicate_by_content();
    assert_eq!(
        client().webhook_url(message).unwrap(),
        "https://gateway.example/qstash/v2/publish/https://h/hook?a=1&b=%2F\
         &upstash-callback=https%3A%2F%2Fh%2Fdone%3Fx%3D1&upstash-content-based-deduplication=true&upstash-delay=2s\
         &upstash-label=%C3%BCber%20uns&upstash-retry-delay=pow%282%2C%20retried%29%20%2A%201000\
         &qstash_token=a%2Btoken%3D%3D"
    );
    let grouped = client().webhook_url(Message::to_url_group("team").in_queue("emails")).unwrap();
    assert_eq!(
        grouped, "https://gateway.example/qstash/v2/enqueue/emails/team?qstash_token=a%2Btoken%3D%3D",
        "without an id, which all messages would share"
    );
}

#[test]
fn a_webhook_starts_from_the_defaults_of_the_client() {
    let builder = Script::default().builder().message_defaults(MessageOptions::new().retries(7));
    let url = builder.build().unwrap().webhook_url(Message::to("https://h")).unwrap();
    assert!(url.contains("?upstash-retries=7&"), "{url}");
}

#[test]
fn a_default_that_cannot_stand_in_a_url_does_not_apply_to_a_webhook() {
    let defaults = MessageOptions::new()
        .content_type("application/json")
        .forward("x", "1")
        .header("y", "1")
        .callback(CallbackTarget::to("https://h/done").forward("z", "1"))
        .retries(7);
    let builder = Script::default().builder().message_defaults(defaults);
    let url = builder.build().unwrap().webhook_url(Message::to("https://h")).unwrap();
    let (url, _token) = url.split_once("&qstash_token=").unwrap();
    let expected = "https://qstash.example/v2/publish/https://h?upstash-callback=https%3A%2F%2Fh%2Fdone&upstash-retries=7";
    assert_eq!(url, expected);
}

#[test]
fn what_cannot_stand_in_a_url_is_refused() {
    let refused = [
        (Message::to("https://h").text("x"), "body"),
        (Message::to("https://h").content_type("text/plain"), "header"),
        (Message::to("https://h").header("x-own", "1"), "header"),
        (Message::to("https://h").header("upstash-new", b"\xff"), "header"),
        (Message::to("https://h").forward("x", "1"), "header"),
        (Message::to("https://h").deduplication_id("a"), "deduplication id"),
        (Message::to("https://h").in_queue("q").delay(Duration::from_secs(1)), "delay"),
        (Message::to("h"), "destination"),
    ];
    for (message, field) in refused {
        assert_eq!(client().webhook_url(message).unwrap_err().field(), field);
    }
}
