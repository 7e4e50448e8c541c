//! The URL that the client makes for a webhook, and what the local server makes of it.

use qstash_client::{Client, Message};
use qstash_dev::DevServer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Posts as a service does that knows nothing but the URL. Gives the status line of the answer.
async fn post(url: &str, body: &str) -> String {
    let (authority, target) =
        url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an absolute URL");
    let request = format!(
        "POST /{target} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\nx-event: push\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(authority).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_a_stranger_posts_to_a_webhook_is_a_message_with_the_options_of_the_url() {
    let qstash = DevServer::start().await.expect("the server starts");
    let client = Client::new(qstash.url(), qstash.token()).expect("a client");
    let hook = format!("{}/nothing-here?a=1", qstash.url());
    let message = Message::to(&*hook).retries(0).label("über uns").label("b").forward_all_headers();
    let url = client.webhook_url(message).expect("all of it fits into a URL");
    assert_eq!(post(&url, r#"{"ref":"main"}"#).await, "HTTP/1.1 200 OK");
    qstash.settled().await;

    let letters = client.dlq().label("b").list().await.expect("a page").items;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter.message.url, hook, "without the options and the token");
    assert_eq!(letter.message.delivery.body, r#"{"ref":"main"}"#);
    assert_eq!(letter.message.delivery.retries, Some(0));
    let names: Vec<_> = letter.message.delivery.headers.iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"X-Event") && names.contains(&"Content-Type"), "{names:?}");
}
