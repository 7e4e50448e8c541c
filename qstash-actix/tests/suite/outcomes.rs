//! What QStash gets to see of an outcome.

use std::time::Duration;

use actix_web::{
    Responder,
    http::{StatusCode, header::HeaderMap},
    web,
};
use qstash_actix::{Callback, Delivery, HandlerError, Outcome, Signed, VerifySignature};
use testkit::{log, signing::verifier};

use crate::receiver::{Answer, delivery, send, serve, serve_behind};

async fn answer(outcome: impl Responder + Clone + 'static) -> Answer {
    let app = serve(|routes| {
        routes.route("/", web::post().to(move || std::future::ready(outcome.clone())));
    });
    send(&app.await, delivery("/", "")).await
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[actix_web::test]
async fn done_is_a_plain_success() {
    let answer = answer(Outcome::done()).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b""[..]));
}

#[actix_web::test]
async fn retry_after_asks_for_whole_seconds_rounded_up_and_at_most_a_day() {
    let cases = [
        (Duration::ZERO, "0"),
        (Duration::from_millis(1), "1"),
        (Duration::from_secs(90), "90"),
        (Duration::from_millis(90_001), "91"),
        (Duration::MAX, "86400"),
    ];
    for (wait, header) in cases {
        let answer = answer(Outcome::retry_after(wait)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(text(&answer.headers, "retry-after").as_deref(), Some(header));
    }
}

#[actix_web::test]
async fn non_retryable_says_so_in_status_and_header_and_gives_the_reason() {
    let answer = answer(Outcome::non_retryable("no such\ncustomer")).await;
    assert_eq!(answer.status.as_u16(), 489);
    assert_eq!(text(&answer.headers, "upstash-nonretryable-error").as_deref(), Some("true"));
    assert_eq!(answer.body, "no such\ncustomer");
}

#[actix_web::test]
async fn any_error_of_a_handler_is_retried_and_told_to_the_log_alone() {
    async fn handler() -> Result<Outcome, HandlerError> {
        fn read() -> std::io::Result<()> {
            Err(std::io::Error::other("the password of the database is hunter2"))
        }
        read()?;
        Ok(Outcome::done())
    }
    let app = serve(|routes| {
        routes.route("/", web::post().to(handler));
    })
    .await;
    log::start();

    let answer = send(&app, delivery("/", "")).await;

    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body, "the handler failed");
    let line = "WARN message=delivery not handled status=500 reason=the password of the database is hunter2";
    assert_eq!(log::take(), [line]);
}

#[actix_web::test]
async fn a_handler_says_explicitly_that_an_error_is_final() {
    async fn handler() -> Result<Outcome, HandlerError> {
        "seven".parse::<u8>().map_err(HandlerError::non_retryable)?;
        Ok(Outcome::done())
    }
    let app = serve(|routes| {
        routes.route("/", web::post().to(handler));
    })
    .await;
    log::start();

    let answer = send(&app, delivery("/", "")).await;

    assert_eq!(answer.status.as_u16(), 489);
    assert_eq!(text(&answer.headers, "upstash-nonretryable-error").as_deref(), Some("true"));
    assert_eq!(answer.body, "the handler gave up");
    assert_eq!(
        log::take(),
        ["WARN message=delivery not handled status=489 reason=invalid digit found in string"]
    );
}

#[actix_web::test]
async fn a_handler_may_return_an_outcome_early() {
    async fn handler() -> Result<Outcome, HandlerError> {
        Err(Outcome::retry_after(Duration::from_secs(7)))?;
        Ok(Outcome::done())
    }
    let app = serve(|routes| {
        routes.route("/", web::post().to(handler));
    })
    .await;

    let answer = send(&app, delivery("/", "")).await;

    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(&answer.headers, "retry-after").as_deref(), Some("7"));
}

#[actix_web::test]
async fn what_cannot_be_read_is_retried() {
    async fn field(Signed(callback): Signed<Callback>) -> Result<Outcome, HandlerError> {
        callback.body()?;
        Ok(Outcome::done())
    }
    async fn whole(delivery: Delivery) -> Result<Outcome, HandlerError> {
        let _: u32 = delivery.json()?;
        Ok(Outcome::done())
    }
    async fn own(delivery: Delivery) -> Result<Outcome, HandlerError> {
        let _: u32 = serde_json::from_slice(delivery.body())?;
        Ok(Outcome::done())
    }
    let app = serve(|routes| {
        routes
            .route("/field", web::post().to(field))
            .route("/whole", web::post().to(whole))
            .route("/own", web::post().to(own));
    })
    .await;

    for path in ["/field", "/whole", "/own"] {
        let answer = send(&app, delivery(path, r#"{"status": 200, "body": "not base64!"}"#)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.body, "unexpected body");
        assert_eq!(text(&answer.headers, "upstash-nonretryable-error"), None);
    }
}

#[actix_web::test]
async fn why_a_handler_could_not_read_a_delivery_is_logged() {
    async fn whole(delivery: Delivery) -> Result<Outcome, HandlerError> {
        let _: u32 = delivery.json()?;
        Ok(Outcome::done())
    }
    let app = serve(|routes| {
        routes.route("/", web::post().to(whole));
    })
    .await;
    log::start();
    send(&app, delivery("/", r#""seven""#)).await;
    let reason = "reason=the verified body does not have the expected form \
                  reason=invalid type: string \"seven\", expected u32 at line 1 column 7";
    assert_eq!(log::take(), [format!("WARN message=delivery not handled status=422 {reason}")]);
}

#[actix_web::test]
async fn what_is_not_json_of_that_form_is_non_retryable_if_the_verifier_says_so() {
    async fn question_mark(delivery: Delivery) -> Result<Outcome, HandlerError> {
        let _: u32 = delivery.json()?;
        Ok(Outcome::done())
    }
    let verifier = verifier().undecodable_is_non_retryable().build().unwrap();
    let app = serve_behind(VerifySignature::new(verifier), |routes| {
        routes
            .route("/signed", web::post().to(async |_: Signed<u32>| ""))
            .route("/question-mark", web::post().to(question_mark));
    })
    .await;

    log::start();
    for path in ["/signed", "/question-mark"] {
        let answer = send(&app, delivery(path, "{}")).await;
        assert_eq!(answer.status.as_u16(), 489, "{path}");
        assert_eq!(text(&answer.headers, "upstash-nonretryable-error").as_deref(), Some("true"));
        assert_eq!(answer.body, "unexpected body");
        assert_eq!(log::take().len(), 1, "{path}");
        assert_eq!(send(&app, delivery(path, "7")).await.status, StatusCode::OK, "{path}");
    }
}
