//! What calls leave in the numbers.

use std::{collections::BTreeMap, time::Duration};

use futures_util::FutureExt;
use qstash_client::{Message, RetryPolicy};
use testkit::numbers::{expected, left_by};

use crate::support::{Script, interrupted, not_sent, ok, status, with_headers};

/// The numbers that are left by calls without a network.
fn numbers(work: impl Future) -> BTreeMap<String, u64> {
    left_by(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(work);
    })
}

#[test]
fn an_accepted_message_is_counted_with_its_repetitions() {
    let server = Script::new([not_sent(), interrupted(), status(500, ""), ok(r#"{"messageId":"msg_1"}"#)]);
    let client = server.client();
    assert_eq!(
        numbers(async { client.publish(Message::to("https://h/secret?id=7").in_queue("emails")).await }),
        expected([
            ("qstash_client_messages_total{via=enqueue,outcome=accepted}", 1),
            ("qstash_client_repetitions_total{resource=enqueue,reason=not_sent}", 1),
            ("qstash_client_repetitions_total{resource=enqueue,reason=interrupted}", 1),
            ("qstash_client_repetitions_total{resource=enqueue,reason=server_error}", 1),
            ("qstash_client_call_seconds{resource=enqueue,outcome=ok}", 1),
        ])
    );
}

#[test]
fn a_message_that_is_not_accepted_is_counted_by_the_reason() {
    let limited = with_headers(status(429, ""), &[("burst-ratelimit-reset", "99999999999".to_owned())]);
    for (answer, reason) in [
        (status(400, ""), "refused"),
        (status(401, ""), "unauthorized"),
        (status(503, ""), "server_error"),
        (limited, "rate_limited"),
        (ok("?"), "not_understood"),
        (not_sent(), "not_sent"),
        (interrupted(), "interrupted"),
    ] {
        let server = Script::new([answer]);
        let client = server.builder().retry(RetryPolicy::never()).build().unwrap();
        assert_eq!(
            numbers(async { client.publish(Message::to("https://h")).await }),
            expected([
                (&format!("qstash_client_messages_total{{via=publish,outcome={reason}}}"), 1),
                (&format!("qstash_client_call_seconds{{resource=publish,outcome={reason}}}"), 1),
            ])
        );
    }
}

#[test]
fn each_message_of_a_batch_counts_and_duplicates_are_told_apart() {
    let answers = r#"[{"messageId":"a"},{"messageId":"b","deduplicated":true},{"error":"no"}]"#;
    let server = Script::new([ok(answers)]);
    let client = server.client();
    let messages = || [1, 2, 3].map(|n| Message::to("https://h").deduplication_id(n.to_string()));
    assert_eq!(
        numbers(async { client.batch(messages()).await }),
        expected([
            ("qstash_client_messages_total{via=batch,outcome=accepted}", 1),
            ("qstash_client_messages_total{via=batch,outcome=duplicate}", 1),
            ("qstash_client_messages_total{via=batch,outcome=refused}", 1),
            ("qstash_client_call_seconds{resource=batch,outcome=ok}", 1),
        ])
    );
}

#[test]
fn no_id_gets_into_a_label_and_a_mistake_is_no_traffic() {
    let server = Script::new([ok("{}"), ok(r#"{"messages":[]}"#)]);
    let client = server.client();
    let work = async {
        let _ = client.message("msg_SECRET").get().await;
        let _ = client.message("msg_SECRET").cancel().await;
        client.publish(Message::to("no URL")).await.unwrap_err();
    };
    let numbers = numbers(work);
    let text = format!("{numbers:?}");
    assert!(text.contains("resource=messages"), "{text}");
    assert!(!text.contains("SECRET") && !text.contains("messages_total"), "{text}");
}

#[test]
fn a_call_that_its_caller_drops_has_an_end() {
    let server = Script::new([status(503, "")]);
    let patient = RetryPolicy::default().first_wait(Duration::from_secs(5));
    let client = server.builder().retry(patient).build().unwrap();
    let numbers = numbers(async { client.publish(Message::to("https://h")).now_or_never() });
    assert_eq!(numbers["qstash_client_call_seconds{resource=publish,outcome=given_up}"], 1);
    assert_eq!(numbers["qstash_client_repetitions_total{resource=publish,reason=server_error}"], 1);
}
