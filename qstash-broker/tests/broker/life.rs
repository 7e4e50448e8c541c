//! From the acceptance of a message to its end.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::Method;
use qstash_broker::{
    Broker, Cancel, Capacity, Effect, Event, LONGEST_BODY, Publication, Publish, Refused, Selector,
};
use qstash_types::{LogState, Receipt};

use crate::sim::{START, Sim, answered, answered_with, json, message, publication};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_promised_is_kept_before_it_is_promised_and_promised_before_it_is_done() {
    let effects = Broker::new(1).call(START, Publish(message(&[])));
    assert!(matches!(
        &effects[..],
        [
            Effect::Keep(_),
            Effect::Log(created),
            Effect::Answer(Ok(_)),
            Effect::Log(active),
            Effect::Send(_),
        ] if created.state == LogState::Created && active.state == LogState::Active
    ));
}

#[test]
fn every_status_of_success_delivers_a_message() {
    for status in [200, 201, 204, 299] {
        let mut sim = Sim::new();
        let receipt = sim.publish(message(&[]));
        sim.end(answered(status));
        assert_eq!(sim.states(&receipt), ["CREATED", "ACTIVE", "DELIVERED"]);
        assert!(sim.kept.is_empty());
    }
}

#[test]
fn every_other_status_is_a_failed_attempt_redirects_included() {
    for status in [301, 304, 307, 400, 404, 429, 500, 503] {
        let mut sim = Sim::new();
        let receipt = sim.publish(message(&[]));
        sim.end(answered(status));
        assert_eq!(sim.states(&receipt), ["CREATED", "ACTIVE", "ERROR", "RETRY"], "{status}");
        assert_eq!(sim.newest(&LogState::Error).response_status, Some(status));
    }
}

#[test]
fn a_message_goes_out_as_it_was_published() {
    let mut sim = Sim::new();
    let receipt = sim.publish(publication(
        "http://127.0.0.1:9/hook?a=1",
        &[
            ("content-type", "text/plain"),
            ("upstash-method", "PUT"),
            ("upstash-forward-x-trace", "abc"),
            ("upstash-forward-x-trace", "def"),
            ("upstash-forward-content-length", "99"),
            ("upstash-forward-transfer-encoding", "chunked"),
            ("upstash-forward-host", "example.com"),
            ("upstash-label", "one, two"),
            ("upstash-retries", "5"),
            ("upstash-retry-delay", "1000 * retried"),
            ("upstash-flow-control-key", "k"),
            ("upstash-flow-control-value", "parallelism=2"),
        ],
        "hello",
    ));
    let delivery = sim.next_delivery();
    assert_eq!(delivery.url.as_str(), "http://127.0.0.1:9/hook?a=1");
    assert_eq!(delivery.method, Method::PUT);
    assert_eq!(delivery.body, "hello");
    let mut headers: Vec<_> =
        delivery.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    headers.sort_unstable();
    assert_eq!(
        headers,
        [
            ("content-type", "text/plain"),
            ("upstash-caller-ip", "127.0.0.1"),
            ("upstash-flow-control-key", "k"),
            ("upstash-flow-control-value", "parallelism=2,period=1"),
            ("upstash-label", "one,two"),
            ("upstash-max-retries", "5"),
            ("upstash-message-id", receipt.message_id.as_str()),
            ("upstash-retried", "0"),
            ("upstash-retries", "0"),
            ("upstash-retry-delay", "1000 * retried"),
            ("user-agent", "Upstash-QStash"),
            ("x-trace", "abc"),
            ("x-trace", "def"),
        ]
    );
}

#[test]
fn a_forwarded_content_type_wins_over_the_one_of_the_request() {
    let mut sim = Sim::new();
    sim.publish(message(&[("content-type", "text/plain"), ("upstash-forward-content-type", "text/csv")]));
    let delivery = sim.next_delivery();
    assert_eq!(delivery.headers.get_all("content-type").iter().collect::<Vec<_>>(), ["text/csv"]);
}

