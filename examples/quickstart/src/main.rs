//! The whole loop in one process, with no account and no network.
//!
//! ```text
//! cargo run -p example-quickstart
//! ```
//!
//! A local QStash server and a small axum application start. One message goes to a slow endpoint, whose answer comes
//! back to a callback route; another goes to an endpoint that always fails, and ends at a failure-callback route. The
//! program succeeds only if both reports arrived, were verified, and said what they should.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the person who runs it")]

use std::{error::Error, process::ExitCode, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use qstash_axum::{
    Callback, Delivery, FailureCallback, HandlerError, Outcome, Signed, Verifier, VerifySignature,
};
use qstash_client::{Client, Message};
use qstash_dev::DevServer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, time};

/// The work that is published.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    document: String,
}

/// What the two report routes have seen.
#[derive(Debug, PartialEq)]
enum Report {
    Done { pages: Value },
    Failed { status: u16, text: String },
}

type Reports = mpsc::UnboundedSender<Report>;

#[tokio::main]
async fn main() -> ExitCode {
    match time::timeout(Duration::from_secs(20), run()).await {
        Ok(Ok(())) => {
            println!("done: both reports arrived, verified, with the expected contents");
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
        Err(_) => {
            eprintln!("failed: the loop did not end within 20 seconds");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let qstash = DevServer::start().await?;
    println!("qstash     listens on {}, inside this process", qstash.url());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build()?;
    let (reports, arrived) = mpsc::unbounded_channel();
    tokio::spawn(axum::serve(listener, app(verifier, reports)).into_future());

    let client = Client::new(qstash.url(), qstash.token())?;
    let job = Job { document: "annual report".into() };

    // Each line is printed before what it announces happens, which is quick.
    println!("publish    to /render, with a callback");
    let message =
        Message::to(format!("{origin}/render")).json(&job).callback(format!("{origin}/render/done"));
    client.publish(message).await?;
    qstash.settled().await;

    println!("publish    to /broken, with one retry and a failure callback");
    let message = Message::to(format!("{origin}/broken"))
        .json(&job)
        .retries(1)
        .failure_callback(format!("{origin}/render/failed"));
    client.publish(message).await?;
    // The retry is due in about twelve seconds; the server's clock moves, ours does not.
    qstash.advance(Duration::from_secs(60)).await;

    check(arrived)
}

/// The application: two endpoints that QStash delivers to and two that it reports to, all behind the same proof.
fn app(verifier: Verifier, reports: Reports) -> Router {
    Router::new()
        .route("/render", post(render))
        .route("/broken", post(broken))
        .route("/render/done", post(done))
        .route("/render/failed", post(failed))
        .with_state(reports)
        .layer(VerifySignature::new(verifier))
}

/// Takes its time; QStash waits for the answer.
async fn render(Signed(job): Signed<Job>) -> Json<Value> {
    println!("/render    works on the {}", job.document);
    time::sleep(Duration::from_millis(500)).await;
    Json(json!({ "pages": 42 }))
}

async fn broken(delivery: Delivery) -> (StatusCode, &'static str) {
    println!("/broken    fails, after {} retries", delivery.headers().retried.unwrap_or(0));
    (StatusCode::INTERNAL_SERVER_ERROR, "out of paper")
}

async fn done(
    State(reports): State<Reports>,
    Signed(callback): Signed<Callback>,
) -> Result<Outcome, HandlerError> {
    if callback.is_success() {
        let answer: Value = callback.json()?;
        println!("callback   {} answered {answer}", callback.source_message_id()?);
        let _ = reports.send(Report::Done { pages: answer["pages"].clone() });
    }
    Ok(Outcome::done())
}

async fn failed(
    State(reports): State<Reports>,
    Signed(failure): Signed<FailureCallback>,
) -> Result<Outcome, HandlerError> {
    let last = failure.callback();
    println!(
        "failure    {} answered {} {:?} for the last time; dead letter {}",
        last.source_message_id()?,
        last.status(),
        last.text()?,
        failure.dlq_id().map_or("unknown", AsRef::as_ref),
    );
    let _ = reports.send(Report::Failed { status: last.status(), text: last.text()?.to_owned() });
    Ok(Outcome::done())
}

/// Says which report is missing or wrong.
fn check(mut arrived: mpsc::UnboundedReceiver<Report>) -> Result<(), Box<dyn Error>> {
    let reports: Vec<Report> = std::iter::from_fn(|| arrived.try_recv().ok()).collect();
    let wanted = [
        ("callback", Report::Done { pages: json!(42) }),
        ("failure callback", Report::Failed { status: 500, text: "out of paper".into() }),
    ];
    for (name, report) in wanted {
        if !reports.contains(&report) {
            return Err(format!("the {name} did not arrive as expected; arrived: {reports:?}").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_loop_turns_end_to_end() {
        run().await.unwrap();
    }

    #[test]
    fn a_missing_report_is_named() {
        let (reports, arrived) = mpsc::unbounded_channel();
        reports.send(Report::Done { pages: json!(42) }).unwrap();
        drop(reports);
        let error = check(arrived).unwrap_err().to_string();
        assert!(error.starts_with("the failure callback did not arrive"), "{error}");

        let (_reports, arrived) = mpsc::unbounded_channel();
        assert!(check(arrived).unwrap_err().to_string().starts_with("the callback did not arrive"));
    }
}
