//! QStash cannot call this machine; a local server can.

use qstash_client::{CallbackTarget, Client, Error, Message, MessageOptions, url_groups::Endpoint};

use crate::support::Script;

const HOSTED: [&str; 3] =
    ["https://qstash.upstash.io", "https://qstash-eu-central-1.upstash.io", "https://QSTASH.Upstash.io/"];
const OTHERS: [&str; 4] = [
    "http://127.0.0.1:8080",
    "https://gateway.example",
    "https://notupstash.io",
    "https://upstash.io.example",
];
const HERE: [&str; 7] = [
    "http://localhost:3000/hook",
    "http://app.localhost",
    "http://127.0.0.1/hook?a=1",
    "http://127.1:8080",
    "http://0.0.0.0:3000",
    "http://[::1]:3000/",
    "http://[::ffff:127.0.0.1]",
];

/// Every call that asks QStash to call a URL sooner or later, with the field that the URL is.
async fn calls(client: &Client, url: &str) -> Vec<(&'static str, Result<(), Error>)> {
    let there = || Message::to("https://h");
    let options = || MessageOptions::new().failure_callback(url);
    vec![
        ("destination", client.publish(Message::to(url)).await.map(drop)),
        ("destination", client.queue("q").enqueue(Message::to(url)).await.map(drop)),
        ("messages[1] destination", client.batch([there(), Message::to(url)]).await.map(drop)),
        ("destination", client.schedules().create("0 4 * * *", Message::to(url)).await.map(drop)),
        ("callback URL", client.publish(there().callback(url)).await.map(drop)),
        (
            "failure callback URL",
            client.publish(there().failure_callback(CallbackTarget::to(url))).await.map(drop),
        ),
        ("failure callback URL", client.dead_letter("1-0").retry_with(&options()).await.map(drop)),
        ("failure callback URL", client.dlq().label("a").retry_with(&options()).await.map(drop)),
        ("failure callback URL", client.url_group("g").set_defaults(&options()).await),
        ("endpoint URL", client.url_group("g").upsert([Endpoint::new(url)]).await),
    ]
}

#[tokio::test]
async fn a_url_of_this_machine_is_refused_for_qstash_itself_and_for_no_other_server() {
    for url in HERE {
        for base_url in HOSTED {
            let server = Script::default();
            let client = server.builder().base_url(base_url).build().unwrap();
            for (field, answer) in calls(&client, url).await {
                let Err(Error::Input(mistake)) = answer else { panic!("{field} at {base_url}: {answer:?}") };
                assert_eq!(mistake.field(), field);
                assert!(mistake.to_string().contains("qstash-dev"), "{mistake}");
            }
            assert!(server.requests().is_empty());
        }
        for base_url in OTHERS {
            let client = Script::default().builder().base_url(base_url).build().unwrap();
            for (field, answer) in calls(&client, url).await {
                assert!(!matches!(answer, Err(Error::Input(_))), "{field} at {base_url}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_public_url_is_sent_to_qstash() {
    let client = Script::default().builder().base_url(HOSTED[0]).build().unwrap();
    for url in
        ["https://example.com", "https://localhost.example", "http://10.0.0.1", "https://[2001:db8::1]/"]
    {
        client.publish(Message::to(url).callback(url)).await.unwrap();
    }
}
