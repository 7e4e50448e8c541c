//! `/dev`: what the local server has beyond the API of QStash. What the page reads, and the control of time and faults.

mod control;
mod fields;
mod story;

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::Either;
use qstash_broker::{Broker, Entry};
use qstash_types::{Headers, LogState, percent};
use serde_json::json;
use tokio::task::spawn_blocking;

use self::{control::Control, story::message};
use super::logs::listed;
use crate::{
    api::Service,
    call::Tenant,
    query,
    reply::{self, Refusal, Reply},
};

/// How many dead letters are listed.
const MOST_DEAD_LETTERS: usize = 1000;
/// How many messages a search finds.
const MOST_FOUND: usize = 1000;

/// Answers a call for what stands behind `/dev/`.
pub(crate) async fn answer(
    service: &Service,
    tenant: &Tenant,
    head: &Parts,
    path: &str,
    body: &Bytes,
) -> Result<Reply, Refusal> {
    let segments: Vec<_> = path.split('/').map(|segment| percent::decode(segment).into_owned()).collect();
    let segments: Result<Vec<_>, _> = segments.iter().map(|segment| str::from_utf8(segment)).collect();
    let not_found = || Refusal::not_found(format!("/dev/{path} not found"));
    let segments = segments.map_err(|_| not_found())?;
    let is_read = head.method == Method::GET;
    match &segments[..] {
        ["feed"] if is_read => feed(tenant).await,
        ["dlq"] if is_read => dead_letters(tenant).await,
        ["refusals"] if is_read => Ok(refusals(service)),
        ["search"] if is_read => search(tenant, head.uri.query()).await,
        ["messages", id] if is_read => message(tenant, (*id).to_owned()).await,
        ["feed" | "dlq" | "refusals" | "search"] | ["messages", _] => Err(Refusal::method("GET")),
        segments => {
            let control = Control { service, tenant, method: &head.method, query: head.uri.query(), body };
            control.answer(segments).await.unwrap_or_else(|| Err(not_found()))
        }
    }
}

/// Everything that happens to messages, a line of JSON for each entry of the log, until the caller leaves.
async fn feed(tenant: &Tenant) -> Result<Reply, Refusal> {
    let listener = tenant.worker.listen().await?;
    let too_many = || Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many pages are open");
    let mut reply = Reply::new(Either::Right(listener.ok_or_else(too_many)?));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

/// The calls that were refused last. Those of published users are not for each other.
fn refusals(service: &Service) -> Reply {
    let calls = if service.control { service.refusals.all() } else { Vec::new() };
    reply::json(StatusCode::OK, &json!({ "calls": calls }))
}

/// The ids of the messages that hold a text, as it is shown: in a header, in the body, or in an answer.
async fn search(tenant: &Tenant, query: Option<&str>) -> Result<Reply, Refusal> {
    let text = query::pairs(query).find(|pair| pair.name == "text").map(|pair| pair.value);
    let text = text.map(|text| String::from_utf8_lossy(&text).to_lowercase());
    let text = text
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Refusal::bad_request("text: this parameter is needed"))?;
    // Entries are shared: the broker goes on while they are looked through.
    let entries: Vec<_> = tenant.worker.look(|broker| broker.entries().cloned().collect()).await?;
    let search = move || {
        let mut found = BTreeSet::new();
        for entry in entries {
            if found.len() < MOST_FOUND && !found.contains(&entry.message.id) && holds(&entry, &text) {
                found.insert(entry.message.id.clone());
            }
        }
        found
    };
    let broken = |_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the search broke down");
    let found = spawn_blocking(search).await.map_err(broken)?;
    Ok(reply::json(StatusCode::OK, &json!({ "messageIds": found })))
}

fn holds(entry: &Entry, text: &str) -> bool {
    let in_bytes = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase().contains(text);
    let in_headers = |headers: &Headers| {
        let mut lines = headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| format!("{name}: {value}")));
        lines.any(|line| line.to_lowercase().contains(text))
    };
    // The message is the same in all of its entries.
    let request = entry.state == LogState::Created && {
        let record = entry.message.record();
        in_headers(&record.delivery.headers) || in_bytes(&record.delivery.body)
    };
    request
        || entry.end.as_ref().and_then(|end| end.response()).is_some_and(|response| {
            let (headers, body) = entry.message.shown_response(response);
            in_headers(&headers) || in_bytes(&body)
        })
}

/// The dead letters in short, the newest first.
async fn dead_letters(tenant: &Tenant) -> Result<Reply, Refusal> {
    let list = |broker: &Broker| {
        let (letters, cursor) = broker.newest_dead_letters(MOST_DEAD_LETTERS);
        let letters = letters.into_iter().map(|(id, message, outcome)| {
            json!({
                "dlqId": id,
                "messageId": message.id,
                "url": message.url.as_str(),
                "method": message.terms.method.as_str(),
                "labels": message.terms.labels,
                "error": outcome.to_string(),
            })
        });
        listed("messages", letters.collect(), cursor)
    };
    tenant.worker.look(list).await
}
