//! The client against the local server, where both must mean the same by a call.

use futures_util::{StreamExt, stream};
use qstash_client::{Client, Message, error::CheckError};
use qstash_dev::DevServer;

#[tokio::test]
async fn a_batch_is_answered_message_by_message() {
    let qstash = DevServer::start().await.expect("the server starts");
    let client = Client::new(qstash.url(), qstash.token()).expect("a client");
    let hook = format!("{}/nothing-here", qstash.url());
    let outcome = client
        .batch([
            Message::to(&*hook).text("one").retries(0),
            Message::to_url_group("unknown").text("two"),
            Message::to(&*hook).text("three").retries(0).in_queue("emails"),
            Message::to(&*hook).text("one").retries(0),
        ])
        .await
        .expect("no mistake");
    let accepted: Vec<_> = outcome.results().iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [true, false, true, true], "{outcome:?}");
    assert_eq!(outcome.failures().count(), 1);
}

#[tokio::test]
async fn a_stream_of_messages_is_accepted() {
    let qstash = DevServer::start().await.expect("the server starts");
    let client = Client::new(qstash.url(), qstash.token()).expect("a client");
    let hook = format!("{}/nothing-here", qstash.url());
    let messages = stream::iter(0..250).map(move |number| Message::to(&*hook).json(&number).retries(0));
    let results: Vec<_> = client.publisher().publish(messages).collect().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 250);
}

#[tokio::test]
async fn the_check_finds_a_wrong_token() {
    let qstash = DevServer::start().await.expect("the server starts");
    Client::new(qstash.url(), qstash.token()).expect("a client").check().await.expect("it fits");
    let stranger = Client::new(qstash.url(), "wrong").expect("a client");
    assert!(matches!(stranger.check().await, Err(CheckError::Token(_))));
}
