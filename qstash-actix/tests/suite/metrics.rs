//! What deliveries leave in the numbers.

use std::{collections::BTreeMap, time::Duration};

use actix_http::Request;
use actix_web::web;
use qstash_actix::{Outcome, Signed};
use testkit::{
    numbers::{expected, left_by},
    signing::forged_signature,
};

use crate::receiver::{delivery, request, send, serve};

fn numbers(request: Request) -> BTreeMap<String, u64> {
    left_by(|| {
        actix_web::rt::System::new().block_on(async {
            let app = serve(|routes| {
                routes
                    .route("/done", web::post().to(async || Outcome::done()))
                    .route("/later", web::post().to(async || Outcome::retry_after(Duration::from_secs(60))))
                    .route("/never", web::post().to(async || Outcome::non_retryable("a reason")))
                    .route("/number", web::post().to(async |_: Signed<u32>| ""));
            });
            send(&app.await, request).await;
        });
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
fn a_refusal_is_counted_by_its_reason_and_is_no_delivery() {
    let forged = request("/done", &forged_signature("/done", b"body")).set_payload("body").to_request();
    assert_eq!(numbers(forged), expected([("qstash_receiver_refusals_total{reason=unknown_key}", 1)]));
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
