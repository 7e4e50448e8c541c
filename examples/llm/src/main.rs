//! A call of a language model that takes its time: QStash waits for the answer, and calls back with it.
//!
//! ```text
//! cargo run -p example-llm
//! ```
//!
//! The application holds no connection open, no request of it times out, and the provider's limit of calls is kept by flow control. The
//! key of the provider is forwarded, so QStash has it; it is redacted from the log. Here the provider is a route of this program, to which the
//! local server maps its name, and the first attempt meets a limit.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::{error::Error, time::Duration};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use qstash_axum::{Callback, FailureCallback, HandlerError, Outcome, Signed, Verifier, VerifySignature};
use qstash_client::{
    Client, Message,
    types::{FlowLimits, Redaction},
};
use qstash_dev::{DevServer, Fault};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

const PROVIDER: &str = "https://api.openai.com/v1/chat/completions";

type Notes = mpsc::UnboundedSender<String>;

/// The parts of an answer that are needed here.
#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
}

#[derive(Deserialize)]
struct Said {
    content: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for note in run().await? {
        println!("{note}");
    }
    Ok(())
}

async fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let qstash = DevServer::builder().map_host("api.openai.com", &origin).start().await?;
    let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build()?;
    let (notes, mut arrived) = mpsc::unbounded_channel();
    tokio::spawn(axum::serve(listener, app(verifier, notes)).into_future());

    let client = Client::new(qstash.url(), qstash.token())?;
    qstash.fault(Fault::Status(429).at(PROVIDER));
    client.publish(question("What is a message queue?", "sk-secret", &origin)).await?;
    qstash.advance(Duration::from_secs(60)).await;
    Ok(std::iter::from_fn(|| arrived.try_recv().ok()).collect())
}

fn question(text: &str, key: &str, origin: &str) -> Message {
    Message::to(PROVIDER)
        .json(&json!({ "model": "gpt-5-mini", "messages": [{ "role": "user", "content": text }] }))
        .forward("authorization", format!("Bearer {key}"))
        .redact(Redaction::all_headers())
        .flow_control(
            "openai",
            FlowLimits::default().parallelism(4).rate(100).period(Duration::from_secs(60)),
        )
        .timeout(Duration::from_secs(300))
        .callback(format!("{origin}/answered"))
        .failure_callback(format!("{origin}/unanswered"))
}

fn app(verifier: Verifier, notes: Notes) -> Router {
    let reports = Router::new()
        .route("/answered", post(answered))
        .route("/unanswered", post(unanswered))
        .layer(VerifySignature::new(verifier));
    Router::new().route("/v1/chat/completions", post(provider)).merge(reports).with_state(notes)
}

/// Is called after each attempt.
async fn answered(
    State(notes): State<Notes>,
    Signed(callback): Signed<Callback>,
) -> Result<Outcome, HandlerError> {
    let note = if callback.is_success() {
        let question: Value = callback.source_json()?;
        let answer: Completion = callback.json()?;
        let text = answer.choices.first().map_or("", |choice| &choice.message.content);
        format!("{} {text}", question["messages"][0]["content"])
    } else {
        format!("status {} at attempt {}", callback.status(), callback.retried() + 1)
    };
    let _ = notes.send(note);
    Ok(Outcome::done())
}

/// Is called once, if no attempt has succeeded.
async fn unanswered(State(notes): State<Notes>, Signed(failure): Signed<FailureCallback>) -> Outcome {
    let _ = notes.send(format!("no answer, status {}", failure.callback().status()));
    Outcome::done()
}

/// Stands for the provider.
async fn provider(headers: HeaderMap, Json(_): Json<Value>) -> Json<Value> {
    let text = if headers.get("authorization").is_some_and(|key| key == "Bearer sk-secret") {
        "A place where messages wait until they are taken."
    } else {
        "Who are you?"
    };
    Json(json!({ "choices": [{ "message": { "role": "assistant", "content": text } }] }))
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn the_answer_comes_back_after_the_limit_is_over() {
        let expected = [
            "status 429 at attempt 1",
            "\"What is a message queue?\" A place where messages wait until they are taken.",
        ];
        assert_eq!(super::run().await.unwrap(), expected);
    }
}
