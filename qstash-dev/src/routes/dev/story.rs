//! The story of a message, for the page.

use bytes::Bytes;
use http::StatusCode;
use qstash_broker::{Broker, Entry, Time};
use qstash_types::{Headers, LogState, MessageId, MessageRecord, base64_bytes};
use serde::Serialize;

use crate::{
    call::Tenant,
    reply::{Refusal, Reply, json},
};

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
    /// The dead message that it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeats: Option<MessageId>,
    /// Those that repeat it.
    repeated_by: Vec<MessageId>,
    /// The oldest first.
    events: Vec<StoryEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoryEntry {
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
    /// Of an attempt that begins: what it is sent with, short of its signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_header: Option<Headers>,
}

pub(super) async fn message(tenant: &Tenant, id: String) -> Result<Reply, Refusal> {
    let not_found = Refusal::not_found(format!("message {id} is not in the log"));
    let story = tenant.worker.look(move |broker| story(broker, &id)).await?;
    Ok(json(StatusCode::OK, &story.ok_or(not_found)?))
}

fn story(broker: &Broker, id: &str) -> Option<Story> {
    let mut message = None;
    let (mut events, mut callbacks, mut repeated_by) = (Vec::new(), Vec::new(), Vec::new());
    let is_this = |other: &Option<MessageId>| other.as_ref().is_some_and(|other| other.as_str() == id);
    for entry in broker.entries() {
        if entry.message.id.as_str() == id {
            message = Some(entry.message.clone());
            events.push(entry);
        } else if entry.state == LogState::Created && is_this(&entry.message.repeats) {
            repeated_by.push(entry.message.id.clone());
        } else if entry.state == LogState::Created && is_this(&entry.message.source) {
            callbacks.push(entry.message.id.clone());
        }
    }
    events.reverse();
    callbacks.reverse();
    repeated_by.reverse();
    let mut attempts = 0;
    let events = events.into_iter().map(|entry| {
        let begins = entry.state == LogState::Active;
        let event = event(entry, begins.then_some(attempts));
        attempts += u32::from(begins);
        event
    });
    let message = message?;
    Some(Story {
        timeout: message.terms.timeout.as_millis(),
        callback_of: message.source.clone(),
        repeats: message.repeats.clone(),
        message: message.record(),
        callbacks,
        repeated_by,
        events: events.collect(),
    })
}

/// An entry of the log, with the number of the attempts before the one that begins.
fn event(entry: &Entry, retried: Option<u32>) -> StoryEntry {
    let outcome = entry.end.as_ref();
    let response = outcome.and_then(|outcome| outcome.response());
    let shown = response.map(|response| entry.message.shown_response(response));
    let (response_header, response_body) =
        shown.map_or((None, Bytes::new()), |(headers, body)| (Some(headers), body));
    StoryEntry {
        time: entry.time.since_epoch(),
        state: entry.state.clone(),
        error: outcome.filter(|_| entry.state == LogState::Error).map(ToString::to_string),
        next_delivery_time: entry.next_attempt.map(Time::since_epoch),
        response_status: response.map(|response| response.status.as_u16()),
        response_header,
        response_body,
        request_header: retried.map(|retried| entry.message.shown_request(retried)),
    }
}
