//! Listings and bulk actions over more entries than a page has reach their end by the loops of the client's documentation,
//! also when entries come and go in between.

use std::{collections::BTreeSet, time::Duration};

use futures_util::TryStreamExt;
use qstash_client::{
    Client, Message, MessageOptions,
    dlq::DeadLetters,
    messages::Messages,
    types::{DlqId, MessageId},
};
use qstash_dev::DevServer;

const ENTRIES: usize = 350;
const LABEL: &str = "bulk";

/// Something with entries in it: messages that wait, or messages that have failed.
struct Place {
    qstash: DevServer,
    client: Client,
}

impl Place {
    async fn new() -> Self {
        let qstash = DevServer::start().await.expect("the server starts");
        let client = Client::new(qstash.url(), qstash.token()).expect("a client");
        Self { qstash, client }
    }

    /// Messages to a path where nothing is.
    fn messages(&self, count: usize) -> impl Iterator<Item = Message> {
        let hook = format!("{}/nothing-here", self.qstash.url());
        (0..count).map(move |number| Message::to(&*hook).json(&number).retries(0).label(LABEL))
    }

    async fn publish(&self, messages: impl Iterator<Item = Message>) -> Vec<MessageId> {
        let outcome = self.client.batch(messages).await.expect("no mistake");
        let published = outcome.into_result().expect("all are accepted");
        published.iter().map(|published| published.message_id().clone()).collect()
    }

    /// Messages that have failed for good.
    async fn failed(&self, count: usize) {
        self.publish(self.messages(count)).await;
        self.qstash.settled().await;
    }

    /// Messages that wait for an hour.
    async fn waiting(&self, count: usize) -> Vec<MessageId> {
        self.publish(self.messages(count).map(|message| message.delay(Duration::from_secs(3600)))).await
    }

    async fn dead_letters(&self) -> BTreeSet<DlqId> {
        let letters = self.client.dlq().stream().map_ok(|letter| letter.dlq_id);
        letters.try_collect().await.expect("all pages")
    }

    /// One entry comes, and one goes that the action would have come to: the oldest.
    async fn disturb(&self) {
        self.failed(1).await;
        let oldest = self.dead_letters().await.pop_first();
        let Some(oldest) = oldest else { return };
        self.client.dead_letter(oldest).delete().await.expect("it was there");
    }
}

/// The ways to say which entries an action is about.
const SELECTIONS: [&str; 3] = ["ids", "filter", "all"];

fn select(place: &Place, selection: &str, ids: &BTreeSet<DlqId>) -> DeadLetters {
    match selection {
        "ids" => place.client.dlq().ids(ids),
        "filter" => place.client.dlq().label(LABEL),
        _ => place.client.dlq(),
    }
}

#[tokio::test]
async fn every_dead_letter_is_deleted() {
    for selection in SELECTIONS {
        for disturbed in [false, true] {
            let place = Place::new().await;
            place.failed(ENTRIES).await;
            let ids = place.dead_letters().await;
            assert_eq!(ids.len(), ENTRIES);

            let (mut entries, mut deleted) = (select(&place, selection, &ids), 0);
            loop {
                let answer = match selection {
                    "all" => entries.delete_all().await,
                    _ => entries.delete().await,
                };
                let answer = answer.unwrap_or_else(|error| panic!("{selection}: {error:?}"));
                deleted += answer.deleted;
                let Some(cursor) = answer.cursor else { break };
                entries = entries.cursor(cursor);
                if disturbed {
                    place.disturb().await;
                }
            }
            assert!(place.dead_letters().await.is_disjoint(&ids), "{selection}, {disturbed}");
            assert!(disturbed || deleted == ENTRIES as u64, "{selection}: {deleted}");
        }
    }
}

