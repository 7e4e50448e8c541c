//! Cancelling messages, one or many.

use std::time::Duration;

use qstash_broker::{Cancel, Selector};
use qstash_types::{Receipt, ScheduleId};

use crate::sim::{Sim, answered, message, publication};

const LATER: (&str, &str) = ("upstash-delay", "1h");

fn cancel(sim: &mut Sim, filter: Selector) -> usize {
    cancel_most(sim, filter, usize::MAX)
}

fn cancel_most(sim: &mut Sim, filter: Selector, most: usize) -> usize {
    match sim.call(Cancel { selector: filter, most }) {
        Ok(count) => count,
        other => panic!("{other:?}"),
    }
}

fn id(receipt: &Receipt) -> Selector {
    Selector::messages([receipt.message_id.as_str()])
}

#[test]
fn a_message_that_waits_for_its_first_attempt_ends_at_once() {
    let mut sim = Sim::new();
    let receipt = sim.publish(message(&[LATER]));
    assert_eq!(cancel(&mut sim, id(&receipt)), 1);
    assert_eq!(sim.states(&receipt), ["CREATED", "CANCEL_REQUESTED", "CANCELED"]);
    assert!(sim.broker.message(receipt.message_id.as_str()).is_none());
    assert_eq!(cancel(&mut sim, id(&receipt)), 0);
    sim.pass(Duration::from_secs(7200));
    assert!(sim.running.is_empty());
}

#[test]
fn between_attempts_it_ends_when_the_next_one_would_be_due() {
    let mut sim = Sim::new();
    let callbacks =
        [("upstash-callback", "http://127.0.0.1:9/c"), ("upstash-failure-callback", "http://127.0.0.1:9/f")];
    let receipt = sim.publish(message(&callbacks));
    sim.end(answered(500));
    sim.end(answered(200)); // the callback of the first attempt
    assert_eq!(cancel(&mut sim, id(&receipt)), 1);
    assert_eq!(sim.states(&receipt).last().unwrap(), "CANCEL_REQUESTED");
    assert_eq!(cancel(&mut sim, id(&receipt)), 0, "once is enough");
    sim.pass(Duration::from_secs(60));
    assert_eq!(sim.states(&receipt).last().unwrap(), "CANCELED");
    assert!(sim.running.is_empty(), "nobody is called back");
    assert_eq!(sim.broker.dead_letters().count(), 0);
}

#[test]
fn an_attempt_that_is_running_may_still_deliver_it_but_is_the_last_one() {
    for (status, end) in [(200, "DELIVERED"), (500, "CANCELED")] {
        let mut sim = Sim::new();
        let receipt = sim.publish(message(&[]));
        assert_eq!(cancel(&mut sim, id(&receipt)), 1);
        sim.end(answered(status));
        assert_eq!(sim.states(&receipt).last().unwrap(), end);
        sim.pass(Duration::from_secs(3600));
        assert!(sim.running.is_empty());
        assert_eq!(sim.broker.dead_letters().count(), 0);
    }
}

#[test]
fn filters_are_joined_by_and_and_their_values_by_or() {
    let one = || publication("http://a.test:81/x?q=1", &[LATER, ("upstash-label", "red,big")], "");
    let two = || publication("http://b.test/y", &[LATER, ("upstash-label", "red")], "");
    let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let cases = [
        (Selector { labels: strings(&["red"]), ..Selector::default() }, 2),
        (Selector { labels: strings(&["big", "small"]), ..Selector::default() }, 1),
        (Selector { labels: strings(&["small,big"]), ..Selector::default() }, 1),
        (Selector { labels: strings(&["red"]), hosts: strings(&["b.test"]), ..Selector::default() }, 1),
        (Selector { labels: strings(&["big"]), hosts: strings(&["b.test"]), ..Selector::default() }, 0),
        (Selector { hosts: strings(&["a.test"]), ..Selector::default() }, 1),
        (Selector { paths: strings(&["/x"]), ..Selector::default() }, 1),
        (Selector { urls: strings(&["http://a.test:81/x?q=1"]), ..Selector::default() }, 1),
        (Selector { urls: strings(&["http://a.test:81/x"]), ..Selector::default() }, 0),
        (Selector { caller_ips: strings(&["127.0.0.1"]), ..Selector::default() }, 2),
        (Selector { queues: strings(&["q"]), ..Selector::default() }, 0),
        (Selector::default(), 2),
    ];
    for (filter, count) in cases {
        let mut sim = Sim::new();
        sim.publish(one());
        sim.publish(two());
        assert_eq!(cancel(&mut sim, filter.clone()), count, "{filter:?}");
    }
}

#[test]
fn dates_are_inclusive_and_the_oldest_go_first() {
    let mut sim = Sim::new();
    let times: Vec<_> = (0..3)
        .map(|_| {
            sim.pass(Duration::from_secs(1));
            sim.publish(message(&[LATER]));
            sim.now
        })
        .collect();
    let span = Selector { from: Some(times[0]), to: Some(times[1]), ..Selector::default() };
    assert_eq!(cancel_most(&mut sim, span.clone(), 1), 1);
    assert_eq!(
        cancel(&mut sim, Selector { to: Some(times[0]), ..Selector::default() }),
        0,
        "the oldest is gone"
    );
    assert_eq!(cancel(&mut sim, span), 1);
    assert_eq!(cancel(&mut sim, Selector::default()), 1);
}

#[test]
fn the_oldest_of_one_instant_is_the_one_that_was_accepted_first() {
    let mut sim = Sim::new();
    let receipts: Vec<_> = (0..20).map(|_| sim.publish(message(&[LATER]))).collect();
    assert_eq!(cancel_most(&mut sim, Selector::default(), 10), 10);
    let is_left = |receipt: &Receipt| sim.broker.message(receipt.message_id.as_str()).is_some();
    assert!(!receipts[..10].iter().any(is_left) && receipts[10..].iter().all(is_left));
}

#[test]
fn a_plain_publish_belongs_to_no_schedule() {
    let mut sim = Sim::new();
    let mut publication = message(&[LATER]);
    publication.options.schedule_id = Some(ScheduleId::new("scd_x").unwrap());
    sim.publish(publication);
    assert_eq!(cancel(&mut sim, Selector { schedules: vec!["scd_x".to_owned()], ..Selector::default() }), 0);
}
