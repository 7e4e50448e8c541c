//! A data folder that an older version has written: `folder/qstash.redb`, and beside it what that version showed of it, short
//! of what destinations answered to redacted messages.
//!
//! Its time is the year 2086, so that nothing in it becomes due while a test runs.

use std::fs;

use serde_json::{Map, Value};

use crate::{
    client::{call, get, publish},
    data::Folder,
};

const SHOWN: &str = include_str!("folder/shown.json");

fn folder() -> Folder {
    let folder = Folder::new();
    fs::write(folder.file(), include_bytes!("folder/qstash.redb")).unwrap();
    folder
}

#[tokio::test]
async fn a_folder_of_an_older_version_opens_and_shows_the_same_things() {
    let folder = folder();
    let expected: Map<String, Value> = serde_json::from_str(SHOWN).unwrap();
    // The second time, it is what this version has made of it.
    for _ in 0..2 {
        let server = folder.server().start().await.unwrap();
        server.settled().await;
        for (resource, expected) in &expected {
            if resource != "messages" {
                let shown = get(&server, &format!("/v2/{resource}")).send().await.json();
                assert_eq!(shown, *expected, "{resource}");
            }
        }
        let messages = expected["messages"].as_array().unwrap();
        assert!(messages.len() > 10);
        for expected in messages {
            let id = expected["messageId"].as_str().unwrap();
            let shown = get(&server, &format!("/v2/messages/{id}")).send().await.json();
            assert_eq!(shown, *expected);
        }
        server.shutdown().await;
    }
}

#[tokio::test]
async fn windows_lines_and_slots_of_an_older_version_hold() {
    let folder = folder();
    let server = folder.server().start().await.unwrap();
    // Its window is open.
    let target = "/v2/enqueue/held/http://127.0.0.1:9/held";
    let again =
        call(&server, "POST", target).header("Upstash-Deduplication-Id", "one").body("one").send().await;
    assert_eq!(again.status, 202);
    let shown: Value = serde_json::from_str(SHOWN).unwrap();
    let first =
        shown["messages"].as_array().unwrap().iter().find(|message| message["body"] == "one").unwrap();
    assert_eq!(again.json()["messageId"], first["messageId"]);
    // One message of this queue was delivered, and its callback has not come to its end.
    let line = get(&server, "/v2/queues/line").send().await.json();
    assert_eq!(line["lag"], 1);
    server.settled().await;
    assert_eq!(get(&server, "/v2/queues/line").send().await.json()["lag"], 1);
    // What is published now comes behind what was there.
    publish(&server, "http://127.0.0.1:9/new").header("Upstash-Delay", "1d").accepted().await;
}
