//! The dead letter queue: pages, filters, deletion, another try.

use std::time::Duration;

use bytes::Bytes;
use qstash_broker::{
    AttemptEnd, Cursor, DeleteDeadLetters, DeleteQueue, DeletedDeadLetters, PageRequest, PutQueue, Refused,
    RetriedDeadLetters, RetryDeadLetters, Selector,
};
use qstash_types::{DeadLetter, DeliveryOptions, LogState, QueueName, Receipt};

use crate::sim::{Sim, answered, answered_with, header_map, message, publication, unreachable};

const ALL: PageRequest = PageRequest { after: None, count: 100 };

fn fail(sim: &mut Sim, headers: &[(&'static str, &'static str)], outcome: AttemptEnd) -> Receipt {
    let mut publication = message(headers);
    publication.options.settings.retries = Some(0);
    let receipt = sim.publish(publication);
    sim.end(outcome);
    receipt
}

fn with_five() -> Sim {
    let mut sim = Sim::new();
    for _ in 0..5 {
        fail(&mut sim, &[], answered(500));
        sim.pass(Duration::from_millis(1));
    }
    sim
}

fn ids(entries: &[DeadLetter]) -> Vec<String> {
    entries.iter().map(|entry| entry.dlq_id.to_string()).collect()
}

fn retry(sim: &mut Sim, filter: Selector, headers: &[(&'static str, &'static str)]) -> Vec<Receipt> {
    let options = DeliveryOptions::from_headers(&header_map(headers)).unwrap();
    match sim.call(RetryDeadLetters { selector: filter, page: ALL, changes: Box::new(options) }) {
        Ok(RetriedDeadLetters { receipts, cursor: None }) => receipts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let sim = with_five();
    let all: Vec<_> = sim.broker.dead_letters().collect();
    let page = |after| sim.broker.dead_letter_page(&Selector::default(), PageRequest { after, count: 2 });
    let (first, cursor) = page(None);
    let (second, next) = page(cursor);
    let (third, end) = page(next);
    assert_eq!(end, None);
    assert_eq!([ids(&first), ids(&second), ids(&third)].concat(), ids(&all));
    assert_eq!(
        sim.broker.dead_letter_page(&Selector::default(), PageRequest { after: None, count: 5 }).1,
        None
    );
}

#[test]
fn filters_know_the_last_response() {
    let mut sim = Sim::new();
    fail(&mut sim, &[("upstash-label", "a")], answered(500));
    fail(&mut sim, &[("upstash-label", "b")], answered(404));
    fail(&mut sim, &[("upstash-label", "b")], unreachable());
    let count = |filter: &Selector| sim.broker.dead_letter_page(filter, ALL).0.len();
    assert_eq!(count(&Selector { response_statuses: vec![404, 500], ..Selector::default() }), 2);
    let labelled = Selector { labels: vec!["b".to_owned()], ..Selector::default() };
    assert_eq!(count(&labelled), 2);
    assert_eq!(count(&Selector { response_statuses: vec![404], ..labelled }), 1);
}

#[test]
fn an_entry_is_read_and_deleted_by_its_id() {
    let mut sim = with_five();
    let id = sim.broker.dead_letters().nth(2).unwrap().dlq_id.to_string();
    assert_eq!(sim.broker.dead_letter(&id).unwrap().dlq_id.as_str(), id);
    let delete = || DeleteDeadLetters { selector: Selector::dead_letters([id.as_str()]), page: ALL };
    assert_eq!(sim.call(delete()), Ok(DeletedDeadLetters { count: 1, cursor: None }));
    assert_eq!(sim.call(delete()), Ok(DeletedDeadLetters { count: 0, cursor: None }));
    assert!(sim.broker.dead_letter(&id).is_none());
    assert!(sim.broker.dead_letter("nonsense").is_none());
}

#[test]
fn a_bulk_deletion_says_where_to_go_on() {
    let mut sim = with_five();
    let mut after: Option<Cursor> = None;
    let mut deleted = Vec::new();
    loop {
        let page = PageRequest { after, count: 2 };
        let Ok(DeletedDeadLetters { count, cursor }) =
            sim.call(DeleteDeadLetters { selector: Selector::default(), page })
        else {
            panic!("the deletion was refused");
        };
        deleted.push(count);
        after = cursor;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(deleted, [2, 2, 1]);
    assert_eq!(sim.broker.dead_letters().count(), 0);
}

#[test]
fn another_try_is_a_new_message_with_the_same_settings() {
    let mut sim = Sim::new();
    let headers = [
        ("upstash-method", "PUT"),
        ("upstash-forward-x-a", "secret"),
        ("upstash-redact-fields", "header"),
        ("upstash-failure-callback", "http://127.0.0.1:9/f"),
        ("content-type", "text/plain"),
    ];
    let first = fail(&mut sim, &headers, answered(500));
    sim.end(answered(200)); // the failure callback
    let receipts = retry(&mut sim, Selector::default(), &[]);
    assert_ne!(receipts[0].message_id, first.message_id);
    assert_eq!(sim.broker.dead_letters().count(), 0);
    let delivery = sim.end(answered(500));
    assert_eq!(delivery.method, "PUT");
    assert_eq!(delivery.headers["x-a"], "secret");
    assert_eq!(delivery.headers["content-type"], "text/plain");
    assert_eq!(delivery.headers["upstash-max-retries"], "0");
    assert_eq!(sim.running.len(), 1, "the failure callback fires again");
    assert_eq!(sim.broker.dead_letters().count(), 1);
}

#[test]
fn headers_of_the_call_override_those_of_the_message() {
    let mut sim = Sim::new();
    fail(&mut sim, &[("upstash-forward-x-a", "1"), ("upstash-forward-x-b", "1")], answered(500));
    let changes = [("upstash-retries", "5"), ("upstash-forward-x-a", "2"), ("upstash-delay", "1h")];
    retry(&mut sim, Selector::default(), &changes);
    assert!(sim.running.is_empty());
    sim.pass(Duration::from_secs(3600));
    let delivery = sim.next_delivery();
    assert_eq!(delivery.headers["upstash-max-retries"], "5");
    assert_eq!(
        (&delivery.headers["x-a"], &delivery.headers["x-b"]),
        (&"2".parse().unwrap(), &"1".parse().unwrap())
    );
}

#[test]
fn another_try_belongs_to_the_schedule_of_its_message_and_to_no_other() {
    let mut sim = Sim::new();
    fail(&mut sim, &[], answered(500));
    retry(&mut sim, Selector::default(), &[("upstash-schedule-id", "scd_x")]);
    assert!(!sim.next_delivery().headers.contains_key("upstash-schedule-id"));
}

#[test]
fn an_unknown_id_among_others_stops_the_retry_of_all() {
    let mut sim = with_five();
    let known = sim.broker.dead_letters().next().unwrap().dlq_id;
    let filter = Selector::dead_letters([known.as_str(), "1-1"]);
    let refused = sim.call(RetryDeadLetters { selector: filter, page: ALL, changes: Box::default() });
    assert_eq!(refused, Err(Refused::NotFound("dlq message 1-1".to_owned())));
    assert_eq!(sim.broker.dead_letters().count(), 5);
}

#[test]
fn a_callback_that_fails_is_a_dead_letter_of_its_own() {
    let mut sim = Sim::new();
    let headers = [("upstash-callback", "http://127.0.0.1:9/c"), ("upstash-callback-retries", "0")];
    sim.publish(publication("http://127.0.0.1:9/", &headers, ""));
    sim.end(answered(200));
    sim.end(answered(500));
    let entry = sim.broker.dead_letters().next().unwrap();
    assert_eq!(entry.message.url, "http://127.0.0.1:9/c");
}

#[test]
fn a_queue_that_cannot_be_made_again_stops_the_retry_of_all() {
    let mut sim = Sim::new();
    let put =
        |name: String| PutQueue { name: QueueName::new(name).unwrap(), parallelism: None, activity: None };
    fail(&mut sim, &[("upstash-queue-name", "gone")], answered(500));
    fail(&mut sim, &[], answered(500));
    sim.done(DeleteQueue(QueueName::new("gone").unwrap()));
    for number in 0..100 {
        sim.done(put(number.to_string()));
    }
    let refused =
        sim.call(RetryDeadLetters { selector: Selector::default(), page: ALL, changes: Box::default() });
    assert_eq!(refused, Err(Refused::Quota("maxQueues", 100)));
    assert_eq!(sim.broker.dead_letters().count(), 2);
    assert!(sim.running.is_empty());
}

#[test]
fn the_oldest_entries_go_when_there_is_no_room_for_more() {
    let mut sim = Sim::new();
    let body = Bytes::from(vec![b'x'; 10 * 1024 * 1024]);
    let mut published = Vec::new();
    for _ in 0..30 {
        let mut large = message(&[("upstash-retries", "0")]);
        large.body = body.clone();
        published.push(sim.publish(large).message_id);
        sim.end(answered(500));
    }
    let mut kept: Vec<_> = sim.broker.dead_letters().map(|entry| entry.message.message_id).collect();
    kept.reverse();
    assert_eq!(kept, published[5..], "256 MiB of bodies");
    assert_eq!(sim.kept.len(), 25);
}

#[test]
fn the_headers_of_responses_take_up_room_as_bodies_do() {
    let mut sim = Sim::new();
    let long: &'static str = "x".repeat(10 * 1024 * 1024).leak();
    for _ in 0..30 {
        fail(&mut sim, &[], answered_with(500, &[("server", long)], ""));
    }
    assert_eq!(sim.broker.dead_letters().count(), 25);
    assert_eq!(sim.broker.log().filter(|entry| entry.state == LogState::Error).count(), 25);
}

#[test]
fn dead_letters_named_by_their_ids_are_retried_page_by_page() {
    let mut sim = with_five();
    let dlq_ids = vec![ids(&sim.broker.dead_letters().collect::<Vec<_>>()).join(",")];
    let mut after = None;
    let mut retried = Vec::new();
    loop {
        let selector = Selector { dlq_ids: dlq_ids.clone(), ..Selector::default() };
        let page = PageRequest { after, count: 2 };
        // Those of the pages before are gone: what names them has to stay legal.
        let answer = sim.call(RetryDeadLetters { selector, page, changes: Box::default() }).unwrap();
        retried.push(answer.receipts.len());
        after = answer.cursor;
        if after.is_none() {
            break;
        }
        fail(&mut sim, &[], answered(500));
    }
    assert_eq!(retried, [2, 2, 1]);
}
