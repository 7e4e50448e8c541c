//! Which messages count as the same, and for how long.

use std::time::Duration;

use qstash_broker::Publication;

use crate::sim::{Sim, answered, message, publication};

const BY_ID: (&str, &str) = ("upstash-deduplication-id", "order-1");
const BY_CONTENT: (&str, &str) = ("upstash-content-based-deduplication", "True");

#[test]
fn a_repeated_id_gives_the_first_message_and_delivers_nothing() {
    let mut sim = Sim::new();
    let first = sim.publish(message(&[BY_ID]));
    assert!(!first.deduplicated);
    let second = sim.publish(publication("http://127.0.0.1:9/other", &[BY_ID], "other body"));
    assert!(second.deduplicated);
    assert_eq!(second.message_id, first.message_id);
    assert_eq!(sim.running.len(), 1);
    assert_eq!(sim.states(&first), ["CREATED", "ACTIVE"]);
}

#[test]
fn the_window_closes_ten_minutes_after_the_first_acceptance() {
    let mut sim = Sim::new();
    let first = sim.publish(message(&[BY_ID]));
    sim.end(answered(200));
    sim.pass(Duration::from_secs(300));
    assert!(sim.publish(message(&[BY_ID])).deduplicated);
    sim.pass(Duration::from_millis(299_999));
    assert!(sim.publish(message(&[BY_ID])).deduplicated);
    sim.pass(Duration::from_millis(1));
    let later = sim.publish(message(&[BY_ID]));
    assert!(!later.deduplicated);
    assert_ne!(later.message_id, first.message_id);
}

#[test]
fn a_window_is_closed_for_a_call_that_comes_before_the_broker_hears_that_it_is() {
    let mut sim = Sim::new();
    sim.publish(message(&[BY_ID]));
    sim.end(answered(200));
    sim.now = sim.now + Duration::from_secs(600);
    assert!(!sim.publish(message(&[BY_ID])).deduplicated);
}

#[test]
fn a_message_that_has_failed_still_keeps_its_likes_out() {
    let mut sim = Sim::new();
    sim.publish(message(&[BY_ID, ("upstash-retries", "0")]));
    sim.end(answered(500));
    assert!(sim.publish(message(&[BY_ID])).deduplicated);
}

#[test]
fn content_is_destination_body_content_type_and_forwarded_headers() {
    let original = || {
        let headers = &[BY_CONTENT, ("content-type", "text/plain"), ("upstash-forward-x-a", "1")];
        publication("http://127.0.0.1:9/hook", headers, "hello")
    };
    let others: [fn() -> Publication; 5] = [
        || {
            let headers = &[BY_CONTENT, ("content-type", "text/plain"), ("upstash-forward-x-a", "1")];
            publication("http://127.0.0.1:9/hook?b", headers, "hello")
        },
        || {
            let headers = &[BY_CONTENT, ("content-type", "text/plain"), ("upstash-forward-x-a", "1")];
            publication("http://127.0.0.1:9/hook", headers, "hello!")
        },
        || {
            let headers = &[BY_CONTENT, ("content-type", "text/html"), ("upstash-forward-x-a", "1")];
            publication("http://127.0.0.1:9/hook", headers, "hello")
        },
        || {
            let headers = &[BY_CONTENT, ("content-type", "text/plain"), ("upstash-forward-x-a", "2")];
            publication("http://127.0.0.1:9/hook", headers, "hello")
        },
        || {
            let headers = &[BY_CONTENT, ("content-type", "text/plain")];
            publication("http://127.0.0.1:9/hook", headers, "hello")
        },
    ];
    let mut sim = Sim::new();
    let first = sim.publish(original());
    assert_eq!(sim.publish(original()).message_id, first.message_id);
    for other in others {
        assert!(!sim.publish(other()).deduplicated);
    }
}

#[test]
fn settings_that_are_not_delivered_do_not_make_a_content_different() {
    let mut sim = Sim::new();
    sim.publish(message(&[BY_CONTENT, ("upstash-retries", "1")]));
    assert!(
        sim.publish(message(&[BY_CONTENT, ("upstash-retries", "2"), ("upstash-delay", "1h")])).deduplicated
    );
}

#[test]
fn an_explicit_id_wins_over_the_content() {
    let mut sim = Sim::new();
    sim.publish(message(&[BY_CONTENT]));
    assert!(!sim.publish(message(&[BY_CONTENT, BY_ID])).deduplicated);
    assert!(sim.publish(publication("http://127.0.0.1:9/x", &[BY_CONTENT, BY_ID], "")).deduplicated);
}

#[test]
fn messages_without_deduplication_are_never_the_same() {
    let mut sim = Sim::new();
    let first = sim.publish(message(&[]));
    let second = sim.publish(message(&[]));
    assert_ne!(first.message_id, second.message_id);
    assert_eq!(sim.running.len(), 2);
}
