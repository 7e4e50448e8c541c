//! Keys that are fetched when they are missed.

use std::{
    cell::Cell,
    future::{Future, pending, ready},
    pin::pin,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use qstash_verify::{BuildError, KeySet, Refresh, SigningKeys, Verifier, VerifyError};

use crate::support::{
    CURRENT, HEADER, ISSUED, NEXT, at, claims, key, keys, lenient, segment, signed, verify,
};

type Error = Box<dyn std::error::Error>;

/// Runs what never waits.
fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

fn pair(current: &str, next: &str) -> SigningKeys {
    SigningKeys::new(key(current), key(next))
}

fn token_by(key: &str) -> String {
    signed(key, &format!("{}.{}", segment(HEADER), segment(claims(b"").to_string())))
}

/// A receiver as the documentation shows it, which counts how often it asks for keys.
fn receive(
    verifier: &Verifier,
    token: &str,
    now: u64,
    asked: &Cell<u32>,
    answer: Result<SigningKeys, Error>,
) -> Result<String, VerifyError> {
    let verify = || verify(verifier, token).map(|verified| verified.key().to_owned());
    match verify() {
        Err(VerifyError::UnknownKey) => {
            let fetch = async {
                asked.set(asked.get() + 1);
                answer
            };
            let _ = now_or_never(verifier.refresh_keys(at(now), fetch));
            verify()
        }
        decided => decided,
    }
}

#[test]
fn two_rotations_in_a_row_are_no_outage() {
    let verifier = lenient().build().unwrap();
    let asked = Cell::new(0);
    let api = || Ok(pair("sig_third", "sig_fourth"));
    assert_eq!(receive(&verifier, &token_by(NEXT), ISSUED, &asked, api()).unwrap(), "next");
    assert_eq!(asked.get(), 0);
    assert_eq!(receive(&verifier, &token_by("sig_third"), ISSUED, &asked, api()).unwrap(), "current");
    assert_eq!(receive(&verifier, &token_by("sig_fourth"), ISSUED, &asked, api()).unwrap(), "next");
    assert_eq!(asked.get(), 1);
    assert_eq!(verify(&verifier, &token_by(CURRENT)).unwrap_err(), VerifyError::UnknownKey);
}

#[test]
fn strangers_cause_one_fetch_per_interval() {
    let verifier = lenient().refresh_interval(Duration::from_secs(30)).build().unwrap();
    let asked = Cell::new(0);
    for second in 0..90 {
        let forged = token_by(&format!("sig_forged_{second}"));
        let result = receive(&verifier, &forged, ISSUED + second, &asked, Ok(pair(CURRENT, NEXT)));
        assert_eq!(result.unwrap_err(), VerifyError::UnknownKey);
    }
    assert_eq!(asked.get(), 3);
    assert_eq!(verify(&verifier, &token_by(CURRENT)).unwrap().key(), "current");
}

#[test]
fn a_failed_fetch_counts_as_one_and_keeps_the_keys() {
    let verifier = lenient().build().unwrap();
    let fetch =
        |now, answer: Result<KeySet, Error>| now_or_never(verifier.refresh_keys(at(now), ready(answer)));
    assert_eq!(fetch(0, Err("down".into())).unwrap_err().to_string(), "down");
    assert_eq!(fetch(59, Err("down".into())).unwrap(), Refresh::NotDue);
    let empty = KeySet::new::<&str>([]);
    assert_eq!(fetch(60, Ok(empty)).unwrap_err().downcast_ref(), Some(&BuildError::NoKeys));
    assert!(verify(&verifier, &token_by(CURRENT)).is_ok());
    assert_eq!(fetch(120, Ok(pair("sig_a", "sig_b").into())).unwrap(), Refresh::Done);
    assert_eq!(verify(&verifier, &token_by("sig_a")).unwrap().key(), "current");
}

#[test]
fn published_keys_are_not_fetched_into_production() {
    let verifier = lenient().build().unwrap();
    let published = pair("sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r", "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs");
    let error = now_or_never(verifier.refresh_keys(at(0), ready(Ok::<_, Error>(published)))).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(BuildError::PublishedKey { .. })));
}

#[test]
fn nobody_waits_for_the_fetch_of_another() {
    let verifier = lenient().build().unwrap();
    let clone = verifier.clone();
    let mut first = pin!(verifier.refresh_keys(at(0), pending::<Result<KeySet, Error>>()));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let second = async { panic!("a second fetch") as Result<KeySet, Error> };
    assert_eq!(now_or_never(clone.refresh_keys(at(1), second)).unwrap(), Refresh::NotDue);
}

#[test]
fn of_many_that_miss_a_key_at_once_one_fetches() {
    let verifier = lenient().build().unwrap();
    let asked = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let fetch = async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, BuildError>(pair("sig_third", "sig_fourth"))
                };
                now_or_never(verifier.refresh_keys(at(7), fetch)).unwrap();
            });
        }
    });
    assert_eq!(asked.into_inner(), 1);
    assert_eq!(verify(&verifier, &token_by("sig_third")).unwrap().key(), "current");
}

#[test]
fn a_fetch_that_was_given_up_does_not_stop_the_next_one() {
    let verifier = lenient().build().unwrap();
    {
        let mut given_up = pin!(verifier.refresh_keys(at(0), pending::<Result<KeySet, Error>>()));
        assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let next = now_or_never(verifier.refresh_keys(at(60), ready(Ok::<_, Error>(keys()))));
    assert_eq!(next.unwrap(), Refresh::Done);
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_the_refresh() {
    let verifier = lenient().build().unwrap();
    let refresh = |now| now_or_never(verifier.refresh_keys(at(now), ready(Ok::<_, Error>(keys())))).unwrap();
    assert_eq!(refresh(1_000_000), Refresh::Done);
    assert_eq!(refresh(1000), Refresh::Done);
    assert_eq!(refresh(1001), Refresh::NotDue);
}

#[test]
fn the_future_may_cross_threads() {
    fn assert_send(_: impl Send) {}
    let verifier = lenient().build().unwrap();
    assert_send(
        verifier.refresh_keys(at(0), ready(Ok::<_, Box<dyn std::error::Error + Send + Sync>>(keys()))),
    );
}
