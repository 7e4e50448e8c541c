//! Whether the server is there, and whether it can work. Anybody may ask, and hears nothing about messages.

use http::{Method, StatusCode};
use serde_json::json;

use crate::{
    gate::Gate,
    reply::{self, Refusal, Reply},
};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Whether the process serves: otherwise it is to be started anew.
    Alive,
    /// Whether calls can succeed: otherwise they are to wait.
    Ready,
}

impl Question {
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/healthz" | "/health" => Some(Self::Alive),
            "/readyz" => Some(Self::Ready),
            _ => None,
        }
    }

    /// 200 if so; otherwise 503.
    pub(crate) async fn answer(self, method: &Method, gate: &Gate) -> Result<Reply, Refusal> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Refusal::method("GET, HEAD"));
        }
        for door in &gate.doors {
            let worker = &door.tenant().worker;
            if worker.is_closed() {
                return Err(unavailable("the server is shutting down"));
            }
            // A worker that cannot write to its data folder refuses to be looked at.
            if self == Self::Ready && worker.look(|_| ()).await.is_err() {
                return Err(unavailable("the data folder cannot be written"));
            }
        }
        Ok(reply::json(StatusCode::OK, &json!({ "status": "ok" })))
    }
}

fn unavailable(why: &str) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why)
}
