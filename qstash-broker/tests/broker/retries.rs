//! When a failed attempt is followed by another one.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use qstash_broker::{AttemptEnd, LONGEST_BODY, Response};
use qstash_types::LogState;

use crate::sim::{Sim, answered, answered_with, message, unreachable};

#[test]
fn a_message_has_three_retries_unless_it_says_otherwise() {
    for (headers, attempts) in
        [(&[][..], 4), (&[("upstash-retries", "0")][..], 1), (&[("upstash-retries", "5")][..], 6)]
    {
        let mut sim = Sim::new();
        let receipt = sim.publish(message(headers));
        let mut made = 0;
        while !sim.running.is_empty() {
            sim.end(answered(500));
            made += 1;
            sim.until_next_attempt();
        }
        assert_eq!(made, attempts);
        assert_eq!(sim.states(&receipt).last().unwrap(), "FAILED");
    }
}

#[test]
fn the_default_wait_grows_exponentially_up_to_a_day() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retries", "6")]));
    for millis in [12_182, 148_413, 1_808_042, 22_026_465, 86_400_000, 86_400_000] {
        assert_eq!(sim.wait_after(answered(500)), Duration::from_millis(millis));
        sim.until_next_attempt();
    }
}

#[test]
fn an_expression_sets_the_wait_from_the_number_of_earlier_retries() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retries", "4"), ("upstash-retry-delay", "pow(2, retried) * 1000")]));
    for seconds in [1, 2, 4, 8] {
        assert_eq!(sim.wait_after(unreachable()), Duration::from_secs(seconds));
        sim.until_next_attempt();
    }
}

#[test]
fn a_response_can_set_the_wait() {
    // The broker's clock shows 2023-11-14 22:13:20.
    let cases: &[(&[(&'static str, &'static str)], u64)] = &[
        (&[("retry-after", "0")], 0),
        (&[("retry-after", "30")], 30_000),
        (&[("retry-after", "86400")], 86_400_000),
        (&[("retry-after", " 30 ")], 30_000),
        (&[("retry-after", "6m5s")], 365_000),
        (&[("retry-after", "1h0m0.5s")], 3_600_500),
        (&[("retry-after", "1.5h")], 5_400_000),
        (&[("retry-after", "300ms")], 300),
        (&[("retry-after", "5000us")], 5),
        (&[("retry-after", "6000µs")], 6),
        (&[("retry-after", "7000000ns")], 7),
        (&[("retry-after", "Tue, 14 Nov 2023 22:14:20 GMT")], 60_000),
        (&[("retry-after", "Tue, 14 Nov 2023 22:00:00 GMT")], 0),
        (&[("x-ratelimit-reset", "2")], 2000),
        (&[("x-ratelimit-reset-requests", "3s")], 3000),
        (&[("x-ratelimit-reset-tokens", "4s")], 4000),
        // The first of them counts, in the order of the documentation.
        (&[("x-ratelimit-reset-tokens", "4"), ("x-ratelimit-reset", "2"), ("retry-after", "1")], 1000),
        (&[("x-ratelimit-reset-tokens", "4"), ("x-ratelimit-reset-requests", "3")], 3000),
        // What cannot be used is passed over.
        (&[("retry-after", "soon"), ("x-ratelimit-reset", "2")], 2000),
        (&[("retry-after", "86401"), ("x-ratelimit-reset", "2")], 2000),
    ];
    for (headers, millis) in cases {
        let mut sim = Sim::new();
        sim.publish(message(&[]));
        let wait = sim.wait_after(answered_with(429, headers, ""));
        assert_eq!(wait, Duration::from_millis(*millis), "{headers:?}");
    }
}

#[test]
fn a_date_is_read_by_the_clock_of_the_destination() {
    let mut sim = Sim::new();
    sim.publish(message(&[]));
    let headers =
        [("date", "Mon, 05 Jan 2026 10:00:00 GMT"), ("retry-after", "Mon, 05 Jan 2026 10:00:42 GMT")];
    assert_eq!(sim.wait_after(answered_with(503, &headers, "")), Duration::from_secs(42));
}

#[test]
fn a_wait_that_makes_no_sense_or_exceeds_a_day_is_ignored() {
    let values = [
        "",
        "-5",
        "5 minutes",
        "5x",
        "m",
        "1.2.3s",
        "86401",
        "25h",
        "99999999999999999999",
        "99999999999999999999h",
        "Tue, 21 Nov 2023 22:14:20 GMT",
        "tomorrow",
    ];
    for value in values {
        let mut sim = Sim::new();
        sim.publish(message(&[("upstash-retry-delay", "5000")]));
        let wait = sim.wait_after(answered_with(503, &[("retry-after", value)], ""));
        assert_eq!(wait, Duration::from_secs(5), "{value:?}");
    }
}

#[test]
fn what_a_response_asks_for_wins_over_the_expression() {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-retry-delay", "5000")]));
    assert_eq!(sim.wait_after(answered_with(503, &[("retry-after", "1")], "")), Duration::from_secs(1));
}

#[test]
fn a_non_retryable_error_ends_a_message_whatever_its_status() {
    for (status, value) in [(489, "true"), (400, "True"), (302, "true")] {
        let mut sim = Sim::new();
        let receipt = sim.publish(message(&[]));
        sim.end(answered_with(status, &[("upstash-nonretryable-error", value)], ""));
        assert_eq!(sim.states(&receipt), ["CREATED", "ACTIVE", "ERROR", "FAILED"]);
        assert_eq!(sim.newest(&LogState::Error).next_delivery_time, None);
    }
}

#[test]
fn status_489_alone_is_retried() {
    for headers in [&[][..], &[("upstash-nonretryable-error", "false")][..]] {
        let mut sim = Sim::new();
        let receipt = sim.publish(message(&[]));
        sim.end(answered_with(489, headers, ""));
        assert_eq!(sim.states(&receipt).last().unwrap(), "RETRY");
    }
}

#[test]
fn a_success_that_calls_itself_non_retryable_is_a_success() {
    let mut sim = Sim::new();
    let receipt = sim.publish(message(&[]));
    sim.end(answered_with(200, &[("upstash-nonretryable-error", "true")], ""));
    assert_eq!(sim.states(&receipt).last().unwrap(), "DELIVERED");
}

#[test]
fn the_log_says_so_when_a_response_was_cut_off() {
    for (length, is_cut) in [(LONGEST_BODY - 1, false), (LONGEST_BODY, true)] {
        let mut sim = Sim::new();
        sim.publish(message(&[]));
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let body = vec![b'x'; length].into();
        sim.end(AttemptEnd::Answered(Response { status, headers: HeaderMap::new(), body }));
        let error = sim.newest(&LogState::Error).error.unwrap();
        assert_eq!(error.ends_with("no more than 10485760 bytes are kept"), is_cut, "{error}");
    }
}
