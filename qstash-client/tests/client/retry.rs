//! What is sent twice, and when. Time is paused: waits cost nothing.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use qstash_client::{Client, Error, Message, RetryPolicy, retry::RetryBudget};
use tokio::time::{Instant, timeout};

use crate::support::{Answer, Script, interrupted, not_sent, ok, status, values, with_headers};

const SECOND: Duration = Duration::from_secs(1);

fn message() -> Message {
    Message::to("https://example.com")
}

/// A 429 of the burst limit that ends in this many seconds.
fn limited_for(seconds: u64) -> Answer {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let reset = (now.as_secs() + seconds).to_string();
    with_headers(status(429, ""), &[("burst-ratelimit-reset", reset)])
}

#[tokio::test(start_paused = true)]
async fn what_is_repeated_depends_on_the_failure_and_on_deduplication() {
    type Failure = fn() -> Answer;
    // The failure, whether it is repeated without deduplication, and whether it is with it.
    let matrix: [(Failure, bool, bool); 11] = [
        (not_sent, true, true),
        (interrupted, false, true),
        (|| status(429, ""), true, true),
        (|| status(408, ""), false, true),
        (|| status(500, ""), false, true),
        (|| status(503, ""), false, true),
        (|| status(302, ""), false, false),
        (|| status(400, ""), false, false),
        (|| status(401, ""), false, false),
        (|| status(404, ""), false, false),
        (|| ok("not JSON"), false, false),
    ];
    for (failure, bare, protected) in matrix {
        let cases = [
            (message().without_deduplication(), bare),
            (message().deduplicate_by_content(), protected),
            (message().deduplication_id("mine"), protected),
            (message(), protected),
        ];
        for (message, repeated) in cases {
            let server = Script::new([failure()]);
            let outcome = server.client().publish(message.clone()).await;
            assert_eq!(outcome.is_ok(), repeated, "{message:?} after {:?}", failure());
            assert_eq!(server.requests().len(), if repeated { 2 } else { 1 });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_attempts_of_a_publish_are_the_same_request_with_the_same_id() {
    let server = Script::new([not_sent(), interrupted(), status(503, "")]);
    server.client().publish(message().json(&[1])).await.unwrap();

    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(!values(requests[0].headers(), "upstash-deduplication-id").is_empty());
    for request in &requests {
        assert_eq!(request.uri(), requests[0].uri());
        assert_eq!(request.headers(), requests[0].headers());
        assert_eq!(request.body(), requests[0].body());
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_publish_gives_back_the_id_that_it_used() {
    let server = Script::new((0..6).map(|_| interrupted()));
    let error = server.client().publish(message()).await.unwrap_err();
    let sent = server.requests();
    assert_eq!(sent.len(), 6, "one attempt and five repetitions");
    let id = error.deduplication_id().unwrap().as_str();
    assert_eq!(values(sent[5].headers(), "upstash-deduplication-id"), [id]);

    let mine = message().deduplication_id("mine");
    let error = Script::new([status(400, "")]).client().publish(mine).await.unwrap_err();
    assert_eq!(error.deduplication_id().unwrap().as_str(), "mine");

    let none = message().without_deduplication();
    let error = Script::new([interrupted()]).client().publish(none).await.unwrap_err();
    assert_eq!(error.deduplication_id(), None);
}

#[tokio::test(start_paused = true)]
async fn an_early_lost_answer_is_not_forgotten_when_later_attempts_do_not_get_through() {
    let policy = RetryPolicy::default().retries(1);
    for last in [not_sent(), status(400, "")] {
        let server = Script::new([interrupted(), last]);
        let client = server.builder().retry(policy.clone()).build().unwrap();
        let error = client.publish(message()).await.unwrap_err();
        assert!(error.is_ambiguous(), "{error:?}");
    }
    let server = Script::new([not_sent(), not_sent()]);
    let client = server.builder().retry(policy).build().unwrap();
    assert!(!client.publish(message()).await.unwrap_err().is_ambiguous());
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_forbid_repetitions() {
    let server = Script::new([not_sent()]);
    let client = server.builder().retry(RetryPolicy::never()).build().unwrap();
    let error = client.publish(message()).await.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn waits_double_up_to_the_longest() {
    let server = Script::new((0..4).map(|_| not_sent()));
    let policy = RetryPolicy::default().retries(4).first_wait(SECOND).longest_wait(3 * SECOND);
    let client = server.builder().retry(policy).build().unwrap();
    let start = Instant::now();
    client.publish(message()).await.unwrap();
    // 1 + 2 + 3 + 3 seconds, of which at most half is left out.
    let waited = start.elapsed();
    assert!((4500..=9010).contains(&waited.as_millis()), "waited {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_waited_for_if_it_ends_before_the_deadline() {
    let server = Script::new([limited_for(30)]);
    let start = Instant::now();
    server.client().publish(message()).await.unwrap();
    let waited = start.elapsed();
    assert!((28..=32).contains(&waited.as_secs()), "waited {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_beyond_the_deadline_is_returned_at_once() {
    let server = Script::new([limited_for(3600)]);
    let start = Instant::now();
    let error = server.client().publish(message()).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(server.requests().len(), 1);
    assert!(error.is_retryable() && !error.is_ambiguous());
    assert!((3590..=3600).contains(&error.retry_after().unwrap().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_time_gets_it() {
    let server = Script::new([with_headers(status(503, ""), &[("retry-after", "20".to_owned())])]);
    let start = Instant::now();
    server.client().publish(message()).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_and_may_have_been_carried_out() {
    let client = Script::default()
        .builder()
        .transport(tower::service_fn(|_| std::future::pending::<Answer>()))
        .timeout(20 * SECOND)
        .build()
        .unwrap();
    let start = Instant::now();
    let error = client.publish(message()).await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 20);
    assert!(matches!(error, Error::Transport(_)));
    assert!(error.is_timeout() && error.is_retryable() && error.is_ambiguous());
}

#[tokio::test(start_paused = true)]
async fn repetitions_end_before_the_deadline() {
    let server = Script::new((0..100).map(|_| not_sent()));
    let policy = RetryPolicy::default().retries(u32::MAX).first_wait(3 * SECOND).longest_wait(Duration::MAX);
    let client = server.builder().retry(policy).timeout(10 * SECOND).build().unwrap();
    let start = Instant::now();
    client.publish(message()).await.unwrap_err();
    assert!(start.elapsed() < 10 * SECOND);
    assert!((2..=4).contains(&server.requests().len()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_sends_nothing_more() {
    let server = Script::new((0..100).map(|_| not_sent()));
    let policy = RetryPolicy::default().first_wait(SECOND);
    let client = server.builder().retry(policy).build().unwrap();
    let publish = client.publish(message());
    assert!(timeout(SECOND / 10, publish).await.is_err(), "it waits before it repeats");
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(server.requests().len(), 1);

    drop(client.publish(message()));
    assert_eq!(server.requests().len(), 1, "it was never polled");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_an_unknown_type_counts_as_ambiguous() {
    let client = Script::default()
        .builder()
        .transport(tower::service_fn(|_| async {
            Err::<http::Response<bytes::Bytes>, _>(std::io::Error::other("broken"))
        }))
        .build()
        .unwrap();
    let error = client.publish(message().without_deduplication()).await.unwrap_err();
    assert!(error.is_ambiguous());
}

/// Makes so many calls at once, with clones of one client, of which every attempt fails; gives the number of attempts.
async fn attempts_in_an_outage(server: &Script, client: &Client, calls: usize) -> usize {
    let before = server.requests().len();
    let calls = (0..calls).map(|_| {
        let client = client.clone();
        async move { client.publish(message()).await.unwrap_err() }
    });
    let errors = join_all(calls).await;
    assert!(errors.iter().all(Error::is_retryable));
    server.requests().len() - before
}

fn failing() -> Script {
    Script::new((0..20_000).map(|_| status(503, "")))
}

#[tokio::test(start_paused = true)]
async fn an_outage_multiplies_many_calls_by_no_more_than_the_budget() {
    let server = failing();
    let client = server.client();
    // One repetition for five calls, and 100 more.
    assert_eq!(attempts_in_an_outage(&server, &client, 1000).await, 1000 + 200 + 100);
    // The retries of the next calls have to wait for the end of the ten seconds.
    assert_eq!(attempts_in_an_outage(&server, &client, 500).await, 500 + 100);
    tokio::time::advance(10 * SECOND).await;
    assert_eq!(attempts_in_an_outage(&server, &client, 1000).await, 1000 + 200 + 100);
}

#[tokio::test(start_paused = true)]
async fn few_calls_are_repeated_as_often_as_the_policy_says_during_an_outage_of_any_length() {
    let server = failing();
    let client = server.client();
    for _ in 0..100 {
        assert_eq!(attempts_in_an_outage(&server, &client, 10).await, 60);
        tokio::time::advance(10 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_a_setting() {
    let budgets = [
        (RetryBudget::default().percent(0).reserve(0), 0),
        (RetryBudget::default().percent(0).reserve(7), 7),
        (RetryBudget::default().percent(150).reserve(0), 150),
        (RetryBudget::unlimited(), 500),
        (RetryBudget::unlimited().percent(0).reserve(0), 500),
    ];
    for (budget, repetitions) in budgets {
        let server = failing();
        let client = server.builder().retry(RetryPolicy::default().budget(budget.clone())).build().unwrap();
        let attempts = attempts_in_an_outage(&server, &client, 100).await;
        assert_eq!(attempts, 100 + repetitions, "{budget:?}");
    }
}
