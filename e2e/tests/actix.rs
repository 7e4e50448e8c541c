//! The whole loop with an actix-web receiver.

use std::time::Duration;

use actix_web::{
    App, HttpResponse, HttpServer,
    http::KeepAlive,
    web::{self, Data},
};
use e2e::{ANSWER, Loop, Seen, Sightings, outcomes::LATER};
use qstash_actix::{
    Callback, Delivery, FailureCallback, HandlerError, Outcome, Signed, VerifierBuilder, VerifySignature,
};
use serde_json::Value;

async fn turning() -> Loop {
    turning_with(|verifier| verifier).await
}

async fn turning_with(settings: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Loop {
    Loop::start(settings, async |listener, verifier, sightings| {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::new(sightings.clone()))
                .wrap(VerifySignature::new(verifier.clone()))
                .route("/ok", web::post().to(ok))
                .route("/fail", web::post().to(fail))
                .route("/done", web::post().to(done))
                .route("/failed", web::post().to(failed))
                .route("/delivery", web::post().to(delivery))
                .route("/signed", web::post().to(signed))
                .route("/outcome/done", web::post().to(async || Outcome::done()))
                .route("/outcome/later", web::post().to(async || Outcome::retry_after(LATER)))
                .route("/outcome/permanent", web::post().to(async || Outcome::non_retryable("never")))
                .route("/outcome/question-mark", web::post().to(question_mark))
                .route("/outcome/undecodable", web::post().to(async |_: Signed<u32>| ""))
        });
        // However slow the machine is: no request comes too late, and no connection is closed for having been idle.
        let server = server.client_request_timeout(Duration::ZERO).keep_alive(KeepAlive::Os);
        let server = server.workers(1).disable_signals().listen(listener).expect("a free listener").run();
        tokio::spawn(server);
    })
    .await
}

fn saw(sightings: &Sightings, seen: Seen) {
    sightings.send(seen).expect("the test listens");
}

async fn ok(sightings: Data<Sightings>, Signed(work): Signed<Value>) -> &'static str {
    saw(&sightings, Seen::Work(work));
    ANSWER
}

async fn fail(sightings: Data<Sightings>, delivery: Delivery) -> HttpResponse {
    saw(&sightings, Seen::Failing { retried: delivery.headers().retried.unwrap_or(u32::MAX) });
    HttpResponse::InternalServerError().body("boom")
}

async fn done(
    sightings: Data<Sightings>,
    Signed(callback): Signed<Callback>,
) -> Result<Outcome, HandlerError> {
    let (status, retried, body) = (callback.status(), callback.retried(), callback.body()?.clone());
    saw(&sightings, Seen::Callback { status, retried, body });
    Ok(Outcome::done())
}

async fn failed(
    sightings: Data<Sightings>,
    Signed(failure): Signed<FailureCallback>,
) -> Result<Outcome, HandlerError> {
    let dlq_id = failure.dlq_id().map(ToString::to_string).unwrap_or_default();
    let last = failure.callback();
    saw(&sightings, Seen::Failure { status: last.status(), body: last.body()?.clone(), dlq_id });
    Ok(Outcome::done())
}

async fn delivery(sightings: Data<Sightings>, delivery: Delivery) -> HttpResponse {
    saw(&sightings, Seen::Delivery(delivery.body().clone()));
    HttpResponse::Ok().finish()
}

async fn signed(sightings: Data<Sightings>, Signed(value): Signed<Value>) -> HttpResponse {
    saw(&sightings, Seen::Signed(value));
    HttpResponse::Ok().finish()
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
async fn signed_json_of_any_size_arrives() {
    e2e::json_arrives_whole(turning().await).await;
}

#[tokio::test]
async fn two_servers_with_a_thousand_messages_each_do_not_meet() {
    let (first, second) = (turning().await, turning().await);
    tokio::join!(e2e::a_thousand_messages_arrive(first), e2e::a_thousand_messages_arrive(second));
}
