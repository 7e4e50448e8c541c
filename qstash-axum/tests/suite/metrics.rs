//! What deliveries leave in the numbers.

use std::{collections::BTreeMap, time::Duration};

use axum::{Router, extract::Request, routing::post};
use qstash_axum::{Outcome, Signed};
use testkit::{
    numbers::{expected, left_by},
    signing::{forged_signature, now, sign, signature},
};

use crate::receiver::{delivery, layer, request, send};

fn app() -> Router {
    Router::new()
        .route("/done", post(async || Outcome::done()))
        .route("/later", post(async || Outcome::retry_after(Duration::from_secs(60))))
        .route("/never", post(async || Outcome::non_retryable("a reason")))
        .route("/number", post(async |_: Signed<u32>| ()))
        .layer(layer())
        .route("/unprotected", post(async |_: Signed<u32>| ()))
}

fn numbers(request: Request) -> BTreeMap<String, u64> {
    left_by(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(send(&app(), request));
    })
}

#[test]
fn deliveries_are_counted_by_what_they_tell_qstash() {
    for (path, outcome) in [("/done?id=SECRET", "done"), ("/later", "retry"), ("/never", "non_retryable")] {
        let deliveries = format!("qstash_receiver_deliveries_total{{outcome={outcome},attempt=first}}");
        let seconds = format!("qstash_receiver_handling_seconds{{outcome={outcome}}}");
        assert_eq!(numbers(delivery(path, "")), expected([(&deliveries, 1), (&seconds, 1)]));
    }
}

#[test]
fn the_first_attempt_alone_tells_how_long_a_message_waits() {
    let attempt = |retried: &str| {
        let mut request = delivery("/done", "");
        request.headers_mut().insert("qstash-published-at", "1767225599000".parse().unwrap());
        request.headers_mut().insert("upstash-retried", retried.parse().unwrap());
        numbers(request)
    };
    let first = attempt("0");
    assert_eq!(first["qstash_receiver_queue_wait_seconds{}"], 1);
    assert_eq!(first["qstash_receiver_deliveries_total{outcome=done,attempt=first}"], 1);
    assert_eq!(
        attempt("1"),
        expected([
            ("qstash_receiver_deliveries_total{outcome=done,attempt=repeated}", 1),
            ("qstash_receiver_handling_seconds{outcome=done}", 1),
        ])
    );
}

#[test]
fn refusals_are_counted_by_their_reason_and_are_no_deliveries() {
    let signed = |signature: &str| request("/done", signature).body("body".into()).unwrap();
    let long_ago = now() - Duration::from_secs(3600);
    let key = testkit::signing::KEY;
    for (request, reason) in [
        (Request::post("/done").body("".into()).unwrap(), "missing"),
        (signed("nonsense"), "malformed"),
        (signed(&forged_signature("/done", b"body")), "unknown_key"),
        (signed(&signature("/elsewhere", b"body")), "destination"),
        (signed(&sign(key, "https://api.example.com/done", b"body", long_ago)), "expired"),
        (signed(&signature("/done", b"another")), "body_mismatch"),
        (delivery("/unprotected", "1"), "unprotected"),
    ] {
        let refusals = format!("qstash_receiver_refusals_total{{reason={reason}}}");
        assert_eq!(numbers(request), expected([(&refusals, 1)]));
    }
}

#[test]
fn a_body_that_cannot_be_read_counts_as_both() {
    assert_eq!(
        numbers(delivery("/number", "seven")),
        expected([
            ("qstash_receiver_refusals_total{reason=json}", 1),
            ("qstash_receiver_deliveries_total{outcome=retry,attempt=first}", 1),
            ("qstash_receiver_handling_seconds{outcome=retry}", 1),
        ])
    );
}
