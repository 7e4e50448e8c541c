//! Messages on their way: reading and cancelling one.

use http::Method;

use crate::support::{Script, ok};

#[tokio::test]
async fn a_message_is_read_and_cancelled_by_its_id() {
    let record =
        r#"{"messageId":"msg_3","url":"https://example.com/hook","createdAt":1754565618803,"new":{}}"#;
    let server = Script::new([ok(record)]);
    let message = server.client().message("msg_3").get().await.unwrap();
    assert_eq!(message.url, "https://example.com/hook");
    assert_eq!(
        (server.request().method(), server.request().uri().path()),
        (&Method::GET, "/v2/messages/msg_3")
    );

    let server = Script::new([ok(r#"{"cancelled":1}"#)]);
    server.client().message("msg 3/a").cancel().await.unwrap();
    let request = server.request();
    assert_eq!((request.method(), request.uri().path()), (&Method::DELETE, "/v2/messages/msg%203%2Fa"));
}

#[tokio::test]
async fn an_empty_id_never_reaches_the_call_that_cancels_everything() {
    for id in ["", " ", ".", ".."] {
        let server = Script::default();
        assert!(server.client().message(id).cancel().await.unwrap_err().to_string().contains("message id"));
        assert!(server.requests().is_empty());
    }
}
