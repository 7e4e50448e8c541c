//! What a handler tells QStash.

use std::time::Duration;

use qstash_verify::{Callback, Outcome};

fn parts(outcome: &Outcome) -> (u16, Vec<(&'static str, String)>, &str) {
    (outcome.status(), outcome.headers().collect(), outcome.body())
}

#[test]
fn done_is_200_and_nothing_else() {
    assert_eq!(parts(&Outcome::done()), (200, vec![], ""));
}

#[test]
fn a_retry_waits_for_whole_seconds_rounded_up_and_at_most_a_day() {
    for (wait, seconds) in [
        (Duration::ZERO, "0"),
        (Duration::from_nanos(1), "1"),
        (Duration::from_secs(1), "1"),
        (Duration::from_millis(1001), "2"),
        (Duration::from_secs(86_400), "86400"),
        (Duration::from_secs(86_400) + Duration::from_nanos(1), "86400"),
        (Duration::MAX, "86400"),
    ] {
        let outcome = Outcome::retry_after(wait);
        assert_eq!(parts(&outcome), (503, vec![("retry-after", seconds.to_owned())], ""), "{wait:?}");
    }
}

#[test]
fn a_permanent_failure_says_so_twice_and_gives_its_reason() {
    let outcome = Outcome::permanent("no such customer");
    let header = ("upstash-nonretryable-error", "true".to_owned());
    assert_eq!(parts(&outcome), (489, vec![header], "no such customer"));
}

#[test]
fn what_cannot_be_read_is_tried_again() {
    assert_eq!(parts(&Outcome::unprocessable("odd")), (422, vec![], "odd"));
}

#[test]
fn a_question_mark_on_a_broken_body_is_unprocessable() {
    fn pages(callback: &Callback) -> Result<u32, Outcome> {
        Ok(callback.json()?)
    }

    let callback: Callback = serde_json::from_str(r#"{"status":200,"body":"***"}"#).unwrap();
    let outcome = pages(&callback).unwrap_err();
    assert_eq!(outcome.status(), 422);
    assert!(outcome.body().contains("body"));
}
