//! Queues: order, parallelism, pause and lag.

use std::{num::NonZeroU32, time::Duration};

use qstash_broker::{Activity, DeleteQueue, Publication, Publish, PutQueue, Refused};
use qstash_types::{QueueName, Receipt};
use serde_json::{Value, json};

use crate::sim::{Sim, answered, message};

const SECOND: Duration = Duration::from_secs(1);

fn name() -> QueueName {
    QueueName::new("q").unwrap()
}

fn queued(headers: &[(&'static str, &'static str)]) -> Publication {
    let mut publication = message(headers);
    publication.options.queue = Some(name());
    publication
}

fn put(parallelism: Option<u32>, activity: Option<Activity>) -> PutQueue {
    PutQueue { name: name(), parallelism: parallelism.and_then(NonZeroU32::new), activity }
}

fn enqueue(sim: &mut Sim, count: usize) -> Vec<Receipt> {
    (0..count).map(|_| sim.publish(queued(&[]))).collect()
}

fn show(sim: &Sim) -> Value {
    json!(sim.broker.queue("q").unwrap())
}

#[test]
fn a_queue_is_made_by_its_first_message_and_delivers_one_after_the_other() {
    let mut sim = Sim::new();
    let receipts = enqueue(&mut sim, 3);
    assert_eq!((&show(&sim)["parallelism"], &show(&sim)["lag"]), (&json!(1), &json!(3)));
    for receipt in receipts {
        assert_eq!(sim.on_their_way(), [receipt.message_id]);
        sim.end(answered(200));
    }
    assert_eq!(show(&sim)["lag"], 0);
}

#[test]
fn the_next_message_waits_for_the_retries_of_the_first_one() {
    let mut sim = Sim::new();
    let receipts = enqueue(&mut sim, 2);
    sim.end(answered(500));
    assert!(sim.running.is_empty());
    sim.until_next_attempt();
    assert_eq!(sim.on_their_way(), [receipts[0].message_id.clone()]);
    sim.end(answered(200));
    assert_eq!(sim.on_their_way(), [receipts[1].message_id.clone()]);
}

#[test]
fn the_next_message_waits_for_every_callback_of_the_first_one() {
    let mut sim = Sim::new();
    let callbacks = [
        ("upstash-retries", "0"),
        ("upstash-callback", "http://127.0.0.1:9/cb"),
        ("upstash-failure-callback", "http://127.0.0.1:9/fcb"),
    ];
    sim.publish(queued(&callbacks));
    let second = sim.publish(queued(&[]));
    sim.end(answered(500));
    assert_eq!(sim.running.len(), 2, "callback and failure callback");
    sim.end(answered(200));
    assert_eq!(sim.running.len(), 1, "the slot stays taken");
    sim.end(answered(500));
    assert_eq!(sim.on_their_way(), [second.message_id], "a callback that has failed frees it too");
}

#[test]
fn as_many_are_on_their_way_as_the_parallelism_says() {
    let mut sim = Sim::new();
    sim.done(put(Some(2), None));
    let receipts = enqueue(&mut sim, 5);
    assert_eq!(sim.running.len(), 2);
    sim.done(put(Some(4), None));
    assert_eq!(sim.on_their_way(), receipts[..4].iter().map(|r| r.message_id.clone()).collect::<Vec<_>>());
    sim.done(put(Some(1), None));
    sim.end(answered(200));
    sim.end(answered(200));
    sim.end(answered(200));
    assert_eq!(sim.running.len(), 1, "what is on its way stays there, and nobody follows");
}

#[test]
fn a_paused_queue_takes_in_and_delivers_nothing_not_even_a_retry() {
    let mut sim = Sim::new();
    let first = sim.publish(queued(&[("upstash-retries", "1")]));
    sim.done(put(None, Some(Activity::Paused)));
    let second = sim.publish(queued(&[]));
    sim.end(answered(500));
    sim.pass(60 * SECOND);
    assert!(sim.running.is_empty());
    assert_eq!((&show(&sim)["paused"], &show(&sim)["lag"]), (&json!(true), &json!(2)));
    sim.done(put(None, Some(Activity::Running)));
    sim.done(put(None, Some(Activity::Running)));
    assert_eq!(sim.on_their_way(), [first.message_id]);
    sim.end(answered(200));
    assert_eq!(sim.on_their_way(), [second.message_id]);
}

