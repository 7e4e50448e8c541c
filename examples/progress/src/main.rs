//! A long job: each delivery does one step and publishes the next one, and anybody may ask how far it is.
//!
//! ```text
//! cargo run -p example-progress
//! ```
//!
//! A delivery must be answered within the time-out of the plan, and one that is not is tried again from its beginning. Steps make a job of
//! any length out of short deliveries. Here the answer to the first step gets lost, so QStash delivers it twice. The second step is published
//! twice then, with the same deduplication id, and happens once.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use qstash_axum::{HandlerError, Outcome, Signed, Verifier, VerifySignature};
use qstash_client::{Client, Message};
use qstash_dev::{DevServer, Fault};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::mpsc};

/// One page of a document.
#[derive(Serialize, Deserialize)]
struct Step {
    job: String,
    page: u32,
    pages: u32,
}

#[derive(Clone, Serialize)]
struct Progress {
    done: u32,
    of: u32,
}

#[derive(Clone)]
struct App {
    client: Client,
    /// Where steps are delivered.
    url: String,
    /// In a real application, a table.
    jobs: Arc<Mutex<BTreeMap<String, Progress>>>,
    notes: mpsc::UnboundedSender<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for note in run().await? {
        println!("{note}");
    }
    Ok(())
}

async fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let qstash = DevServer::start().await?;
    let client = Client::new(qstash.url(), qstash.token())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build()?;
    let (notes, mut arrived) = mpsc::unbounded_channel();
    let app = App { client, url: format!("{origin}/step"), jobs: Arc::default(), notes };
    tokio::spawn(axum::serve(listener, router(app.clone(), verifier)).into_future());

    qstash.fault(Fault::LostAcknowledgement);
    app.publish(&Step { job: "report".into(), page: 1, pages: 4 }).await?;
    qstash.advance(Duration::from_secs(60)).await;
    let mut notes: Vec<String> = std::iter::from_fn(|| arrived.try_recv().ok()).collect();
    if let Some(Progress { done, of }) = app.progress("report") {
        notes.push(format!("done: {done} of {of}")); // as GET /jobs/report tells
    }
    Ok(notes)
}

fn router(app: App, verifier: Verifier) -> Router {
    let steps = Router::new().route("/step", post(step)).layer(VerifySignature::new(verifier));
    Router::new().route("/jobs/{job}", get(progress)).merge(steps).with_state(app) // anybody may ask
}

async fn step(State(app): State<App>, Signed(step): Signed<Step>) -> Result<Outcome, HandlerError> {
    // Here the page is made. It must not matter if that happens twice.
    let _ = app.notes.send(format!("page {} of {} of the {}", step.page, step.pages, step.job));
    app.advance(&step);
    if step.page < step.pages {
        app.publish(&Step { page: step.page + 1, ..step }).await?; // an error has this step delivered again
    }
    Ok(Outcome::done())
}

async fn progress(State(app): State<App>, Path(job): Path<String>) -> Result<Json<Progress>, StatusCode> {
    app.progress(&job).map(Json).ok_or(StatusCode::NOT_FOUND)
}

impl App {
    async fn publish(&self, step: &Step) -> Result<(), qstash_client::Error> {
        let message =
            Message::to(&self.url).json(step).deduplication_id(format!("{}-{}", step.job, step.page));
        self.client.publish(message).await?;
        Ok(())
    }

    fn advance(&self, step: &Step) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = jobs.entry(step.job.clone()).or_insert(Progress { done: 0, of: step.pages });
        progress.done = progress.done.max(step.page);
    }

    fn progress(&self, job: &str) -> Option<Progress> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).get(job).cloned()
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_step_follows_once_although_one_is_delivered_twice() {
        let expected = [
            "page 1 of 4 of the report",
            "page 2 of 4 of the report",
            "page 3 of 4 of the report",
            "page 4 of 4 of the report",
            "page 1 of 4 of the report",
            "done: 4 of 4",
        ];
        assert_eq!(super::run().await.unwrap(), expected);
    }
}
