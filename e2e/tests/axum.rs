//! The whole loop with an axum receiver.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use e2e::{ANSWER, Loop, Seen, Sightings, outcomes::LATER};
use qstash_axum::{
    Callback, Delivery, FailureCallback, HandlerError, Outcome, Signed, Verifier, VerifierBuilder,
    VerifySignature,
};
use serde_json::Value;

async fn turning() -> Loop {
    turning_with(|verifier| verifier).await
}

async fn turning_with(settings: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Loop {
    Loop::start(settings, async |listener, verifier, sightings| {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener of the runtime");
        tokio::spawn(axum::serve(listener, app(verifier, sightings)).into_future());
    })
    .await
}

fn app(verifier: Verifier, sightings: Sightings) -> Router {
    Router::new()
        .route("/ok", post(ok))
        .route("/fail", post(fail))
        .route("/done", post(done))
        .route("/failed", post(failed))
        .route("/delivery", post(delivery))
        .route("/signed", post(signed))
        .route("/bytes", post(bytes))
        .route("/outcome/done", post(async || Outcome::done()))
        .route("/outcome/later", post(async || Outcome::retry_after(LATER)))
        .route("/outcome/permanent", post(async || Outcome::non_retryable("never")))
        .route("/outcome/question-mark", post(question_mark))
        .route("/outcome/undecodable", post(async |_: Signed<u32>| ()))
        .with_state(sightings)
        .layer(VerifySignature::new(verifier))
}

fn saw(sightings: &Sightings, seen: Seen) {
    sightings.send(seen).expect("the test listens");
}

async fn ok(State(sightings): State<Sightings>, Signed(work): Signed<Value>) -> &'static str {
    saw(&sightings, Seen::Work(work));
    ANSWER
}

async fn fail(State(sightings): State<Sightings>, delivery: Delivery) -> Response {
    saw(&sightings, Seen::Failing { retried: delivery.headers().retried.unwrap_or(u32::MAX) });
    (StatusCode::INTERNAL_SERVER_ERROR, "boom").into_response()
}

async fn done(
    State(sightings): State<Sightings>,
    Signed(callback): Signed<Callback>,
) -> Result<Outcome, HandlerError> {
    let (status, retried, body) = (callback.status(), callback.retried(), callback.body()?.clone());
    saw(&sightings, Seen::Callback { status, retried, body });
    Ok(Outcome::done())
}

async fn failed(
    State(sightings): State<Sightings>,
    Signed(failure): Signed<FailureCallback>,
) -> Result<Outcome, HandlerError> {
    let dlq_id = failure.dlq_id().map(ToString::to_string).unwrap_or_default();
    let last = failure.callback();
    saw(&sightings, Seen::Failure { status: last.status(), body: last.body()?.clone(), dlq_id });
    Ok(Outcome::done())
}

async fn delivery(State(sightings): State<Sightings>, delivery: Delivery) {
    saw(&sightings, Seen::Delivery(delivery.body().clone()));
}

async fn signed(State(sightings): State<Sightings>, Signed(value): Signed<Value>) {
    saw(&sightings, Seen::Signed(value));
}

async fn bytes(State(sightings): State<Sightings>, body: Bytes) {
    saw(&sightings, Seen::Bytes(body));
}

async fn question_mark(delivery: Delivery) -> Result<Outcome, HandlerError> {
    let _: u32 = delivery.json()?;
    Ok(Outcome::done())
}

#[tokio::test]
async fn each_outcome_decides_about_the_next_attempt() {
    e2e::outcomes::each_outcome_decides_about_the_next_attempt(turning().await).await;
}

#[tokio::test]
async fn an_undecodable_body_can_be_permanent() {
    let turning = turning_with(VerifierBuilder::undecodable_is_non_retryable).await;
    e2e::outcomes::an_undecodable_body_can_be_permanent(turning).await;
}

#[tokio::test]
async fn a_success_arrives_at_the_callback() {
    e2e::a_success_arrives_at_the_callback(turning().await).await;
}

#[tokio::test]
async fn three_failures_end_in_the_failure_callback() {
    e2e::three_failures_end_in_the_failure_callback(turning().await).await;
}

#[tokio::test]
async fn a_delivery_holds_the_exact_bytes() {
    e2e::bodies_arrive_byte_for_byte(turning().await, "/delivery", Seen::Delivery).await;
}

#[tokio::test]
async fn the_extractor_of_bytes_gets_the_exact_bytes() {
    e2e::bodies_arrive_byte_for_byte(turning().await, "/bytes", Seen::Bytes).await;
}

#[tokio::test]
async fn signed_json_of_any_size_arrives() {
    e2e::json_arrives_whole(turning().await).await;
}

#[tokio::test]
async fn two_servers_with_a_thousand_messages_each_do_not_meet() {
    let (first, second) = (turning().await, turning().await);
    tokio::join!(e2e::a_thousand_messages_arrive(first), e2e::a_thousand_messages_arrive(second));
}
