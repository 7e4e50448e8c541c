//! Which deliveries are the same.

use std::time::Duration;

use axum::{Router, http::StatusCode, routing::post};
use qstash_axum::VerifySignature;
use qstash_idempotency::Idempotent;
use testkit::log;

use crate::{
    axum_app::App,
    deliveries::{Attempt, verifier},
    stores::store,
};

fn app() -> App {
    App::new(Idempotent::new(store()), async |call| format!("call {call}"))
}

#[tokio::test(start_paused = true)]
async fn another_message_another_body_and_another_url_are_other_deliveries() {
    let app = app();
    let first = Attempt::new("msg_1", "{}");
    app.send(&first).await;
    let path = "/other";
    let token = crate::deliveries::token(path, &first.body);
    for other in
        [Attempt::new("msg_2", "{}"), Attempt::new("msg_1", "[]"), Attempt { path, token, ..first.clone() }]
    {
        let calls = app.calls();
        assert!(!app.send(&other).await.is_replayed());
        assert_eq!(app.calls(), calls + 1);
    }
    assert!(app.send(&first.next()).await.is_replayed());
}

#[tokio::test(start_paused = true)]
async fn a_token_under_another_id_is_refused_and_does_the_genuine_id_no_harm() {
    let app = app();
    let first = Attempt::new("msg_1", "{}");
    assert_eq!(app.send(&first).await.status, StatusCode::OK);
    let replay = app.send(&first.with_ids(&["msg_2"])).await;
    assert_eq!((replay.status, &*replay.body), (StatusCode::FORBIDDEN, &b"used before"[..]));
    assert_eq!(app.calls(), 1);

    // The message that the id belongs to comes later, with a token of its own.
    let genuine = Attempt::new("msg_2", "{}");
    let answered = app.send(&genuine).await;
    assert!(!answered.is_replayed());
    assert_eq!(&*answered.body, b"call 1");
    // And the token that was tried is still good for its own delivery.
    assert!(app.send(&first).await.is_replayed());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_stolen_before_it_arrived_costs_one_attempt_at_most() {
    let app = app();
    let genuine = Attempt::new("msg_1", "{}");
    assert_eq!(app.send(&genuine.with_ids(&["msg_forged"])).await.status, StatusCode::OK);
    assert_eq!(app.send(&genuine).await.status, StatusCode::FORBIDDEN, "QStash tries again");
    assert_eq!(app.send(&genuine.next()).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn replays_can_be_allowed() {
    let app = App::new(Idempotent::new(store()).allow_replays(), async |_| ());
    let first = Attempt::new("msg_1", "{}");
    assert_eq!(app.send(&first).await.status, StatusCode::OK);
    assert_eq!(app.send(&first.with_ids(&["msg_2"])).await.status, StatusCode::OK);
    assert_eq!(app.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_id_that_is_missing_repeated_or_oversized_has_an_answer() {
    let app = app();
    let long = "x".repeat(257);
    let cases: [(&[&str], &str); 6] = [
        (&[], "no message id"),
        (&[""], "no message id"),
        (&["  "], "no message id"),
        (&["msg_1", "msg_1"], "more than one message id"),
        (&["msg_1", "msg_2"], "more than one message id"),
        (&[&long], "message id too long"),
    ];
    for (ids, text) in cases {
        let answered = app.send(&Attempt::new("msg_1", "{}").with_ids(ids)).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{ids:?}");
        assert_eq!(answered.body, text.as_bytes());
    }
    assert_eq!(app.calls(), 0);
    let longest = app.send(&Attempt::new(&long[1..], "{}")).await;
    assert_eq!(longest.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_key_of_the_application_survives_the_dead_letter_queue() {
    let idempotent = Idempotent::new(store()).key_by(|_, body| {
        str::from_utf8(body).ok()?.strip_prefix("order=").map(|order| format!("charge/{order}"))
    });
    let app = App::new(idempotent, async |call| format!("call {call}"));
    app.send(&Attempt::new("msg_1", "order=7")).await;
    // A retry from there is a new message, and may even have lost its id.
    assert!(app.send(&Attempt::new("msg_2", "order=7")).await.is_replayed());
    assert!(app.send(&Attempt::new("msg_2", "order=7").with_ids(&[])).await.is_replayed());
    assert!(!app.send(&Attempt::new("msg_3", "order=8")).await.is_replayed());

    let without = app.send(&Attempt::new("msg_4", "no order")).await;
    assert_eq!((without.status, app.calls()), (StatusCode::UNPROCESSABLE_ENTITY, 2));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_the_application_sees_what_is_signed() {
    let idempotent = Idempotent::new(store()).key_by(|claims, _| Some(claims.subject().to_owned()));
    let app = App::new(idempotent, async |_| ());
    app.send(&Attempt::new("msg_1", "{}")).await;
    assert!(app.send(&Attempt::new("msg_2", "[]")).await.is_replayed());
}

#[tokio::test(start_paused = true)]
async fn callbacks_are_known_by_their_source_and_their_attempt() {
    let app = App::new(Idempotent::new(store()).key_by_callback(), async |_| ());
    let callback = |source: &str, retried: u32, rest: &str| {
        format!(
            r#"{{"status": 500, "sourceMessageId": "{source}", "retried": {retried}, "maxRetries": 3{rest}}}"#
        )
    };
    let first = Attempt::new("msg_cb_1", &callback("msg_1", 0, ""));
    assert!(!app.send(&first).await.is_replayed());
    assert!(app.send(&first.next()).await.is_replayed());
    // The same report in another message, as after a retry from the dead letter queue.
    assert!(
        app.send(&Attempt::new("msg_cb_2", &callback("msg_1", 0, r#", "url": "x""#))).await.is_replayed()
    );
    for other in
        [callback("msg_1", 1, ""), callback("msg_2", 0, ""), callback("msg_1", 0, r#", "dlqId": "1-0""#)]
    {
        assert!(!app.send(&Attempt::new("msg_cb_3", &other)).await.is_replayed(), "{other}");
    }
    for none in ["", "[]", "{}", r#"{"status": 200}"#] {
        let answered = app.send(&Attempt::new("msg_cb_4", none)).await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{none}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_not_verified_and_one_that_is_too_late_say_what_is_missing() {
    use tower::ServiceExt;

    log::start();
    let without: Router =
        Router::new().route("/hook", post(async || "handled")).layer(Idempotent::new(store()));
    let outside: Router = Router::new()
        .route("/hook", post(async || "handled"))
        .layer(VerifySignature::new(verifier()))
        .layer(Idempotent::new(store()));
    for router in [without, outside] {
        let request = crate::axum_app::request(&Attempt::new("msg_1", "{}"));
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(&*body, b"this route is not behind `VerifySignature`");
        let lines = log::take().concat();
        assert!(lines.contains("ERROR") && lines.contains("add that one after it"), "{lines}");
    }
}

#[test]
fn a_retention_that_is_too_short_and_a_second_key_are_warnings() {
    log::start();
    let fine = Idempotent::new(store()).retention(Duration::from_hours(24)).key_by_callback();
    assert_eq!(log::take().concat(), "");
    let _ = fine.clone().retention(Duration::from_hours(23));
    let lines = log::take().concat();
    assert!(lines.contains("WARN") && lines.contains("at least 24 hours"), "{lines}");
    let _ = fine.key_by(|claims, _| Some(claims.subject().to_owned()));
    let lines = log::take().concat();
    assert!(lines.contains("WARN") && lines.contains("set one"), "{lines}");
}
