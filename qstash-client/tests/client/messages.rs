//! Messages on their way: reading one, cancelling one or several.

use std::time::{Duration, SystemTime};

use crate::support::{Script, ok};
use http::Method;

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
        .host("h")
        .path("/a b")
        .caller_ip([127, 0, 0, 1].into())
        .from(SystemTime::UNIX_EPOCH + Duration::from_millis(1500))
        .until(SystemTime::UNIX_EPOCH + Duration::from_secs(2))
        .at_most(5.try_into().unwrap());
    assert_eq!(filtered.cancel().await.unwrap(), 12);
    assert_eq!(server.request().method(), Method::DELETE);
    assert_eq!(
        server.request().uri().path_and_query().unwrap().as_str(),
        "/v2/messages?label=a%20b&label=c&url=https%3A%2F%2Fh%2F%3Fx%3D1%2C2&queueName=emails&topicName=news\
         &scheduleId=nightly&flowControlKey=k%2F1&host=h&path=%2Fa%20b&callerIp=127.0.0.1&fromDate=1500&toDate=2000&count=5"
    );

    let server = Script::new([ok(r#"{"cancelled":2}"#)]);
    assert_eq!(server.client().messages().ids(["msg_1", "msg_2"]).cancel().await.unwrap(), 2);
    assert_eq!(server.request().uri().query(), Some("messageIds=msg_1&messageIds=msg_2"));

    for (answer, cancelled) in [(r#"{"cancelled":3,"new":1}"#, 3), (r#"{"cancelled":null}"#, 0), ("{}", 0)] {
        let server = Script::new([ok(answer)]);
        assert_eq!(server.client().messages().cancel_all().await.unwrap(), cancelled);
        assert_eq!(server.request().uri().path_and_query().unwrap().as_str(), "/v2/messages");
    }
}
