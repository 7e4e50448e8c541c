//! `/v2/batch`

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use qstash_broker::{LONGEST_BODY, Publication, Publish};
use qstash_types::QueueName;
use serde::Deserialize;
use serde_json::json;
use tokio::task::{JoinError, spawn_blocking};

use super::{
    bounded::{List, Piece},
    delivery_options::header_map,
    publish::{assemble, destination},
};
use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, json},
    tell::tell,
};

/// The most messages of a batch. An item of two bytes of JSON takes up hundreds of bytes while the batch is processed.
const MOST_ITEMS: usize = 100_000;
/// How many of them are read before they are published. With a store, those share its commits.
const WAVE: usize = 1024;

/// A publish or enqueue request, each field to be read by itself.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    destination: Option<Piece<'a>>,
    #[serde(borrow, default)]
    queue: Option<Piece<'a>>,
    #[serde(borrow, default)]
    headers: Option<Piece<'a>>,
    #[serde(borrow, default)]
    body: Option<Piece<'a>>,
}

/// `POST /v2/batch`: an item that is refused leaves the others alone.
pub(crate) async fn answer(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("POST", []) => {}
        (_, []) => return Err(Refusal::method("POST")),
        _ => return Err(call.not_found()),
    }
    let items = items(&call.body)?;
    let mut answers = Vec::with_capacity(items.len());
    let mut refusals = Vec::new();
    for wave in items.chunks(WAVE) {
        let (wave, caller) = (wave.to_vec(), call.caller);
        // Other calls are answered meanwhile.
        let read = move || wave.iter().map(|item| publication(item, caller)).collect::<Vec<_>>();
        let publications = spawn_blocking(read).await.map_err(|error| broken(&error))?;
        // All are on their way before the first one is waited for.
        let publish = |publication: Result<_, _>| publication.map(|it| tenant.worker.call(Publish(it)));
        let on_their_way: Vec<Result<_, Refusal>> = publications.into_iter().map(publish).collect();
        for publish in on_their_way {
            let answer = match publish {
                Ok(publish) => publish.await,
                Err(refusal) => Err(refusal),
            };
            answers.push(match answer {
                Ok(accepted) => json!(accepted),
                Err(refusal) => {
                    let answer = json!({ "error": refusal.error() });
                    refusals.push(refusal);
                    answer
                }
            });
        }
    }
    if let Some(first) = refusals.first() {
        let (refused, all) = (refusals.len(), answers.len());
        tell!(INFO, "refused {refused} of the {all} messages of a batch; the first: {}", first.error());
    }
    Ok(json(StatusCode::OK, &answers))
}

/// The texts of the items, which share the memory of the body.
fn items(body: &Bytes) -> Result<Vec<Bytes>, Refusal> {
    let List::<Piece<'_>, MOST_ITEMS>(items) = serde_json::from_slice(body).map_err(|error| {
        Refusal::bad_request(format!(
            "body: expected an array of messages, {MOST_ITEMS} at the most: {error}"
        ))
    })?;
    Ok(items.into_iter().map(|item| body.slice_ref(item.get().as_bytes())).collect())
}

fn broken(error: &JoinError) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the batch could not be read: {error}"))
}

fn publication(item: &[u8], caller: IpAddr) -> Result<Publication, Refusal> {
    if !item.starts_with(b"{") {
        return Err(Refusal::bad_request("expected a message, which is an object"));
    }
    let item: Item<'_> = serde_json::from_slice(item).map_err(Refusal::bad_request)?;
    let body = text("body", item.body)?;
    if body.len() > LONGEST_BODY {
        return Err(Refusal::bad_request(format!("body: longer than {LONGEST_BODY} bytes")));
    }
    let headers = match item.headers {
        Some(headers) => header_map(headers)?,
        None => HeaderMap::new(),
    };
    let destination = destination(&text("destination", item.destination)?)?;
    let mut publication = assemble(destination, &headers, body.into(), caller)?;
    let queue = text("queue", item.queue)?;
    if !queue.is_empty() {
        publication.options.queue = Some(QueueName::new(queue).map_err(Refusal::bad_request)?);
    }
    Ok(publication)
}

/// A field of an item. Absent, `null` and empty are the same.
fn text(name: &str, value: Option<Piece<'_>>) -> Result<String, Refusal> {
    let text = value.map(|value| serde_json::from_str::<Option<String>>(value.get())).transpose();
    let text = text.map_err(|_| Refusal::bad_request(format!("{name}: expected a text")))?;
    Ok(text.flatten().unwrap_or_default())
}