#[test]
fn a_paused_queue_holds_what_its_flow_control_lets_go() {
    let limits = [("upstash-flow-control-key", "k"), ("upstash-flow-control-value", "rate=1,period=10s")];
    let mut sim = Sim::new();
    sim.publish(message(&limits));
    let held = sim.publish(queued(&limits));
    let free = sim.publish(message(&limits));
    sim.done(put(None, Some(Activity::Paused)));
    sim.end(answered(200));
    sim.pass(10 * SECOND);
    assert_eq!(sim.on_their_way(), [free.message_id], "it takes the place of the one that is held");
    sim.end(answered(200));
    sim.pass(10 * SECOND);
    assert!(sim.running.is_empty());
    sim.done(put(None, Some(Activity::Running)));
    assert_eq!(sim.on_their_way(), [held.message_id]);
    sim.end(answered(200));
    assert_eq!(show(&sim)["lag"], 0);
}

#[test]
fn a_paused_queue_holds_what_waits_for_a_free_attempt() {
    let mut sim = Sim::new();
    for _ in 0..128 {
        sim.publish(message(&[]));
    }
    let held = sim.publish(queued(&[]));
    sim.done(put(None, Some(Activity::Paused)));
    while !sim.running.is_empty() {
        assert_ne!(sim.end(answered(200)).message, held.message_id);
    }
    sim.done(put(None, Some(Activity::Running)));
    assert_eq!(sim.on_their_way(), [held.message_id]);
}

#[test]
fn a_delayed_message_takes_its_place_when_its_time_has_come() {
    let mut sim = Sim::new();
    let delayed = sim.publish(queued(&[("upstash-delay", "5s")]));
    let prompt = sim.publish(queued(&[]));
    assert_eq!(sim.on_their_way(), [prompt.message_id]);
    sim.end(answered(200));
    sim.pass(5 * SECOND);
    assert_eq!(sim.on_their_way(), [delayed.message_id]);
}

#[test]
fn deleting_a_queue_cancels_what_waits_in_it() {
    let mut sim = Sim::new();
    let receipts = enqueue(&mut sim, 2);
    sim.done(DeleteQueue(name()));
    assert!(sim.broker.queue("q").is_none());
    assert_eq!(sim.states(&receipts[1]), ["CREATED", "CANCEL_REQUESTED", "CANCELED"]);
    sim.end(answered(200));
    let fresh = sim.publish(queued(&[]));
    assert_eq!(sim.on_their_way(), [fresh.message_id], "the name can be used again");
    sim.done(DeleteQueue(QueueName::new("unknown").unwrap()));
}

#[test]
fn a_queue_that_was_made_anew_does_not_count_what_was_on_its_way_before() {
    let mut sim = Sim::new();
    enqueue(&mut sim, 1);
    sim.done(DeleteQueue(name()));
    sim.pass(SECOND);
    sim.done(put(None, Some(Activity::Paused)));
    enqueue(&mut sim, 2);
    sim.end(answered(200));
    assert_eq!(show(&sim)["lag"], 2);
}

#[test]
fn queues_and_their_parallelism_have_limits() {
    let mut sim = Sim::new();
    assert_eq!(sim.call(put(Some(11), None)), Err(Refused::Quota("maxQueueParallelism", 10)));
    sim.done(put(Some(10), None));
    for n in 1..100 {
        let name = QueueName::new(format!("q{n}")).unwrap();
        sim.done(PutQueue { name, parallelism: None, activity: None });
    }
    let name = QueueName::new("one-more").unwrap();
    let more = PutQueue { name: name.clone(), parallelism: None, activity: None };
    assert_eq!(sim.call(more), Err(Refused::Quota("maxQueues", 100)));
    let mut publication = message(&[]);
    publication.options.queue = Some(name);
    assert_eq!(sim.call(Publish(publication)), Err(Refused::Quota("maxQueues", 100)));
    sim.done(put(Some(3), None));
}