#[test]
fn each_attempt_has_its_own_token_and_the_same_message_id() {
    let mut sim = Sim::new();
    sim.publish(message(&[]));
    let first = sim.end(answered(500));
    sim.pass(13 * SECOND);
    let second = sim.next_delivery();
    assert_ne!(first.token_id, second.token_id);
    assert_eq!(first.headers["upstash-message-id"], second.headers["upstash-message-id"]);
    assert_eq!(second.headers["upstash-retried"], "1");
}

#[test]
fn a_delayed_message_waits() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-delay", "1m")]));
    assert_eq!(sim.broker.next_due(), Some(START + 60 * SECOND));
    sim.pass(59 * SECOND);
    assert!(sim.running.is_empty());
    sim.pass(SECOND);
    assert_eq!(sim.running.len(), 1);
}

#[test]
fn an_absolute_start_wins_over_a_delay_and_a_past_one_means_now() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-not-before", "1700000030"), ("upstash-delay", "1h")]));
    assert_eq!(sim.broker.next_due(), Some(START + 30 * SECOND));
    sim.publish(message(&[("upstash-not-before", "5")]));
    assert_eq!(sim.running.len(), 1);
}

#[test]
fn a_message_waits_for_a_year_at_the_most() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-delay", "365d")]));
    assert_eq!(sim.broker.next_due(), Some(START + 365 * 24 * 60 * 60 * SECOND));
    for too_late in ["31536001", "18446744073709551615"] {
        let publish = Publish(message(&[("upstash-delay", too_late)]));
        assert_eq!(sim.call(publish), Err(Refused::Quota("maxDelay", 31_536_000)), "{too_late}");
    }
    let publish = Publish(message(&[("upstash-not-before", "1731536001")]));
    assert_eq!(sim.call(publish), Err(Refused::Quota("maxDelay", 31_536_000)));
}

#[test]
fn an_attempt_that_takes_too_long_is_abandoned_and_has_failed() {
    let mut sim = Sim::new();
    let receipt = sim.publish(message(&[("upstash-timeout", "30s")]));
    let attempt = sim.running[0].attempt;
    sim.pass(30 * SECOND);
    assert_eq!(sim.abandoned, [attempt]);
    assert_eq!(sim.states(&receipt), ["CREATED", "ACTIVE", "ERROR", "RETRY"]);
    assert_eq!(sim.newest(&LogState::Error).error.unwrap(), "no response within 30s");
}

#[test]
fn a_timeout_can_shorten_the_longest_attempt_but_not_lengthen_it() {
    for (timeout, seconds) in [("10s", 10), ("0s", 7200), ("3h", 7200)] {
        let mut sim = Sim::new();
        sim.publish(message(&[("upstash-timeout", timeout)]));
        assert_eq!(sim.broker.next_due(), Some(START + seconds * SECOND), "{timeout}");
    }
}

#[test]
fn the_outcome_of_an_abandoned_attempt_is_ignored() {
    let mut sim = Sim::new();
    let receipt = sim.publish(message(&[("upstash-timeout", "30s"), ("upstash-retries", "1")]));
    let attempt = sim.running[0].attempt;
    sim.pass(30 * SECOND);
    sim.handle(Event::AttemptEnded { attempt, end: answered(200) });
    assert_eq!(sim.states(&receipt).last().unwrap(), "RETRY");
}

#[test]
fn a_delivered_message_stays_readable_for_a_few_seconds() {
    let mut sim = Sim::new();
    let id = sim.publish(message(&[])).message_id;
    sim.end(answered(200));
    assert_eq!(sim.broker.message(id.as_str()).unwrap().message_id, id);
    sim.pass(9 * SECOND);
    assert!(sim.broker.message(id.as_str()).is_some());
    sim.pass(SECOND);
    assert!(sim.broker.message(id.as_str()).is_none());
    assert_eq!(sim.broker.next_due(), None);
}

