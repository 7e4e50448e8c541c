//! The dead letter queue, call by call.

use http::Method;
use qstash_client::MessageOptions;

use crate::support::{Script, ok};

const LETTER: &str = r#"{"dlqId":"1-0","messageId":"msg_1","url":"https://example.com","method":"POST","createdAt":1,
    "responseStatus":500,"responseHeader":{"Content-Type":["text/plain"]},"responseBody":"boom","new":[]}"#;

fn target(server: &Script) -> (Method, String) {
    let request = server.request();
    (request.method().clone(), request.uri().path_and_query().unwrap().to_string())
}

#[tokio::test]
async fn one_entry_is_read_deleted_and_retried() {
    let server = Script::new([ok(LETTER)]);
    let letter = server.client().dead_letter("1-0").get().await.unwrap();
    assert_eq!((letter.response_status, &letter.response_body[..]), (Some(500), &b"boom"[..]));
    assert_eq!(target(&server), (Method::GET, "/v2/dlq/1-0".into()));

    let server = Script::new([ok(r#"{"messageId":"msg_1","url":"https://example.com","createdAt":1}"#)]);
    assert_eq!(server.client().dead_letter("1-0").get().await.unwrap().dlq_id.as_str(), "1-0");

    let server = Script::new([ok("")]);
    server.client().dead_letter("1-0").delete().await.unwrap();
    assert_eq!(target(&server), (Method::DELETE, "/v2/dlq/1-0".into()));

    let server = Script::new([ok(r#"{"messageId":"msg_9"}"#)]);
    let overrides = MessageOptions::new().retries(0);
    let receipt = server.client().dead_letter("1-0").retry_with(&overrides).await.unwrap();
    assert_eq!(receipt.message_id.as_str(), "msg_9");
    assert_eq!(target(&server), (Method::POST, "/v2/dlq/retry/1-0".into()));
    assert_eq!(server.request().headers()["upstash-retries"], "0");
}

#[tokio::test]
async fn a_page_says_where_the_next_one_begins() {
    let first =
        r#"{"messages":[{"dlqId":"1-0","messageId":"msg_1","url":"u","createdAt":1}],"cursor":"1-1"}"#;
    let server = Script::new([ok(first)]);
    let page =
        server.client().dlq().response_status(500).message_id("msg_1").cursor("1-0").list().await.unwrap();
    assert_eq!((page.items.len(), page.cursor.as_deref()), (1, Some("1-1")));
    let query = "/v2/dlq?responseStatus=500&messageId=msg_1&cursor=1-0";
    assert_eq!(target(&server), (Method::GET, query.into()));

    for last in ["{}", r#"{"messages":[],"cursor":""}"#, r#"{"messages":null,"cursor":null,"new":1}"#] {
        let server = Script::new([ok(last)]);
        let page = server.client().dlq().list().await.unwrap();
        assert!(page.items.is_empty() && page.cursor.is_none());
    }
}

#[tokio::test]
async fn several_entries_are_deleted_and_retried() {
    let server = Script::new([ok(r#"{"deleted":100,"cursor":"1-3"}"#)]);
    let answer = server.client().dlq().label("a").delete().await.unwrap();
    assert_eq!((answer.deleted, answer.cursor.as_deref()), (100, Some("1-3")));
    assert_eq!(target(&server), (Method::DELETE, "/v2/dlq?label=a".into()));

    let server =
        Script::new([ok(r#"{"cursor":"","responses":[{"messageId":"msg_9"},{"messageId":"msg_10"}]}"#)]);
    let page = server.client().dlq().ids(["1-0", "1-1"]).retry().await.unwrap();
    assert_eq!((page.items.len(), page.cursor), (2, None));
    assert_eq!(target(&server), (Method::POST, "/v2/dlq/retry?dlqIds=1-0&dlqIds=1-1".into()));

    let server = Script::new([ok(r#"{"deleted":1}"#)]);
    assert_eq!(
        server.client().dlq().message_id("msg_1").message_id("msg_2").delete().await.unwrap().deleted,
        1
    );
    assert_eq!(target(&server), (Method::DELETE, "/v2/dlq?messageId=msg_2".into()));

    for none in [r#"{"deleted":0}"#, "{}", r#"{"deleted":null,"cursor":null,"new":1}"#, r#"{"cursor":""}"#] {
        let server = Script::new([ok(none)]);
        let answer = server.client().dlq().delete_all().await.unwrap();
        assert_eq!((answer.deleted, answer.cursor), (0, None));
        assert_eq!(target(&server), (Method::DELETE, "/v2/dlq".into()));
    }

    let server = Script::new([ok(r#"{"responses":[]}"#)]);
    assert!(server.client().dlq().retry_all().await.unwrap().items.is_empty());
    assert_eq!(target(&server), (Method::POST, "/v2/dlq/retry".into()));
}
