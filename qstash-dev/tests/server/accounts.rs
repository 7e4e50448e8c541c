//! The published development users: each has what is its own, and the vendor's console may look at it.

use std::time::SystemTime;

use qstash_dev::{Account, DevServer};
use qstash_verify::{Presented, Verifier};
use serde_json::{Value, json};

use crate::{
    client::{Call, call, get, publish},
    destination::Destination,
};

const CONSOLE: &str = "https://console.upstash.com";

async fn server() -> DevServer {
    DevServer::builder().published_users().start().await.unwrap()
}

fn by(token: &str, call: Call) -> Call {
    call.without("Authorization").header("Authorization", &format!("Bearer {token}"))
}

async fn answer(call: Call) -> Value {
    let answer = call.send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn published_users_have_the_published_tokens_and_keys() {
    let server = server().await;
    let default = "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=";
    assert_eq!(server.token(), default);
    let keys = answer(by(default, get(&server, "/v2/keys"))).await;
    let expected = json!({
        "current": "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r",
        "next": "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs",
    });
    assert_eq!(keys, expected);
    for account in server.accounts() {
        let shown = format!("{account:?}");
        assert!(!shown.contains(&account.token) && !shown.contains("sig_"), "{shown}");
        let refused = Verifier::builder(account.signing_keys.clone()).any_destination().build();
        assert!(refused.is_err(), "{account:?}");
        Verifier::builder(account.signing_keys).any_destination().allow_published_dev_keys().build().unwrap();
    }
    assert_eq!(server.accounts().count(), 4);
}

#[tokio::test]
async fn a_user_sees_nothing_of_another() {
    let server = server().await;
    let destination = Destination::answering(200).await;
    let users: Vec<Account> = server.accounts().collect();
    let [first, second] = [&users[0].token, &users[1].token];
    let url = destination.url("/");
    let waiting = || publish(&server, &url).header("Upstash-Delay", "1h");
    let own = by(second, waiting()).accepted().await;
    let queue = call(&server, "POST", "/v2/queues").body(r#"{"queueName":"emails","parallelism":1}"#);
    assert_eq!(by(second, queue).send().await.status, 200);
    let schedule = call(&server, "POST", &format!("/v2/schedules/{url}")).header("Upstash-Cron", "0 0 1 1 *");
    assert_eq!(by(second, schedule).send().await.status, 200);
    let rotated = answer(by(second, call(&server, "POST", "/v2/keys/rotate"))).await;
    assert_eq!(rotated["current"], "sig_5NoELc3EFnZn4DVS5bDs2Nk4b7Ua");

    assert_eq!(answer(by(first, get(&server, "/v2/queues"))).await, json!([]));
    assert_eq!(answer(by(first, get(&server, "/v2/schedules"))).await, json!([]));
    assert_eq!(answer(by(first, get(&server, "/v2/logs"))).await["logs"], json!([]));
    assert_eq!(by(first, get(&server, &format!("/v2/messages/{own}"))).send().await.status, 404);
    let cancelled = answer(by(first, call(&server, "DELETE", "/v2/messages"))).await;
    assert_eq!(cancelled["cancelled"], 0);
    let keys = answer(by(first, get(&server, "/v2/keys"))).await;
    assert_eq!(keys["current"], "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r");
    assert_eq!(by(second, get(&server, &format!("/v2/messages/{own}"))).send().await.status, 200);
}

#[tokio::test]
async fn deliveries_are_signed_with_the_keys_of_the_user_who_published() {
    let server = server().await;
    let destination = Destination::answering(200).await;
    for account in server.accounts() {
        by(&account.token, publish(&server, &destination.url("/"))).accepted().await;
        server.settled().await;
        let received = destination.received().pop().unwrap();
        let verifier = Verifier::builder(account.signing_keys)
            .any_destination()
            .allow_published_dev_keys()
            .build()
            .unwrap();
        let signature = received.header("upstash-signature").unwrap();
        let request = Presented::new([signature.as_bytes()], received.target());
        verifier.verify(&request, received.body.clone(), SystemTime::now()).unwrap();
    }
}

#[tokio::test]
async fn the_token_for_reading_does_not_publish() {
    let server = server().await;
    for account in server.accounts() {
        let token = &account.read_only_token;
        assert_eq!(by(token, get(&server, "/v2/logs")).send().await.status, 200);
        let refused = by(token, publish(&server, "http://127.0.0.1:9/")).send().await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.error(), "Authorization: the token is read-only");
    }
}

#[tokio::test]
async fn the_console_may_ask_in_advance_and_read_the_answer() {
    let server = server().await;
    let preflight = call(&server, "OPTIONS", "/v2/publish/http://127.0.0.1:9/")
        .without("Authorization")
        .header("Origin", CONSOLE)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization,content-type,upstash-delay,x-other");
    let allowed = preflight.send().await;
    assert_eq!((allowed.status, allowed.text().as_str()), (204, ""));
    for header in [
        "access-control-allow-origin: https://console.upstash.com",
        "access-control-allow-methods: get, post, put, patch, delete, options",
        "access-control-allow-headers: authorization, content-type, upstash-delay\r\n",
        "access-control-allow-private-network: true",
        "vary: origin",
    ] {
        assert!(allowed.head.contains(header), "{header} is missing: {}", allowed.head);
    }
    let read = get(&server, "/v2/keys").header("Origin", CONSOLE).send().await;
    assert_eq!(read.status, 200);
    let refused = get(&server, "/v2/keys").without("Authorization").header("Origin", CONSOLE).send().await;
    assert_eq!(refused.status, 401);
    for answer in [read, refused] {
        assert!(answer.head.contains("access-control-allow-origin: https://console.upstash.com"));
    }
}

#[tokio::test]
async fn no_other_page_may_and_no_page_at_all_where_the_users_are_not_the_published_ones() {
    let published = server().await;
    let own = DevServer::start().await.unwrap();
    let strangers = [
        (&published, "https://console.upstash.com.example.com"),
        (&published, "http://console.upstash.com"),
        (&published, "https://upstash.com"),
        (&published, "https://console.upstash.com:8443"),
        (&published, "null"),
        (&own, CONSOLE),
    ];
    for (server, origin) in strangers {
        let preflight = call(server, "OPTIONS", "/v2/keys")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "GET");
        for call in [preflight, get(server, "/v2/keys").header("Origin", origin)] {
            let answer = call.send().await;
            assert_eq!(answer.status, 403, "{origin}");
            assert!(!answer.head.contains("access-control"), "{origin}: {}", answer.head);
        }
    }
    let both = get(&published, "/v2/keys").header("Origin", CONSOLE).header("Origin", "https://example.com");
    assert_eq!(both.send().await.status, 403);
    let rebound = get(&published, "/v2/keys").without("Host").header("Host", "example.com");
    assert_eq!(rebound.header("Origin", CONSOLE).send().await.status, 403);
}
