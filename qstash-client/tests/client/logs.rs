//! The log, call by call.

use std::time::{Duration, SystemTime};

use qstash_client::types::LogState;

use crate::support::{Script, ok};

const ENTRY: &str =
    r#"{"time":1686652644442,"messageId":"msg_1","state":"ERROR","url":"https://example.com","new":[]}"#;

fn target(server: &Script) -> String {
    let request = server.request();
    assert_eq!(request.method(), "GET");
    request.uri().path_and_query().unwrap().to_string()
}

#[tokio::test]
async fn a_page_is_read_whichever_name_the_list_has() {
    for lists in [
        format!(r#""logs":[{ENTRY}]"#),
        format!(r#""events":[{ENTRY}]"#),
        format!(r#""logs":null,"events":[{ENTRY}],"messages":[]"#),
        format!(r#""logs":[{ENTRY}],"events":[{ENTRY}]"#),
    ] {
        let page = format!(r#"{{"cursor":"9007199254740993-12",{lists}}}"#);
        let server = Script::new([ok(page.leak())]);
        let page = server.client().logs().list().await.unwrap();
        assert_eq!((page.items.len(), page.cursor.as_deref()), (1, Some("9007199254740993-12")));
        assert_eq!(page.items[0].state, LogState::Error);
        assert_eq!(target(&server), "/v2/logs");
    }
}

#[tokio::test]
async fn every_filter_is_a_parameter() {
    let server = Script::new([ok("{}")]);
    let page = server
        .client()
        .logs()
        .message_id("msg_1")
        .message_ids(["msg_2", "msg_3"])
        .state(LogState::InProgress)
        .state("CANCELLED")
        .url("https://h/?x=1,2")
        .host("h")
        .path("/a b")
        .url_group("news")
        .queue("emails")
        .schedule("nightly")
        .label("a")
        .label("b")
        .flow_control_key("k/1")
        .caller_ip([127, 0, 0, 1].into())
        .from(SystemTime::UNIX_EPOCH + Duration::from_millis(1500))
        .until(SystemTime::UNIX_EPOCH + Duration::from_secs(2))
        .page_size(1000.try_into().unwrap())
        .cursor("1-0")
        .list()
        .await
        .unwrap();
    assert!(page.items.is_empty() && page.cursor.is_none());
    assert_eq!(
        target(&server),
        "/v2/logs?messageId=msg_1&messageIds=msg_2&messageIds=msg_3&state=IN_PROGRESS&state=CANCELED\
         &url=https%3A%2F%2Fh%2F%3Fx%3D1%2C2&host=h&path=%2Fa%20b&topicName=news&queueName=emails\
         &scheduleId=nightly&label=a&label=b&flowControlKey=k%2F1&callerIp=127.0.0.1&fromDate=1500&toDate=2000\
         &count=1000&cursor=1-0"
    );
}

#[tokio::test]
async fn the_entries_of_a_message_come_together_when_they_are_asked_for_by_message() {
    let page =
        format!(r#"{{"cursor":"1-0","messages":[{{"messageId":"msg_1","events":[{ENTRY},{ENTRY}]}}]}}"#);
    let server = Script::new([ok(page.leak())]);
    let page = server.client().logs().label("a").by_message().list().await.unwrap();
    assert_eq!(page.cursor.as_deref(), Some("1-0"));
    assert_eq!((page.items[0].message_id.as_str(), page.items[0].entries.len()), ("msg_1", 2));
    assert_eq!(target(&server), "/v2/logs?label=a&groupBy=messageId");
}
