//! Listings as streams over all their pages.

use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt};
use qstash_client::{DeadLetter, Error};

use crate::support::{Answer, Script, ok, status};

/// A page of the dead letter queue.
fn page(messages: &[&str], cursor: &str) -> Answer {
    let letters = messages.iter().map(|id| {
        format!(r#"{{"dlqId":"{id}-0","messageId":"{id}","url":"https://example.com","createdAt":1}}"#)
    });
    let letters = letters.collect::<Vec<_>>().join(",");
    ok(format!(r#"{{"messages":[{letters}],"cursor":"{cursor}"}}"#).leak())
}

fn queries(server: &Script) -> Vec<String> {
    let requests = server.requests();
    requests.iter().map(|request| request.uri().query().unwrap_or_default().to_owned()).collect()
}

fn letters(server: &Script) -> impl Stream<Item = Result<DeadLetter, Error>> + Send + Unpin + use<> {
    server.client().dlq().label("a").stream()
}

fn id(letter: DeadLetter) -> String {
    letter.message.message_id.to_string()
}

#[tokio::test]
async fn a_stream_goes_through_all_pages_and_ends() {
    let server =
        Script::new([page(&["msg_1", "msg_2"], "1-1"), page(&["msg_3"], "1-2"), page(&["msg_4"], "")]);
    let mut letters = letters(&server).map_ok(id);
    let mut ids = Vec::new();
    while let Some(id) = letters.try_next().await.unwrap() {
        ids.push(id);
    }
    assert_eq!(ids, ["msg_1", "msg_2", "msg_3", "msg_4"]);
    assert_eq!(queries(&server), ["label=a", "label=a&cursor=1-1", "label=a&cursor=1-2"]);
    assert!(letters.try_next().await.unwrap().is_none());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn nothing_is_read_before_it_is_needed() {
    let server = Script::new([page(&["msg_1", "msg_2"], "1-1"), page(&["msg_3"], "")]);
    let mut letters = letters(&server);
    assert_eq!(server.requests().len(), 0);
    for calls in [1, 1, 2] {
        letters.try_next().await.unwrap().unwrap();
        assert_eq!(server.requests().len(), calls);
    }
    assert!(letters.try_next().await.unwrap().is_none());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_empty_page_with_a_cursor_is_not_the_end() {
    let server =
        Script::new([page(&[], "1-1"), page(&[], "1-2"), page(&["msg_1"], ""), page(&["msg_2"], "")]);
    let letters: Vec<_> = letters(&server).map_ok(id).try_collect().await.unwrap();
    assert_eq!(letters, ["msg_1"]);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn an_error_is_yielded_once_and_is_the_end() {
    let server = Script::new([page(&["msg_1"], "1-1"), status(400, "odd"), page(&["msg_2"], "")]);
    let mut letters = letters(&server);
    letters.next().await.unwrap().unwrap();
    assert_eq!(letters.next().await.unwrap().unwrap_err().status().unwrap(), 400);
    assert!(letters.next().await.is_none());
    assert!(letters.next().await.is_none());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_mistake_in_a_filter_is_the_only_item() {
    let server = Script::default();
    let mut letters = server.client().dlq().label(" ").stream();
    assert!(matches!(letters.next().await, Some(Err(Error::Input(_)))));
    assert!(letters.next().await.is_none());
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_gives_the_same_cursor_again_is_not_asked_for_ever() {
    let server = Script::new([page(&["msg_1"], "1-1"), page(&["msg_2"], "1-1"), page(&["msg_3"], "1-1")]);
    let items: Vec<_> = letters(&server).map_ok(id).collect().await;
    assert_eq!(items.len(), 3);
    assert_eq!(items[1].as_ref().unwrap(), "msg_2");
    let error = items[2].as_ref().unwrap_err();
    assert!(matches!(error, Error::Decode(_)));
    assert!(error.to_string().contains("cursor"), "{error}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_stream_begins_where_the_listing_was_told_to() {
    let server = Script::new([page(&["msg_1"], "1-2"), page(&[], "")]);
    let letters = server.client().dlq().cursor("1-1").stream();
    assert_eq!(letters.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(queries(&server), ["cursor=1-1", "cursor=1-2"]);
}

#[tokio::test]
async fn a_stream_can_be_left_and_taken_up_again() {
    let server = Script::new([page(&["msg_1"], "1-1"), page(&["msg_2"], "")]);
    let mut letters = letters(&server);
    assert_eq!(id(letters.next().await.unwrap().unwrap()), "msg_1");
    // Dropped before it was polled for the first time.
    drop(letters.next());
    let next = tokio::spawn(async move { letters.next().await });
    assert_eq!(id(next.await.unwrap().unwrap().unwrap()), "msg_2");
}

#[tokio::test]
async fn the_log_is_a_stream_of_entries_and_a_stream_of_messages() {
    const ENTRY: &str = r#"{"time":1,"messageId":"msg_1","state":"CREATED"}"#;
    let pages = [
        format!(r#"{{"logs":[{ENTRY}],"cursor":"1-1"}}"#),
        format!(r#"{{"events":[{ENTRY},{ENTRY}]}}"#),
        format!(r#"{{"messages":[{{"messageId":"msg_1","events":[{ENTRY}]}}],"cursor":"1-1"}}"#),
        r#"{"messages":[{"messageId":"msg_2"}]}"#.to_owned(),
    ];
    let server = Script::new(pages.map(|page| ok(page.leak())));
    let logs = server.client().logs();
    assert_eq!(logs.stream().try_collect::<Vec<_>>().await.unwrap().len(), 3);
    let messages: Vec<_> = logs.by_message().stream().try_collect().await.unwrap();
    assert_eq!(messages.iter().map(|message| message.entries.len()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(queries(&server), ["", "cursor=1-1", "groupBy=messageId", "groupBy=messageId&cursor=1-1"]);
}
