//! Flow control: parallelism, rate, pause, pins.

use std::{num::NonZeroU32, time::Duration};

use qstash_broker::{Activity, Cancel, ChangeFlowControl, FlowChange, Publication, Refused, Selector};
use qstash_types::FlowControlKey;
use serde_json::{Value, json};

use crate::sim::{Sim, answered, message};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn limited(limits: &'static str) -> Publication {
    message(&[("upstash-flow-control-key", "k"), ("upstash-flow-control-value", limits)])
}

fn change(change: FlowChange) -> ChangeFlowControl {
    ChangeFlowControl(FlowControlKey::new("k").unwrap(), change)
}

fn show(sim: &Sim) -> Value {
    json!(sim.broker.flow_control(sim.now, "k").unwrap())
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[test]
fn no_more_attempts_run_than_the_parallelism_allows() {
    let mut sim = Sim::new();
    for _ in 0..5 {
        sim.publish(limited("parallelism=2"));
    }
    assert_eq!(sim.running.len(), 2);
    assert_eq!((&show(&sim)["waitListSize"], &show(&sim)["parallelismCount"]), (&json!(3), &json!(2)));
    sim.end(answered(500));
    assert_eq!(sim.running.len(), 2, "a message between attempts counts for nothing");
    sim.publish(message(&[]));
    assert_eq!(sim.running.len(), 3, "others are not held up");
}

#[test]
fn no_more_attempts_start_in_a_period_than_the_rate_allows() {
    let mut sim = Sim::new();
    for _ in 0..5 {
        sim.publish(limited("rate=2,period=10s"));
    }
    assert_eq!(sim.running.len(), 2);
    sim.end(answered(200));
    assert_eq!(sim.running.len(), 1, "an end does not give the rate back");
    sim.pass(9 * SECOND);
    assert_eq!(sim.running.len(), 1);
    sim.pass(SECOND);
    assert_eq!(sim.running.len(), 3);
    sim.pass(10 * SECOND);
    assert_eq!(sim.running.len(), 4);
}

#[test]
fn the_count_of_a_period_is_gone_with_the_period() {
    let mut sim = Sim::new();
    sim.publish(limited("rate=5,period=10s"));
    sim.publish(limited("rate=5,period=10s"));
    sim.pass(9 * SECOND);
    assert_eq!(show(&sim)["rateCount"], 2);
    sim.pass(SECOND);
    assert_eq!(show(&sim)["rateCount"], 0, "although nothing has happened since");
    assert_eq!(sim.broker.flow_controls(sim.now, "").next().unwrap().rate_count, 0);
}

#[test]
fn the_newest_message_sets_the_limits_unless_they_are_pinned() {
    let mut sim = Sim::new();
    for limits in ["parallelism=1", "parallelism=1", "parallelism=3", "parallelism=3"] {
        sim.publish(limited(limits));
    }
    assert_eq!(sim.running.len(), 3);
    sim.done(change(FlowChange::Pin { parallelism: Some(number(4)), rate: None }));
    assert_eq!(sim.running.len(), 4);
    sim.publish(limited("parallelism=9"));
    assert_eq!(sim.running.len(), 4);
    assert_eq!(show(&sim)["isPinnedParallelism"], true);
    sim.done(change(FlowChange::Unpin { parallelism: true, rate: false }));
    assert_eq!(sim.running.len(), 4, "the pinned value stays until a message brings its own");
    sim.publish(limited("parallelism=9"));
    assert_eq!(sim.running.len(), 6);
}

#[test]
fn a_delivery_names_the_limits_in_force() {
    let mut sim = Sim::new();
    sim.done(change(FlowChange::Pin { parallelism: None, rate: Some((number(7), 60 * SECOND)) }));
    sim.publish(limited("parallelism=2,rate=1"));
    let value = &sim.next_delivery().headers["upstash-flow-control-value"];
    assert_eq!(value, "parallelism=2,rate=7,period=60");
}

#[test]
fn a_paused_key_holds_everything_and_lets_it_go_again() {
    let mut sim = Sim::new();
    sim.done(change(FlowChange::Set(Activity::Paused)));
    sim.publish(limited("parallelism=2"));
    assert!(sim.running.is_empty());
    sim.pass(3600 * SECOND);
    assert_eq!((&show(&sim)["waitListSize"], &show(&sim)["isPaused"]), (&json!(1), &json!(true)));
    sim.done(change(FlowChange::Set(Activity::Running)));
    assert_eq!(sim.running.len(), 1);
}

#[test]
fn a_reset_starts_a_new_period_at_once() {
    let mut sim = Sim::new();
    for _ in 0..3 {
        sim.publish(limited("rate=1,period=1h"));
    }
    sim.pass(SECOND);
    sim.done(change(FlowChange::ResetRate));
    assert_eq!(sim.running.len(), 2);
    assert_eq!(show(&sim)["ratePeriodStart"], sim.now.since_epoch() / 1000);
    sim.pass(3599 * SECOND);
    assert_eq!(sim.running.len(), 2);
    sim.pass(SECOND);
    assert_eq!(sim.running.len(), 3);
}

#[test]
fn a_message_that_waits_for_its_limits_can_be_cancelled() {
    let mut sim = Sim::new();
    sim.publish(limited("parallelism=1"));
    let waiting = sim.publish(limited("parallelism=1"));
    let last = sim.publish(limited("parallelism=1"));
    sim.call(Cancel { selector: Selector::messages([waiting.message_id.as_str()]), most: 1 }).unwrap();
    assert_eq!(show(&sim)["waitListSize"], 1);
    sim.end(answered(200));
    assert_eq!(sim.on_their_way(), [last.message_id]);
}

#[test]
fn keys_are_found_by_a_part_and_unknown_ones_are_not() {
    let mut sim = Sim::new();
    sim.publish(limited("parallelism=1"));
    assert_eq!(sim.broker.flow_controls(sim.now, "").count(), 1);
    assert_eq!(sim.broker.flow_controls(sim.now, "kk").count(), 0);
    let unknown = ChangeFlowControl(FlowControlKey::new("z").unwrap(), FlowChange::ResetRate);
    assert!(matches!(sim.call(unknown), Err(Refused::NotFound(_))));
    assert_eq!(sim.broker.parallelism(), (1, 256));
}

#[test]
fn a_key_that_nothing_has_to_do_with_any_more_is_forgotten_after_an_hour() {
    let mut sim = Sim::new();
    sim.publish(limited("rate=1,period=3h"));
    sim.end(answered(200));
    sim.pass(Duration::from_secs(3 * 60 * 60 - 1));
    assert_eq!(show(&sim)["rateCount"], 1, "not before the period is over");
    sim.pass(SECOND);
    assert_eq!(sim.broker.flow_control(sim.now, "k"), None);
    assert!(sim.kept.is_empty());

    sim.publish(limited("rate=1"));
    sim.end(answered(200));
    sim.pass(HOUR / 2);
    sim.publish(limited("rate=1"));
    sim.end(answered(200));
    sim.pass(Duration::from_secs(60 * 60 - 1));
    show(&sim);
    sim.pass(SECOND);
    assert_eq!(sim.broker.flow_control(sim.now, "k"), None);
}

#[test]
fn a_key_that_is_paused_or_pinned_or_has_messages_is_not_forgotten() {
    let mut sim = Sim::new();
    sim.publish(message(&[
        ("upstash-flow-control-key", "k"),
        ("upstash-flow-control-value", "rate=1"),
        ("upstash-delay", "1d"),
    ]));
    sim.pass(23 * HOUR);
    show(&sim);
    let pin = FlowChange::Pin { parallelism: Some(number(1)), rate: None };
    for (setting, end) in [
        (pin, FlowChange::Unpin { parallelism: true, rate: true }),
        (FlowChange::Set(Activity::Paused), FlowChange::Set(Activity::Running)),
    ] {
        sim.done(change(setting));
        sim.call(Cancel { selector: Selector::default(), most: 1 }).unwrap();
        sim.pass(24 * HOUR);
        show(&sim);
        sim.done(change(end));
        sim.pass(HOUR);
        assert_eq!(sim.broker.flow_control(sim.now, "k"), None);
    }
}
