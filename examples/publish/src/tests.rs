use std::time::Duration;

use qstash_client::Client;
use qstash_dev::DevServer;

use super::message;

#[tokio::test]
async fn a_message_that_fails_is_reported_after_every_attempt_and_once_at_the_end() {
    let qstash = DevServer::start().await.unwrap();
    let client = Client::new(qstash.url(), qstash.token()).unwrap();

    // Nobody listens there.
    let published = client.publish(message("http://127.0.0.1:1/render", "http://127.0.0.1:1")).await.unwrap();
    let waiting = client.message(published.message_id()).get().await.unwrap();
    assert_eq!(waiting.delivery.body, r#"{"document":"annual report","pages":42}"#);
    qstash.advance(Duration::from_secs(24 * 3600)).await;

    let dead = qstash.dead_letters().await;
    let ended = |path| dead.iter().filter(|letter| letter.message.url.ends_with(path)).count();
    assert_eq!((ended("/render"), ended("/callback"), ended("/failure-callback")), (1, 4, 1));
}