#[test]
fn delivered_messages_are_readable_for_less_time_when_they_take_up_much_memory() {
    let mut sim = Sim::new();
    let body = Bytes::from(vec![b'x'; LONGEST_BODY]);
    let ids: Vec<_> = (0..7)
        .map(|_| {
            let id = sim.publish(Publication { body: body.clone(), ..message(&[]) }).message_id;
            sim.end(answered(200));
            id
        })
        .collect();
    let is_readable: Vec<_> = ids.iter().map(|id| sim.broker.message(id.as_str()).is_some()).collect();
    assert_eq!(is_readable, [false, true, true, true, true, true, true]);
    sim.pass(10 * SECOND);
    assert!(ids.iter().all(|id| sim.broker.message(id.as_str()).is_none()));
}

#[test]
fn a_message_that_has_failed_for_good_moves_to_the_dead_letter_queue() {
    let mut sim = Sim::new();
    let receipt = sim.publish(message(&[("upstash-retries", "0")]));
    sim.end(answered(500));
    assert_eq!(sim.states(&receipt), ["CREATED", "ACTIVE", "ERROR", "FAILED"]);
    assert!(sim.broker.message(receipt.message_id.as_str()).is_none());
    assert_eq!(sim.broker.dead_letters().next().unwrap().message.message_id, receipt.message_id);
    assert_eq!(sim.kept.len(), 1, "the dead letter, and no longer the message");
}

#[test]
fn attempts_beyond_the_bound_wait_for_a_free_one_in_the_order_of_their_messages() {
    let mut sim = Sim::new();
    let receipts: Vec<_> = (0..200).map(|_| sim.publish(message(&[]))).collect();
    let bound = sim.running.len();
    assert!((1..200).contains(&bound), "{bound}");
    for (count, receipt) in receipts.iter().enumerate() {
        assert_eq!(sim.running.len(), bound.min(200 - count));
        let delivery = sim.end(answered(200));
        assert_eq!(delivery.headers["upstash-message-id"], receipt.message_id.as_str());
    }
}

#[test]
fn messages_that_become_due_at_the_same_instant_go_out_in_the_order_of_their_acceptance() {
    let mut sim = Sim::new();
    let receipts: Vec<_> = (0..50).map(|_| sim.publish(message(&[("upstash-delay", "1s")]))).collect();
    sim.pass(SECOND);
    for receipt in receipts {
        assert_eq!(sim.next_delivery().headers["upstash-message-id"], receipt.message_id.as_str());
    }
}

#[test]
fn a_url_group_that_nobody_made_is_unknown() {
    let answer = Sim::new().call(Publish(publication("my-group", &[], "")));
    assert_eq!(answer, Err(Refused::NotFound("topic my-group".to_owned())));
}

