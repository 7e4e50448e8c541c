//! What a handler tells QStash.

use std::{error::Error, num::ParseIntError, time::Duration};

use qstash_verify::{Callback, HandlerError, Outcome, VerifierBuilder};

use crate::support::{claims, lenient, token, verify};

fn parts(outcome: &Outcome) -> (u16, Vec<(&'static str, String)>, &str) {
    (outcome.status(), outcome.headers().collect(), outcome.body())
}

fn non_retryable() -> (&'static str, String) {
    ("upstash-nonretryable-error", "true".to_owned())
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
fn a_non_retryable_failure_says_so_twice_and_gives_its_reason() {
    let outcome = Outcome::non_retryable("no such customer");
    assert_eq!(parts(&outcome), (489, vec![non_retryable()], "no such customer"));
}

#[test]
fn any_error_of_a_handler_is_tried_again_and_its_text_is_not_sent() {
    fn handler(text: &str) -> Result<u8, HandlerError> {
        Ok(text.parse()?)
    }

    let error = handler("seven").unwrap_err();
    assert_eq!(parts(error.outcome()), (500, vec![], "the handler failed"));
    assert!(error.cause().unwrap().is::<ParseIntError>());
    assert_eq!(error.to_string(), "invalid digit found in string");

    // Texts and boxed errors are errors as well.
    for error in [HandlerError::from("odd"), HandlerError::from(Box::<dyn Error + Send + Sync>::from("odd"))]
    {
        assert_eq!((error.outcome().status(), error.to_string().as_str()), (500, "odd"));
    }
}

#[test]
fn a_handler_decides_explicitly_that_an_error_is_final_or_how_long_to_wait() {
    let last = HandlerError::non_retryable("card 4711 is stolen");
    assert_eq!(parts(last.outcome()), (489, vec![non_retryable()], "the handler gave up"));
    let later = HandlerError::retry_after(Duration::from_secs(7), "the bank is closed");
    assert_eq!(parts(later.outcome()), (503, vec![("retry-after", "7".to_owned())], ""));
    assert_eq!(later.cause().unwrap().to_string(), "the bank is closed");
    let outcome = HandlerError::from(Outcome::non_retryable("gone"));
    assert_eq!((outcome.outcome(), outcome.cause().is_none()), (&Outcome::non_retryable("gone"), true));
}

/// An error of a handler's own, around one of ours.
#[derive(Debug, thiserror::Error)]
#[error("wrapped")]
struct Wrapped<E: Error + 'static>(#[source] E);

#[test]
fn what_cannot_be_read_is_told_as_that_however_it_is_wrapped() {
    let undecodable = (422, vec![], "unexpected body");
    let callback: Callback = serde_json::from_str(r#"{"status":200,"body":"***"}"#).unwrap();
    let field = || callback.body().unwrap_err();
    assert_eq!(parts(HandlerError::from(field()).outcome()), undecodable);
    assert_eq!(parts(HandlerError::from(Wrapped(Wrapped(field()))).outcome()), undecodable);

    let json = || serde_json::from_str::<u8>("seven").unwrap_err();
    assert_eq!(parts(HandlerError::from(json()).outcome()), undecodable);
    // It may be about the answer of another service.
    assert_eq!(HandlerError::from(Wrapped(json())).outcome().status(), 500);

    let body = |builder: VerifierBuilder| {
        let verified = verify(&builder.build().unwrap(), &token(&claims(b""))).unwrap();
        verified.json::<u8>().unwrap_err()
    };
    assert_eq!(parts(HandlerError::from(Wrapped(body(lenient()))).outcome()), undecodable);
    let last = HandlerError::from(Wrapped(body(lenient().undecodable_is_non_retryable())));
    assert_eq!(parts(last.outcome()), (489, vec![non_retryable()], "unexpected body"));
}
