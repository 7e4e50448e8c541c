//! The end of a broker, and another one that goes on from what was kept.

use std::time::Duration;

use qstash_broker::{
    Activity, Cancel, DeleteSchedule, Publication, PutQueue, PutSchedule, Selector, SetSchedule,
};
use qstash_types::{MessageId, QueueName, Receipt};
use serde_json::json;

use crate::sim::{Sim, answered, answered_with, message, publication, unreachable};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn queued(headers: &[(&'static str, &'static str)]) -> Publication {
    let mut publication = message(headers);
    publication.options.queue = Some(QueueName::new("q").unwrap());
    publication
}

fn ids(receipts: &[Receipt]) -> Vec<MessageId> {
    receipts.iter().map(|receipt| receipt.message_id.clone()).collect()
}

#[test]
fn an_attempt_that_was_running_is_made_again_with_its_number() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retries", "2"), ("upstash-retry-delay", "1000")]));
    sim.end(unreachable());
    sim.crash();
    assert!(sim.running.is_empty(), "it waits for the rest of its second");
    sim.pass(SECOND);
    let before = sim.next_delivery();
    sim.crash();
    let again = sim.next_delivery();
    assert_eq!(
        (&again.message, &again.headers, &again.body),
        (&before.message, &before.headers, &before.body)
    );
    assert_eq!(again.headers["upstash-retried"], "1");
    assert_ne!(again.token_id, before.token_id);
}

#[test]
fn what_was_delivered_is_not_delivered_again() {
    let mut sim = Sim::new();
    sim.publish(message(&[]));
    sim.end(answered(200));
    sim.crash();
    assert!(sim.running.is_empty() && sim.kept.is_empty());
}

#[test]
fn a_queue_goes_on_in_its_order_behind_the_message_that_is_between_two_attempts() {
    let mut sim = Sim::new();
    let receipts = [(); 4].map(|()| sim.publish(queued(&[("upstash-retry-delay", "60000")])));
    sim.end(answered(500));
    sim.crash();
    assert!(sim.running.is_empty(), "its slot is taken");
    sim.pass(60 * SECOND);
    sim.crash();
    let mut delivered = Vec::new();
    while !sim.running.is_empty() {
        assert_eq!(sim.running.len(), 1);
        delivered.push(sim.end(answered(200)).message);
    }
    assert_eq!(delivered, ids(&receipts));
}

#[test]
fn several_slots_go_to_those_who_had_them() {
    let mut sim = Sim::new();
    let name = QueueName::new("q").unwrap();
    sim.done(PutQueue { name: name.clone(), parallelism: 3.try_into().ok(), activity: None });
    let receipts = [(); 5].map(|()| sim.publish(queued(&[("upstash-retry-delay", "60000")])));
    // The third one is tried again before the first.
    sim.running.rotate_left(2);
    sim.end(answered(500));
    sim.pass(SECOND);
    sim.end(answered(500));
    sim.crash();
    assert_eq!(sim.on_their_way(), [receipts[1].message_id.clone()]);
    sim.done(PutQueue { name: name.clone(), parallelism: None, activity: Some(Activity::Paused) });
    sim.pass(60 * SECOND);
    sim.done(PutQueue { name, parallelism: None, activity: Some(Activity::Running) });
    let expected = [&receipts[1], &receipts[0], &receipts[2]].map(|receipt| receipt.message_id.clone());
    assert_eq!(sim.on_their_way(), expected);
}

#[test]
fn who_has_a_slot_goes_before_those_who_started_earlier_and_have_lost_theirs() {
    let mut sim = Sim::new();
    let put = |parallelism: u32| PutQueue {
        name: QueueName::new("q").unwrap(),
        parallelism: parallelism.try_into().ok(),
        activity: None,
    };
    sim.done(put(2));
    let receipts = [(); 3].map(|()| sim.publish(queued(&[("upstash-retry-delay", "60000")])));
    sim.running.rotate_left(1);
    sim.end(answered(500));
    sim.done(put(1));
    sim.crash();
    assert!(sim.running.is_empty(), "the only slot belongs to the second one");
    sim.pass(60 * SECOND);
    let mut delivered = Vec::new();
    while !sim.running.is_empty() {
        assert_eq!(sim.running.len(), 1);
        delivered.push(sim.end(answered(200)).message);
    }
    assert_eq!(delivered, [1, 0, 2].map(|place| receipts[place].message_id.clone()));
}

#[test]
fn a_slot_stays_taken_until_the_callback_has_come_to_its_end() {
    let mut sim = Sim::new();
    sim.publish(queued(&[("upstash-callback", "http://127.0.0.1:9/c")]));
    let second = sim.publish(queued(&[]));
    sim.end(answered_with(200, &[], "done"));
    sim.crash();
    let callback = sim.end(answered(200));
    assert_eq!(callback.url.as_str(), "http://127.0.0.1:9/c");
    assert_eq!(sim.on_their_way(), [second.message_id]);
}

#[test]
fn a_message_that_was_cancelled_during_its_attempt_is_not_attempted_again() {
    let mut sim = Sim::new();
    let receipt = sim.publish(queued(&[]));
    sim.call(Cancel { selector: Selector::default(), most: 1 }).unwrap();
    sim.crash();
    assert!(sim.running.is_empty());
    assert_eq!(sim.states(&receipt), ["CANCELED"]);
    assert_eq!(json!(sim.broker.queue("q").unwrap())["lag"], 0);
    sim.publish(queued(&[]));
    assert_eq!(sim.running.len(), 1, "the slot is free");
}

#[test]
fn a_rate_is_not_exceeded_by_attempts_that_are_made_again() {
    let mut sim = Sim::new();
    let limits = [
        ("upstash-flow-control-key", "k"),
        ("upstash-flow-control-value", "rate=3,period=60s,parallelism=2"),
    ];
    for _ in 0..4 {
        sim.publish(message(&limits));
    }
    assert_eq!(sim.running.len(), 2);
    sim.crash();
    assert_eq!(sim.running.len(), 1, "three have started in this period");
    sim.pass(60 * SECOND);
    assert_eq!(sim.running.len(), 2);
}

#[test]
fn a_schedule_that_has_missed_times_runs_once() {
    let mut sim = Sim::new();
    let publication = publication("http://127.0.0.1:9/s", &[], "{}");
    sim.call(PutSchedule { cron: Box::new("* * * * *".parse().unwrap()), publication }).unwrap();
    sim.now = sim.now + DAY;
    sim.crash();
    assert_eq!(sim.running.len(), 1);
    sim.pass(60 * SECOND);
    assert_eq!(sim.running.len(), 2, "and goes on from there");
}

#[test]
fn a_schedule_that_is_paused_stays_paused() {
    let mut sim = Sim::new();
    let publication = publication("http://127.0.0.1:9/s", &[("upstash-schedule-id", "s")], "{}");
    let id = publication.options.schedule_id.clone().unwrap();
    sim.call(PutSchedule { cron: Box::new("* * * * *".parse().unwrap()), publication }).unwrap();
    sim.done(SetSchedule(id.clone(), Activity::Paused));
    sim.crash();
    sim.pass(DAY);
    assert!(sim.running.is_empty());
    sim.done(SetSchedule(id.clone(), Activity::Running));
    sim.pass(60 * SECOND);
    assert_eq!(sim.running.len(), 1);
    sim.done(DeleteSchedule(id));
    sim.end(answered(200));
    sim.crash();
    assert!(sim.kept.is_empty(), "nothing is left of it");
}
