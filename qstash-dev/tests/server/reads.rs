//! What can be read: messages, dead letters, logs, keys.

use std::time::Duration;

use qstash_dev::DevServer;
use qstash_types::{SigningKey, SigningKeys};
use serde_json::json;

use crate::{
    client::{get, publish},
    destination::{Destination, response},
};

#[tokio::test]
async fn the_keys_are_those_that_the_server_was_given() {
    let key = |text: &str| SigningKey::new(text).unwrap();
    let keys = SigningKeys::new(key("sig_a"), key("sig_b"));
    let server = DevServer::builder().signing_keys(keys).start().await.unwrap();
    let answer = get(&server, "/v2/keys").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({"current": "sig_a", "next": "sig_b"}));
}

#[tokio::test]
async fn fresh_servers_have_fresh_keys_and_tokens() {
    let first = DevServer::start().await.unwrap();
    let second = DevServer::start().await.unwrap();
    assert_ne!(first.token(), second.token());
    assert_ne!(first.signing_keys().current.expose(), second.signing_keys().current.expose());
    assert_ne!(first.signing_keys().current.expose(), first.signing_keys().next.expose());
}

#[tokio::test]
async fn a_delivered_message_can_be_read_for_a_moment_and_an_unknown_one_cannot() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let id = publish(&server, &destination.url("/")).accepted().await;
    server.settled().await;
    let target = format!("/v2/messages/{id}");
    assert_eq!(get(&server, &target).send().await.status, 200);
    server.advance(Duration::from_secs(10)).await;
    let answer = get(&server, &target).send().await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.error(), format!("message {id} not found"));
    assert_eq!(get(&server, "/v2/messages/msg%20x").send().await.error(), "message msg x not found");
}

#[tokio::test]
async fn a_message_that_has_failed_is_a_dead_letter() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::start(|_| response(500, "boom")).await;
    let id = publish(&server, &destination.url("/")).header("Upstash-Retries", "0").accepted().await;
    server.settled().await;
    let answer = get(&server, "/v2/dlq?unknown=1").send().await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["messages"]);
    let entry = &json["messages"][0];
    assert_eq!(entry["messageId"], id);
    assert_eq!(entry["responseStatus"], 500);
    assert_eq!(entry["responseBody"], "boom");
    let (time, count) = entry["dlqId"].as_str().unwrap().split_once('-').unwrap();
    assert!(time.parse::<u64>().is_ok() && count == "0");
    assert_eq!(server.dead_letters().await[0].message.message_id.as_str(), id);
}

#[tokio::test]
async fn the_log_is_listed_under_both_of_its_paths() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let id = publish(&server, &destination.url("/")).accepted().await;
    server.settled().await;
    for (target, name) in [("/v2/logs", "logs"), ("/v2/events", "events"), ("/v2/events/?x=1", "events")] {
        let json = get(&server, target).send().await.json();
        assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), [name]);
        let entries = json[name].as_array().unwrap();
        let states: Vec<_> = entries.iter().map(|entry| entry["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["DELIVERED", "ACTIVE", "CREATED"]);
        assert!(entries.iter().all(|entry| entry["messageId"] == id));
    }
}

#[tokio::test]
async fn a_listing_shows_a_hundred_entries_unless_it_is_told_otherwise() {
    let server = DevServer::start().await.unwrap();
    for _ in 0..120 {
        publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
    }
    let length = async |target: &str| {
        let answer = get(&server, target).send().await.json();
        answer["logs"].as_array().or(answer["events"].as_array()).map_or(0, Vec::len)
    };
    assert_eq!(length("/v2/logs").await, 100);
    // As much as there may be.
    assert_eq!(length("/v2/events").await, 120);
    assert_eq!(length("/v2/logs?count=7").await, 7);
    assert_eq!(length("/v2/logs?count=1000").await, 120);
    assert_eq!(server.log().await.len(), 120);
    for target in ["/v2/logs?count=0", "/v2/logs?count=1001", "/v2/dlq?count=101", "/v2/events?count=x"] {
        let answer = get(&server, target).send().await;
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.error().starts_with("count: "));
    }
}
