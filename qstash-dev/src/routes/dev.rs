//! `/dev`: what the page reads beyond the API of QStash.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::Either;
use qstash_types::{Headers, LogState, MessageId, MessageRecord, base64_bytes};
use serde::Serialize;
use serde_json::json;

use super::logs::listed;
use crate::{
    broker::{Broker, Entry, Millis},
    call::Api,
    reply::{Refusal, Reply, json},
};

/// How many dead letters are listed.
const MOST_DEAD_LETTERS: usize = 1000;

/// Answers a call for what stands behind `/dev/`.
pub(crate) async fn answer(api: &Api, head: &Parts, path: &str) -> Result<Reply, Refusal> {
    if head.method != Method::GET {
        return Err(Refusal::method("GET"));
    }
    match path.split_once('/') {
        None if path == "feed" => feed(api).await,
        None if path == "dlq" => dead_letters(api).await,
        Some(("messages", id)) => message(api, id.to_owned()).await,
        _ => Err(Refusal::not_found(format!("/dev/{path} not found"))),
    }
}

/// Everything that happens to messages, a line of JSON for each entry of the log, until the caller leaves.
async fn feed(api: &Api) -> Result<Reply, Refusal> {
    let listener = api.worker.listen().await?;
    let too_many = || Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many pages are open");
    let mut reply = Reply::new(Either::Right(listener.ok_or_else(too_many)?));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

/// The dead letters in short, the newest first.
async fn dead_letters(api: &Api) -> Result<Reply, Refusal> {
    let list = |broker: &Broker| {
        let (letters, cursor) = broker.newest_dead_letters(MOST_DEAD_LETTERS);
        let letters = letters.into_iter().map(|(id, message, outcome)| {
            json!({
                "dlqId": id,
                "messageId": message.id,
                "url": message.url.as_str(),
                "method": message.method.as_str(),
                "labels": message.labels,
                "error": outcome.to_string(),
            })
        });
        listed("messages", letters.collect(), cursor)
    };
    Ok(api.worker.look(list).await?)
}

/// A message, and everything that the log knows about it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Story {
    message: MessageRecord,
    /// In milliseconds.
    timeout: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_of: Option<MessageId>,
    callbacks: Vec<MessageId>,
    /// The oldest first.
    events: Vec<Event>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    time: u64,
    state: LogState,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_delivery_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_header: Option<Headers>,
    #[serde(with = "base64_bytes")]
    response_body: Bytes,
}

async fn message(api: &Api, id: String) -> Result<Reply, Refusal> {
    let not_found = Refusal::not_found(format!("message {id} is not in the log"));
    let story = api.worker.look(move |broker| story(broker, &id)).await?;
    Ok(json(StatusCode::OK, &story.ok_or(not_found)?))
}

fn story(broker: &Broker, id: &str) -> Option<Story> {
    let mut message = None;
    let (mut events, mut callbacks) = (Vec::new(), Vec::new());
    for entry in broker.entries() {
        if entry.message.id.as_str() == id {
            message = Some(entry.message.clone());
            events.push(event(entry));
        } else if entry.state == LogState::Created
            && entry.message.source.as_ref().is_some_and(|source| source.as_str() == id)
        {
            callbacks.push(entry.message.id.clone());
        }
    }
    events.reverse();
    callbacks.reverse();
    let message = message?;
    Some(Story {
        timeout: message.timeout.as_millis(),
        callback_of: message.source.clone(),
        message: message.record(),
        callbacks,
        events,
    })
}

fn event(entry: &Entry) -> Event {
    let outcome = entry.outcome.as_ref();
    let response = outcome.and_then(|outcome| outcome.response());
    Event {
        time: entry.time.since_epoch(),
        state: entry.state.clone(),
        error: outcome.filter(|_| entry.state == LogState::Error).map(ToString::to_string),
        next_delivery_time: entry.next_attempt.map(Millis::since_epoch),
        response_status: response.map(|response| response.status.as_u16()),
        response_header: response.map(|response| Headers::record(&response.headers)),
        response_body: response.map_or_else(Bytes::new, |response| response.body.clone()),
    }
}