#[tokio::test]
async fn every_dead_letter_is_tried_again_once() {
    let again = MessageOptions::new().label("again");
    for selection in SELECTIONS {
        for disturbed in [false, true] {
            let place = Place::new().await;
            place.failed(ENTRIES).await;
            let ids = place.dead_letters().await;

            let (mut entries, mut receipts) = (select(&place, selection, &ids), Vec::new());
            loop {
                let page = match selection {
                    "all" => entries.retry_all_with(&again).await,
                    _ => entries.retry_with(&again).await,
                };
                let page = page.unwrap_or_else(|error| panic!("{selection}, {disturbed}: {error:?}"));
                receipts.extend(page.items);
                let Some(cursor) = page.cursor else { break };
                entries = entries.cursor(cursor);
                if disturbed {
                    place.disturb().await;
                }
            }
            place.qstash.settled().await;
            assert!(place.dead_letters().await.is_disjoint(&ids), "{selection}, {disturbed}");
            assert!(disturbed || receipts.len() == ENTRIES, "{selection}: {}", receipts.len());
            let messages: BTreeSet<_> = receipts.iter().map(|receipt| &receipt.message_id).collect();
            assert_eq!(messages.len(), receipts.len(), "each of them is a message of its own");
        }
    }
}

#[tokio::test]
async fn every_waiting_message_is_cancelled() {
    for selection in SELECTIONS {
        for disturbed in [false, true] {
            let place = Place::new().await;
            let ids = place.waiting(ENTRIES).await;
            if disturbed {
                place.client.message(&ids[7]).cancel().await.expect("it was there");
                place.client.message(&ids[300]).cancel().await.expect("it was there");
            }
            let messages = place.client.messages();
            let messages: Messages = match selection {
                "ids" => messages.ids(&ids),
                "filter" => messages.label(LABEL),
                _ => messages,
            };
            let (mut cancelled, mut calls) = (0, 0);
            loop {
                let answer = match selection {
                    "all" => messages.cancel_all().await,
                    _ => messages.cancel().await,
                };
                let count = answer.unwrap_or_else(|error| panic!("{selection}: {error:?}"));
                cancelled += count;
                if count == 0 {
                    break;
                }
                if disturbed && calls == 0 {
                    place.waiting(5).await;
                }
                calls += 1;
            }
            for id in &ids {
                let error = place.client.message(id).get().await.expect_err("it is cancelled");
                assert_eq!(error.status().map(|status| status.as_u16()), Some(404), "{selection}");
            }
            let expected = if !disturbed {
                350
            } else if selection == "ids" {
                348
            } else {
                353
            };
            assert_eq!(cancelled, expected, "{selection}");
        }
    }
}

#[tokio::test]
async fn every_entry_is_listed_while_others_come_and_those_that_were_seen_go() {
    let place = Place::new().await;
    place.failed(ENTRIES).await;
    let ids = place.dead_letters().await;
    for selection in SELECTIONS {
        let mut entries = select(&place, selection, &ids).stream();
        let mut seen = BTreeSet::new();
        while let Some(letter) = entries.try_next().await.expect("a page") {
            if seen.len() % 90 == 0 {
                place.failed(1).await;
            }
            seen.insert(letter.dlq_id);
        }
        assert!(seen.is_superset(&ids), "{selection}: {}", seen.len());
    }

    let mut entries = place.client.dlq().label(LABEL).stream();
    let mut seen = BTreeSet::new();
    while let Some(letter) = entries.try_next().await.expect("a page") {
        place.client.dead_letter(&letter.dlq_id).delete().await.expect("it was there");
        seen.insert(letter.dlq_id);
    }
    assert!(seen.is_superset(&ids), "{}", seen.len());
}

#[tokio::test]
async fn the_whole_log_is_read_while_it_grows() {
    let place = Place::new().await;
    let messages = place.waiting(ENTRIES).await;
    for by_ids in [false, true] {
        let logs = place.client.logs();
        let mut entries = if by_ids { logs.message_ids(&messages) } else { logs.label(LABEL) }.stream();
        let mut seen = BTreeSet::new();
        let mut count = 0;
        while let Some(entry) = entries.try_next().await.expect("a page") {
            if count % 90 == 0 {
                place.waiting(1).await;
            }
            count += 1;
            seen.insert(entry.message_id);
        }
        assert!(messages.iter().all(|id| seen.contains(id)), "{by_ids}: {}", seen.len());
    }
}
