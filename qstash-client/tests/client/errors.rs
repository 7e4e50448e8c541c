//! What an error says, to people and to code.

use std::{
    error::Error as _,
    time::{Duration, SystemTime},
};

use http::StatusCode;
use qstash_client::{Error, Message, RetryPolicy, error::RateLimitKind};

use crate::support::{Answer, Script, interrupted, not_sent, ok, status, with_headers};

async fn failure(answer: Answer) -> Error {
    let client = Script::new([answer]).builder().retry(RetryPolicy::never()).build().unwrap();
    client.publish(Message::to("https://example.com")).await.unwrap_err()
}

fn timed_out(answer: Answer) -> Answer {
    answer.map_err(qstash_client::error::TransportError::timed_out)
}

/// What the questions say: retryable, ambiguous, timeout.
fn answers(error: &Error) -> [bool; 3] {
    [error.is_retryable(), error.is_ambiguous(), error.is_timeout()]
}

#[tokio::test]
async fn every_failure_answers_the_questions_of_a_caller() {
    const YES: bool = true;
    const NO: bool = false;
    let table = [
        (
            not_sent(),
            None,
            [YES, NO, NO],
            "could not connect to QStash at https://qstash.example (errors.md#no-connection)",
        ),
        (
            timed_out(not_sent()),
            None,
            [YES, NO, YES],
            "could not connect to QStash at https://qstash.example in time (errors.md#no-connection)",
        ),
        (
            interrupted(),
            None,
            [YES, YES, NO],
            "the connection to QStash broke before the answer was complete (errors.md#lost-answer)",
        ),
        (
            timed_out(interrupted()),
            None,
            [YES, YES, YES],
            "QStash did not answer in time (errors.md#lost-answer)",
        ),
        (
            status(400, r#"{"error":"invalid Upstash-Retries"}"#),
            Some(400),
            [NO, NO, NO],
            "QStash answered 400 Bad Request: invalid Upstash-Retries",
        ),
        (
            status(404, r#"{"error":"topic x not found"}"#),
            Some(404),
            [NO, NO, NO],
            "QStash answered 404 Not Found: topic x not found",
        ),
        (status(408, ""), Some(408), [YES, YES, YES], "QStash answered 408 Request Timeout"),
        (
            status(429, ""),
            Some(429),
            [YES, NO, NO],
            "QStash answered 429 Too Many Requests (errors.md#rate-limit)",
        ),
        (
            status(502, "<html>\n<b>bad</b>\n</html>\n"),
            Some(502),
            [YES, YES, NO],
            "QStash answered 502 Bad Gateway: <html> <b>bad</b> </html> (errors.md#server-error)",
        ),
        (
            status(504, ""),
            Some(504),
            [YES, YES, YES],
            "QStash answered 504 Gateway Timeout (errors.md#server-error)",
        ),
        (ok("<html>"), Some(200), [NO, YES, NO], "the answer of QStash was not understood"),
        (ok("[]"), Some(200), [NO, NO, NO], "the URL group has no endpoints"),
        (ok(r#"{"messages":[]}"#), Some(200), [NO, NO, NO], "the URL group has no endpoints"),
    ];
    for (answer, status, expected, text) in table {
        let error = failure(answer).await;
        assert_eq!(error.to_string(), text);
        assert_eq!(answers(&error), expected, "{text}");
        assert_eq!(error.status().map(|status| status.as_u16()), status, "{text}");
    }
}

#[tokio::test]
async fn no_error_repeats_its_source() {
    let mistake = Message::to("ftp://x");
    let mistake = Script::default().client().publish(mistake).await.unwrap_err();
    let config = Script::default().builder().base_url("ftp://x").build().unwrap_err();
    let mut chains: Vec<Box<dyn std::error::Error>> = vec![mistake.into(), config.into()];
    for answer in [not_sent(), interrupted(), status(500, "x"), ok("x"), ok("[]")] {
        chains.push(failure(answer).await.into());
    }
    for error in chains {
        let text = error.to_string();
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
        let mut source = error.source();
        while let Some(cause) = source {
            assert!(!text.contains(&cause.to_string()), "{text} repeats {cause}");
            source = cause.source();
        }
    }
}

#[tokio::test]
async fn the_cause_is_in_the_source() {
    let source = |error: &Error| error.source().unwrap().to_string();
    assert_eq!(source(&failure(not_sent()).await), "connection refused");
    assert!(source(&failure(ok("{}")).await).contains("messageId"));
}

#[tokio::test]
async fn an_answer_without_a_message_id_is_not_understood() {
    for body in [
        "",
        "null",
        "{}",
        r#"{"messageId":""}"#,
        r#"{"messageId":7}"#,
        r#"[{"url":"https://a.example"}]"#,
        r#"["msg_1",null,false]"#,
        r#"{"messages":[{}]}"#,
        r#"{"messages":7}"#,
    ] {
        let error = failure(ok(body)).await;
        assert!(matches!(error, Error::Decode(_)), "{body}: {error:?}");
        assert!(error.is_ambiguous(), "{body}");
    }
}

#[tokio::test]
async fn a_long_error_page_is_cut() {
    let page = Box::leak("é".repeat(5000).into_boxed_str());
    let Error::Api(error) = failure(status(500, page)).await else {
        panic!("an error status is an API error");
    };
    assert_eq!(error.message().chars().count(), 1000);
    assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(error.rate_limit(), None);
}

#[tokio::test]
async fn a_429_tells_which_limit_and_when_it_ends() {
    let reset = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let header = |name, value: &str| (name, value.to_owned());
    let burst = [
        header("burst-ratelimit-limit", "100"),
        header("burst-ratelimit-remaining", "0"),
        header("burst-ratelimit-reset", "4000000000"),
    ];
    let daily = [
        header("ratelimit-limit", "1000"),
        header("ratelimit-remaining", "1"),
        header("ratelimit-reset", "4000000000"),
    ];
    let chat = |tokens_left| {
        [
            header("x-ratelimit-limit-requests", "10"),
            header("x-ratelimit-remaining-requests", "5"),
            header("x-ratelimit-reset-requests", "4000000000"),
            header("x-ratelimit-limit-tokens", "2000"),
            header("x-ratelimit-remaining-tokens", tokens_left),
            header("x-ratelimit-reset-tokens", "4000000000"),
        ]
    };
    let all = [&burst[..], &daily[..], &chat("7")[..]].concat();
    let cases = [
        (burst.to_vec(), RateLimitKind::Burst, 100, 0),
        (daily.to_vec(), RateLimitKind::Daily, 1000, 1),
        ([burst, daily].concat(), RateLimitKind::Daily, 1000, 1),
        (all, RateLimitKind::Chat, 10, 5),
        (chat("0").to_vec(), RateLimitKind::Chat, 2000, 0),
    ];
    for (headers, kind, limit, remaining) in cases {
        let error = failure(with_headers(status(429, ""), &headers)).await;
        assert!(error.retry_after().unwrap() > Duration::from_secs(1_000_000_000));
        let Error::Api(error) = error else {
            panic!("a 429 is an API error");
        };
        let rate_limit = error.rate_limit().unwrap();
        assert_eq!(rate_limit.kind(), kind);
        assert_eq!(rate_limit.limit(), Some(limit));
        assert_eq!(rate_limit.remaining(), Some(remaining));
        assert_eq!(rate_limit.reset(), Some(reset));
    }
}

#[tokio::test]
async fn a_429_without_readable_headers_is_still_one() {
    let unreadable = [("burst-ratelimit-reset", "soon".to_owned())];
    let cases = [
        (status(429, ""), None),
        (with_headers(status(429, ""), &[("server", "gateway".to_owned())]), None),
        (with_headers(status(429, ""), &unreadable), Some((RateLimitKind::Burst, None))),
    ];
    for (answer, limit) in cases {
        let error = failure(answer).await;
        assert_eq!((error.is_retryable(), error.retry_after()), (true, None));
        let Error::Api(error) = error else {
            panic!("a 429 is an API error");
        };
        assert_eq!(error.rate_limit().map(|limit| (limit.kind(), limit.reset())), limit);
    }
}

/// What a program prints whose `main` returns the error.
fn printed(error: impl std::fmt::Debug) -> String {
    format!("Error: {error:?}")
}

#[tokio::test]
async fn an_error_that_leaves_main_is_a_text_that_says_what_to_do() {
    let cases = [
        (
            "https://qstash-us-east-1.upstash.io",
            status(401, r#"{"error":"invalid token"}"#),
            "Error: QStash answered 401 Unauthorized: invalid token: the token is not one of \
             https://qstash-us-east-1.upstash.io, whose tokens are at https://console.upstash.com/qstash (errors.md#unknown-token)",
        ),
        (
            "http://localhost:8080",
            status(401, ""),
            "Error: QStash answered 401 Unauthorized: the token is not one of http://localhost:8080, where `qstash-dev` \
             prints it when it starts (errors.md#unknown-token)",
        ),
        (
            "https://gateway.example/qstash",
            status(401, ""),
            "Error: QStash answered 401 Unauthorized: the token is not one of https://gateway.example/qstash (errors.md#unknown-token)",
        ),
        (
            "http://127.0.0.1:8080",
            not_sent(),
            "Error: could not connect to QStash at http://127.0.0.1:8080, does `qstash-dev` run there? (errors.md#no-connection): \
             connection refused",
        ),
        (
            "https://qstash.upstash.io",
            ok("[1]"),
            "Error: the answer of QStash was not understood: invalid type: integer `1`, expected the object of a Receipt",
        ),
    ];
    for (base_url, answer, text) in cases {
        let builder = Script::new([answer]).builder().base_url(base_url).retry(RetryPolicy::never());
        let error = builder.build().unwrap().publish(Message::to("https://example.com")).await.unwrap_err();
        assert!(printed(&error).starts_with(text), "{error:?}");
        let error: Box<dyn std::error::Error> = error.into();
        assert!(printed(error).starts_with(text));
    }
}

#[tokio::test]
async fn errors_about_batches_settings_and_checks_are_texts_as_well() {
    let server = Script::new([ok(r#"[{"error":"queue is full"},{"messageId":"msg_1"}]"#), not_sent()]);
    let message = || Message::to("https://example.com");
    let client = server.builder().retry(RetryPolicy::never()).build().unwrap();
    let error = client.batch([message(), message()]).await.unwrap().into_result().unwrap_err();
    assert_eq!(
        printed(error),
        "Error: 1 of 2 messages were not accepted: QStash refused the message: queue is full"
    );
    let error = client.check().await.unwrap_err();
    let text = "Error: there is no QStash at the base URL: could not connect to QStash at https://qstash.example (errors.md#no-connection)";
    assert_eq!(printed(error), format!("{text}: connection refused"));
    let error = qstash_client::ClientBuilder::from_vars(|_| None).build().unwrap_err();
    let text = printed(error);
    assert!(text.starts_with("Error: QSTASH_TOKEN: not set") && text.contains("qstash-dev"), "{text}");
}

#[tokio::test]
async fn a_limit_that_has_already_ended_asks_for_no_wait() {
    let past = [("burst-ratelimit-reset", "1".to_owned())];
    let error = failure(with_headers(status(429, ""), &past)).await;
    assert_eq!(error.retry_after(), Some(Duration::ZERO));
}

#[tokio::test]
async fn a_wait_is_read_in_seconds_and_as_a_date() {
    let answer = |wait: &str| with_headers(status(503, ""), &[("retry-after", wait.to_owned())]);
    assert_eq!(failure(answer("20")).await.retry_after(), Some(Duration::from_secs(20)));
    let ahead = failure(answer("Fri, 31 Dec 9999 23:59:59 GMT")).await.retry_after().unwrap();
    assert!(ahead > Duration::from_secs(1_000_000_000));
    assert_eq!(failure(answer("Sun, 06 Nov 1994 08:49:37 GMT")).await.retry_after(), Some(Duration::ZERO));
    assert_eq!(failure(answer("soon")).await.retry_after(), None);
}
