//! Listings and flow control of the client against the local server, where both must mean the same by a call.

use std::{num::NonZeroU32, time::Duration};

use futures_util::TryStreamExt;
use qstash_client::{
    Client, Message, MessageOptions,
    types::{FlowLimits, LogState, MessageId},
};
use qstash_dev::DevServer;

async fn start() -> (DevServer, Client) {
    let qstash = DevServer::start().await.expect("the server starts");
    let client = Client::new(qstash.url(), qstash.token()).expect("a client");
    (qstash, client)
}

fn two() -> NonZeroU32 {
    NonZeroU32::new(2).expect("it is not zero")
}

/// Five messages that have failed for good.
async fn failed(qstash: &DevServer, client: &Client) -> Vec<MessageId> {
    let hook = format!("{}/nothing-here", qstash.url());
    let limits = FlowLimits::default().parallelism(3).rate(100);
    let message = Message::to(&*hook).retries(0).label("a").flow_control("openai/é", limits);
    let mut ids = Vec::new();
    for number in 0..5 {
        let published = client.publish(message.clone().json(&number)).await.expect("it is accepted");
        ids.push(published.message_id().clone());
    }
    qstash.settled().await;
    ids
}

#[tokio::test]
async fn the_dead_letter_queue_is_read_page_by_page_and_emptied() {
    let (qstash, client) = start().await;
    let ids = failed(&qstash, &client).await;
    let letters = client.dlq().label("a").flow_control_key("openai/é").page_size(two());
    let found: Vec<_> = letters.stream().try_collect().await.expect("all pages");
    assert_eq!(found.len(), 5);
    assert!(found.iter().all(|letter| ids.contains(&letter.message.message_id)));

    let first = client.dead_letter(&found[0].dlq_id);
    assert_eq!(first.get().await.expect("it is there"), found[0]);
    first.retry_with(&MessageOptions::new().label("b")).await.expect("it is published again");
    qstash.settled().await;
    assert_eq!(client.dlq().label("b").list().await.expect("a page").items.len(), 1);

    let answer = letters.delete().await.expect("some are deleted");
    assert_eq!((answer.deleted, answer.cursor.is_some()), (2, true));
    let patient = MessageOptions::new().label("c");
    let (mut letters, mut retried) = (client.dlq().label("a").page_size(NonZeroU32::MIN), 0);
    loop {
        let page = letters.retry_with(&patient).await.expect("some are published again");
        retried += page.items.len();
        let Some(cursor) = page.cursor else { break };
        letters = letters.cursor(cursor);
    }
    qstash.settled().await;
    assert_eq!((retried, client.dlq().label("c").list().await.expect("a page").items.len()), (2, 2));
    let answer = client.dlq().delete_all().await.expect("all are deleted");
    assert_eq!((answer.deleted, answer.cursor), (3, None));
    assert_eq!(client.dlq().stream().try_collect::<Vec<_>>().await.expect("all pages"), []);
}

#[tokio::test]
async fn the_log_is_read_page_by_page_and_by_message() {
    let (qstash, client) = start().await;
    let ids = failed(&qstash, &client).await;
    let logs = client.logs().message_ids(&ids);
    let entries: Vec<_> = logs.clone().page_size(two()).stream().try_collect().await.expect("all pages");
    assert_eq!(entries.len(), 20);
    let limits = entries[0].delivery.flow_control.as_ref().expect("flow control").limits;
    assert_eq!((limits.parallelism, limits.rate), (NonZeroU32::new(3), NonZeroU32::new(100)));
    assert_eq!(limits.period, Some(Duration::from_secs(1)));

    let messages: Vec<_> = logs.clone().by_message().stream().try_collect().await.expect("all pages");
    assert_eq!(messages.len(), 5);
    for message in &messages {
        let states: Vec<_> = message.entries.iter().map(|entry| entry.state.as_str()).collect();
        assert_eq!(states, ["FAILED", "ERROR", "ACTIVE", "CREATED"]);
    }

    let errors = logs.state(LogState::Error).state(LogState::Failed).caller_ip([127, 0, 0, 1].into());
    let errors = errors.host("127.0.0.1").path("/nothing-here").list().await.expect("a page");
    assert_eq!(errors.items.len(), 10);
    let one = client.logs().message_id(&ids[0]).label("a").flow_control_key("openai/é").list().await;
    assert_eq!(one.expect("a page").items.len(), 4);
    let none = client.logs().label("unknown").stream().try_collect::<Vec<_>>().await.expect("all pages");
    assert_eq!(none, []);
}

#[tokio::test]
async fn flow_control_is_read_and_changed() {
    let (qstash, client) = start().await;
    failed(&qstash, &client).await;
    let key = client.flow_control("openai/é");
    let record = key.get().await.expect("it is there");
    assert_eq!((record.key.as_str(), record.parallelism_max, record.rate_max), ("openai/é", 3, 100));
    assert_eq!((record.rate_period, record.paused), (Some(Duration::from_secs(1)), false));

    key.pin(FlowLimits::default().rate(7).period(Duration::from_secs(60))).await.expect("it is pinned");
    let pinned = key.get().await.expect("it is there");
    assert_eq!((pinned.parallelism_max, pinned.rate_max, pinned.rate_count), (3, 7, 0));
    assert_eq!(pinned.rate_period, Some(Duration::from_secs(60)));
    assert!(pinned.rate_pinned && !pinned.parallelism_pinned);

    failed(&qstash, &client).await;
    assert_eq!(key.get().await.expect("it is there").rate_count, 5);
    key.reset_rate().await.expect("it is reset");
    assert_eq!(key.get().await.expect("it is there").rate_count, 0);

    key.unpin_parallelism().await.expect("there is nothing to do");
    assert!(key.get().await.expect("it is there").rate_pinned);
    key.unpin_rate().await.expect("it is unpinned");
    key.pause().await.expect("it is paused");
    let paused = key.get().await.expect("it is there");
    assert!(paused.paused && !paused.rate_pinned);
    key.resume().await.expect("it is resumed");
    key.unpin().await.expect("there is nothing to do");

    assert_eq!(client.flow_controls().list().await.expect("a list").len(), 1);
    assert_eq!(client.flow_controls().search("ai/").await.expect("a list")[0].key.as_str(), "openai/é");
    assert_eq!(client.flow_controls().search("other").await.expect("a list"), []);
    assert!(client.flow_control("other").get().await.expect_err("there is none").status().is_some());
    let all = client.global_parallelism().await.expect("it is told");
    assert!(all.parallelism_max > 0 && all.parallelism_count == 0);
}