/// One message from end to end, as the description of the wire tells it.
#[test]
fn the_worked_trace() {
    let mut sim = Sim::new();
    let receipt = sim.publish(publication(
        "https://example.com/hook?a=1",
        &[
            ("content-type", "application/json"),
            ("upstash-retries", "1"),
            ("upstash-callback", "https://example.com/cb"),
            ("upstash-callback-forward-x-job", "7"),
            ("upstash-failure-callback", "https://example.com/failed"),
            ("upstash-forward-x-trace", "abc"),
        ],
        r#"{"hello":"world"}"#,
    ));

    sim.end(answered_with(500, &[("content-type", "text/plain")], "boom"));
    assert_eq!(sim.states(&receipt), ["CREATED", "ACTIVE", "ERROR", "RETRY"]);
    let callback = sim.end(answered(200));
    assert_eq!(callback.url.as_str(), "https://example.com/cb");
    assert_eq!(callback.method, Method::POST);
    assert_eq!(callback.headers["content-type"], "application/json");
    assert_eq!(callback.headers["x-job"], "7");
    assert_eq!(callback.headers["upstash-retried"], "0");
    assert!(!callback.headers.contains_key("x-trace"));
    assert_eq!(
        json(&callback),
        serde_json::json!({
            "status": 500, "header": {"Content-Type": ["text/plain"]}, "body": "Ym9vbQ==",
            "retried": 0, "maxRetries": 1, "sourceMessageId": receipt.message_id,
            "url": "https://example.com/hook?a=1", "method": "POST",
            "sourceHeader": {"Content-Type": ["application/json"], "X-Trace": ["abc"]},
            "sourceBody": "eyJoZWxsbyI6IndvcmxkIn0=",
            "notBefore": 1_700_000_000_000_u64, "createdAt": 1_700_000_000_000_u64, "callerIP": "127.0.0.1",
        })
    );

    sim.pass(Duration::from_millis(12_181));
    assert!(sim.running.is_empty());
    sim.pass(Duration::from_millis(1));
    sim.end(answered_with(500, &[], "boom"));
    assert_eq!(sim.states(&receipt), ["CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "ERROR", "FAILED"]);
    let callback = json(&sim.end(answered(200)));
    assert_eq!((&callback["retried"], callback.get("dlqId")), (&1.into(), None));
    let failure = sim.end(answered(200));
    assert_eq!(failure.url.as_str(), "https://example.com/failed");
    let failure = json(&failure);
    assert_eq!((&failure["retried"], &failure["status"]), (&1.into(), &500.into()));
    assert_eq!(failure["dlqId"], "1700000012182-0");
    assert_eq!(sim.broker.dead_letters().next().unwrap().dlq_id.as_str(), "1700000012182-0");
    assert!(sim.broker.message(receipt.message_id.as_str()).is_none());
}

/// Some messages meet a failure, some more than they have retries.
fn a_busy_day(seed: u64, messages: usize) -> (Sim, Vec<Receipt>) {
    let mut sim = Sim::seeded(seed);
    let receipts = (0..messages)
        .map(|_| {
            sim.publish(message(&[
                ("upstash-retries", "2"),
                ("upstash-callback", "http://127.0.0.1:9/done"),
                ("upstash-failure-callback", "http://127.0.0.1:9/failed"),
            ]))
        })
        .collect();
    let mut attempts = 0;
    loop {
        while let Some(delivery) = sim.running.front() {
            let retried: u32 = delivery.headers["upstash-retried"].to_str().unwrap().parse().unwrap();
            let status = match (delivery.url.as_str().ends_with("/hook"), attempts % 3) {
                (true, 0) => 500,
                (true, 1) if retried == 0 => 503,
                _ => 200,
            };
            attempts += 1;
            sim.end(answered(status));
        }
        sim.until_next_attempt();
        if sim.running.is_empty() {
            return (sim, receipts);
        }
    }
}

#[test]
fn every_message_of_a_busy_day_ends_and_each_failure_has_one_entry_and_one_failure_callback() {
    let (sim, receipts) = a_busy_day(7, 1000);
    let mut ends = HashMap::new();
    for entry in sim.broker.log() {
        ends.entry(entry.message_id).or_insert(entry.state);
    }
    let end_of = |receipt: &Receipt| &ends[&receipt.message_id];
    assert!(receipts.iter().map(end_of).all(|end| [LogState::Delivered, LogState::Failed].contains(end)));
    let failed = receipts.iter().map(end_of).filter(|end| **end == LogState::Failed).count();
    assert!(failed > 0);
    assert_eq!(sim.broker.dead_letters().count(), failed);
    let failure_callbacks = sim
        .broker
        .log()
        .filter(|entry| entry.url.ends_with("/failed") && entry.state == LogState::Delivered)
        .count();
    assert_eq!(failure_callbacks, failed);
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_seed_gives_other_ids() {
    let log = a_busy_day(7, 100).0.log();
    assert!(log == a_busy_day(7, 100).0.log());
    assert!(log != a_busy_day(8, 100).0.log());
}

#[test]
fn a_message_for_which_there_is_no_room_is_refused() {
    let mut sim = Sim::new();
    let mut large = message(&[("upstash-delay", "1h")]);
    large.body = vec![b'x'; 10 * 1024 * 1024].into();
    for _ in 0..409 {
        sim.publish(large.clone());
    }
    assert_eq!(sim.call(Publish(large.clone())), Err(Refused::Memory(Capacity::default().memory)));
    sim.publish(message(&[]));
    sim.call(Cancel { selector: Selector::default(), most: 1 }).unwrap();
    sim.publish(large);
}
