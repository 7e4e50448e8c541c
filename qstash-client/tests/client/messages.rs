//! Messages on their way: reading one, cancelling one or several.

use std::time::{Duration, SystemTime};

use http::Method;
use qstash_client::Messages;

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

#[tokio::test]
async fn filters_become_repeated_parameters() {
    let server = Script::new([ok(r#"{"cancelled":12}"#)]);
    let filtered = server
        .client()
        .messages()
        .label("a b")
        .label("c")
        .url("https://h/?x=1,2")
        .queue("emails")
        .url_group("news")
        .schedule("nightly")
        .flow_control_key("k/1")
        .from(SystemTime::UNIX_EPOCH + Duration::from_millis(1500))
        .until(SystemTime::UNIX_EPOCH + Duration::from_secs(2))
        .count(5.try_into().unwrap());
    assert_eq!(filtered.cancel().await.unwrap(), 12);
    assert_eq!(server.request().method(), Method::DELETE);
    assert_eq!(
        server.request().uri().path_and_query().unwrap().as_str(),
        "/v2/messages?label=a%20b&label=c&url=https%3A%2F%2Fh%2F%3Fx%3D1%2C2&queueName=emails&topicName=news\
         &scheduleId=nightly&flowControlKey=k%2F1&fromDate=1500&toDate=2000&count=5"
    );

    let server = Script::new([ok(r#"{"cancelled":2}"#)]);
    assert_eq!(server.client().messages().ids(["msg_1", "msg_2"]).cancel().await.unwrap(), 2);
    assert_eq!(server.request().uri().query(), Some("messageIds=msg_1&messageIds=msg_2"));

    let server = Script::new([ok(r#"{"cancelled":3}"#)]);
    assert_eq!(server.client().messages().cancel_all().await.unwrap(), 3);
    assert_eq!(server.request().uri().path_and_query().unwrap().as_str(), "/v2/messages");
}

#[tokio::test]
async fn nothing_is_cancelled_by_accident() {
    let refused: [fn(Messages) -> Messages; 6] = [
        |all| all,
        |all| all.count(5.try_into().unwrap()),
        |all| all.ids([""; 0]),
        |all| all.ids([""]),
        |all| all.label(" "),
        |all| all.ids(["msg_1"]).label("a"),
    ];
    for filter in refused {
        let server = Script::default();
        filter(server.client().messages()).cancel().await.unwrap_err();
        assert!(server.requests().is_empty());
    }
    let server = Script::default();
    server.client().messages().label("a").cancel_all().await.unwrap_err();
    assert!(server.requests().is_empty());
}
