//! Schedules: the same publish again and again.

use std::time::Duration;

use qstash_broker::{
    Activity, DeleteSchedule, DeleteUrlGroup, Publication, PutEndpoints, PutSchedule, Refused, SetSchedule,
    StoredEndpoint,
};
use qstash_types::{QueueName, ScheduleId, Url, UrlGroupName};
use serde_json::{Value, json};

use crate::sim::{START, Sim, answered, message, publication};

const MINUTE: Duration = Duration::from_secs(60);

fn id() -> ScheduleId {
    ScheduleId::new("nightly").unwrap()
}

fn put(cron: &str, mut publication: Publication) -> PutSchedule {
    publication.options.schedule_id = Some(id());
    PutSchedule { cron: Box::new(cron.parse().unwrap()), publication }
}

fn with_schedule(publication: Publication) -> Sim {
    let mut sim = Sim::new();
    assert_eq!(sim.call(put("*/10 * * * *", publication)), Ok(id()));
    sim
}

fn show(sim: &Sim) -> Value {
    json!(sim.broker.schedule("nightly").unwrap())
}

#[test]
fn a_message_is_published_each_time() {
    let mut sim = with_schedule(message(&[]));
    assert!(sim.running.is_empty());
    sim.pass(60 * MINUTE);
    assert_eq!(sim.running.len(), 6);
    let delivery = sim.next_delivery();
    assert_eq!(delivery.headers["upstash-schedule-id"], "nightly");
}

#[test]
fn a_schedule_shows_its_last_run_and_the_next_one() {
    let mut sim = with_schedule(message(&[("upstash-retries", "0")]));
    let next = show(&sim)["nextScheduleTime"].as_u64().unwrap();
    assert!(next > START.since_epoch() && next.is_multiple_of(600_000));
    assert!(show(&sim).get("lastScheduleTime").is_none());
    sim.pass(10 * MINUTE);
    assert_eq!(show(&sim)["lastScheduleTime"], next);
    assert_eq!(show(&sim)["nextScheduleTime"], next + 600_000);
    let message = sim.on_their_way()[0].to_string();
    assert_eq!(show(&sim)["lastScheduleStates"], json!({ &message: "IN_PROGRESS" }));
    sim.end(answered(200));
    assert_eq!(show(&sim)["lastScheduleStates"], json!({ &message: "SUCCESS" }));
    sim.until_next_attempt();
    sim.end(answered(500));
    assert_eq!(show(&sim)["lastScheduleStates"].as_object().unwrap().values().next(), Some(&json!("FAIL")));
}

#[test]
fn a_paused_schedule_lets_the_time_pass_and_makes_up_for_nothing() {
    let mut sim = with_schedule(message(&[]));
    sim.done(SetSchedule(id(), Activity::Paused));
    sim.done(SetSchedule(id(), Activity::Paused));
    sim.pass(60 * MINUTE);
    assert!(sim.running.is_empty());
    assert_eq!(show(&sim)["isPaused"], true);
    sim.done(SetSchedule(id(), Activity::Running));
    assert!(sim.running.is_empty());
    sim.pass(10 * MINUTE);
    assert_eq!(sim.running.len(), 1);
}

#[test]
fn the_same_id_replaces_a_schedule_completely() {
    let mut sim = with_schedule(publication("http://127.0.0.1:9/old", &[("upstash-retries", "1")], "old"));
    sim.call(put("0 * * * *", publication("http://127.0.0.1:9/new", &[], ""))).unwrap();
    assert_eq!(sim.broker.schedules().count(), 1);
    assert!(show(&sim).get("body").is_none());
    assert_eq!(show(&sim)["retries"], 3);
    sim.pass(60 * MINUTE);
    assert_eq!(sim.running.len(), 1, "the old times are gone");
    assert_eq!(sim.next_delivery().url.as_str(), "http://127.0.0.1:9/new");
}

#[test]
fn a_delay_holds_each_message_and_not_the_schedule() {
    let mut sim = with_schedule(message(&[("upstash-delay", "2m")]));
    let next = show(&sim)["nextScheduleTime"].as_u64().unwrap();
    sim.until_next_attempt();
    assert_eq!(sim.now.since_epoch(), next + 120_000);
    assert_eq!(show(&sim)["delay"], 120);
}

#[test]
fn a_schedule_can_deliver_through_a_queue() {
    let mut message = message(&[]);
    message.options.queue = Some(QueueName::new("q").unwrap());
    let mut sim = with_schedule(message);
    sim.pass(60 * MINUTE);
    assert_eq!(sim.running.len(), 1);
    assert_eq!(json!(sim.broker.queue("q").unwrap())["lag"], 6);
    assert_eq!(show(&sim)["queueName"], "q");
}

#[test]
fn a_schedule_can_publish_to_a_url_group_which_then_cannot_be_deleted() {
    let mut sim = Sim::new();
    let group = UrlGroupName::new("team").unwrap();
    let refused = sim.call(put("*/10 * * * *", publication("team", &[], "")));
    assert_eq!(refused, Err(Refused::NotFound("topic team".to_owned())));
    let endpoint = |url| StoredEndpoint { name: None, url: Url::received(url).unwrap() };
    let endpoints = vec![endpoint("http://127.0.0.1:9/1"), endpoint("http://127.0.0.1:9/2")];
    sim.done(PutEndpoints(group.clone(), endpoints));
    sim.call(put("*/10 * * * *", publication("team", &[], ""))).unwrap();
    sim.pass(10 * MINUTE);
    assert_eq!(sim.running.len(), 2);
    assert!(matches!(sim.call(DeleteUrlGroup(group.clone())), Err(Refused::Conflict(_))));
    sim.done(DeleteSchedule(id()));
    sim.done(DeleteUrlGroup(group));
}

#[test]
fn a_deleted_schedule_never_fires_and_its_messages_go_on() {
    let mut sim = with_schedule(message(&[]));
    sim.pass(10 * MINUTE);
    sim.done(DeleteSchedule(id()));
    sim.pass(60 * MINUTE);
    assert_eq!(sim.running.len(), 1);
    assert!(sim.broker.schedule("nightly").is_none());
    assert_eq!(sim.call(DeleteSchedule(id())), Err(Refused::NotFound("schedule nightly".to_owned())));
}

#[test]
fn a_schedule_hides_what_its_messages_hide() {
    let headers = [
        ("upstash-redact-fields", "body,header[x-a]"),
        ("upstash-forward-x-a", "secret"),
        ("upstash-callback", "http://127.0.0.1:9/done"),
        ("upstash-callback-forward-x-a", "secret"),
    ];
    let sim = with_schedule(publication("http://127.0.0.1:9/", &headers, "secret"));
    let shown = show(&sim);
    assert!(shown["body"].as_str().unwrap().starts_with("REDACTED:"));
    assert!(shown["header"]["X-A"][0].as_str().unwrap().starts_with("REDACTED:"));
    assert!(shown["callbackHeader"]["X-A"][0].as_str().unwrap().starts_with("REDACTED:"));
}

#[test]
fn a_schedule_shows_the_timeout_that_was_asked_for() {
    assert!(show(&with_schedule(message(&[]))).get("timeout").is_none());
    assert_eq!(show(&with_schedule(message(&[("upstash-timeout", "3h")])))["timeout"], 3 * 60 * 60);
}
