//! Listings as streams over all their pages.

use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt};
use qstash_client::Error;

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

/// The messages of the dead letter queue that have a label, as a stream of their ids.
fn ids(server: &Script) -> impl Stream<Item = Result<String, Error>> + Send + Unpin + use<> {
    let letters = server.client().dlq().label("a").stream();
    letters.map_ok(|letter| letter.message.message_id.to_string())
}

#[tokio::test]
async fn a_stream_goes_through_all_pages_and_ends() {
    let server =
        Script::new([page(&["msg_1", "msg_2"], "1-1"), page(&["msg_3"], "1-2"), page(&["msg_4"], "")]);
    let mut ids = ids(&server);
    let mut seen = Vec::new();
    while let Some(id) = ids.try_next().await.unwrap() {
        seen.push(id);
    }
    assert_eq!(seen, ["msg_1", "msg_2", "msg_3", "msg_4"]);
    assert_eq!(queries(&server), ["label=a", "label=a&cursor=1-1", "label=a&cursor=1-2"]);
    assert!(ids.try_next().await.unwrap().is_none());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn nothing_is_read_before_it_is_needed() {
    let server = Script::new([page(&["msg_1", "msg_2"], "1-1"), page(&["msg_3"], "")]);
    let mut ids = ids(&server);
    assert_eq!(server.requests().len(), 0);
    for calls in [1, 1, 2] {
        ids.try_next().await.unwrap().unwrap();
        assert_eq!(server.requests().len(), calls);
    }
    assert!(ids.try_next().await.unwrap().is_none());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_empty_page_with_a_cursor_is_not_the_end() {
    let server =
        Script::new([page(&[], "1-1"), page(&[], "1-2"), page(&["msg_1"], ""), page(&["msg_2"], "")]);
    let ids: Vec<_> = ids(&server).try_collect().await.unwrap();
    assert_eq!(ids, ["msg_1"]);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn an_error_is_yielded_once_and_is_the_end() {
    let server = Script::new([page(&["msg_1"], "1-1"), status(400, "odd"), page(&["msg_2"], "")]);
    let mut ids = ids(&server);
    ids.next().await.unwrap().unwrap();
    assert_eq!(ids.next().await.unwrap().unwrap_err().status().unwrap(), 400);
    assert!(ids.next().await.is_none());
    assert!(ids.next().await.is_none());
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
    for cursors in [&["1-1", "1-1"][..], &["1-1", "1-2", "1-1"], &["1-1", "1-2", "1-3", "1-2"]] {
        let server = Script::new(cursors.iter().map(|cursor| page(&["msg"], cursor)));
        let items: Vec<_> = ids(&server).collect().await;
        let (last, read) = items.split_last().unwrap();
        assert!(read.iter().all(Result::is_ok), "{items:?}");
        let error = last.as_ref().unwrap_err();
        assert!(matches!(error, Error::Decode(_)));
        assert!(error.to_string().contains("cursor"), "{error}");
        assert_eq!((server.requests().len(), read.len()), (cursors.len(), cursors.len()));
    }
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
    let mut ids = ids(&server);
    assert_eq!(ids.next().await.unwrap().unwrap(), "msg_1");
    // Dropped before it was polled for the first time.
    drop(ids.next());
    let next = tokio::spawn(async move { ids.next().await });
    assert_eq!(next.await.unwrap().unwrap().unwrap(), "msg_2");
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

#[tokio::test]
async fn an_odd_field_hides_neither_its_entry_nor_the_others() {
    let page = r#"{"messages": [
        {"dlqId": "1-0", "messageId": "msg_1", "createdAt": 1e400, "responseBodyBase64": "REDACTED:00ff", "maxRetries": -1},
        {"dlqId": "2-0", "messageId": "msg_2", "url": "https://example.com", "createdAt": 1}
    ]}"#;
    let server = Script::new([ok(page)]);
    let letters: Vec<_> = server.client().dlq().label("a").stream().try_collect().await.unwrap();
    let odd: Vec<_> = letters[0].message.odd.iter().chain(letters[0].odd.iter()).collect();
    assert_eq!(
        odd,
        [("maxRetries", "-1"), ("createdAt", "1e400"), ("responseBodyBase64", r#""REDACTED:00ff""#)]
    );
    assert_eq!((letters[1].message.url.as_str(), letters[1].odd.is_empty()), ("https://example.com", true));
}
