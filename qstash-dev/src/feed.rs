//! The feed: everything that happens to messages, as it happens, for the page.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use qstash_types::{
    EndpointName, FlowControlKey, Label, LogState, MessageId, QueueName, ScheduleId, UrlGroupName,
};
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;

use qstash_broker::{Broker, Entry, Time};

/// How many entries of the past a listener gets to see.
const LONGEST_PAST: usize = 40_000;
/// How many entries of the past are written at a time.
const CHUNK: usize = 256;
/// How many lines wait for a listener. One that falls further behind is dropped, and may come back for the past.
const MOST_LINES: usize = 4096;
/// Each is an open connection.
const MOST_LISTENERS: usize = 32;

/// Tells listeners what happens.
#[derive(Debug, Default)]
pub(crate) struct Feed(Vec<mpsc::Sender<Bytes>>);

impl Feed {
    /// Adds a listener. It receives the current time, the entries of the past, and then every entry as it happens. `None` if
    /// there are too many listeners.
    pub(crate) fn listen(&mut self, broker: &Broker, now: Time) -> Option<Listener> {
        self.0.retain(|listener| !listener.is_closed());
        if self.0.len() == MOST_LISTENERS {
            return None;
        }
        let mut past: Vec<_> = broker.entries().take(LONGEST_PAST).cloned().collect();
        past.reverse();
        let (sender, lines) = mpsc::channel(MOST_LINES);
        self.0.push(sender);
        let start = json!({ "now": now.since_epoch(), "past": past.len() });
        Some(Listener { start: Some(line(&start)), past: past.into_iter(), lines })
    }

    /// A message has entered a state.
    pub(crate) fn entry(&mut self, entry: &Entry) {
        self.tell(|| line(&FeedLine::of(entry)));
    }

    /// Time was skipped.
    pub(crate) fn skipped_to(&mut self, now: Time) {
        self.tell(|| line(&json!({ "now": now.since_epoch() })));
    }

    fn tell(&mut self, line: impl FnOnce() -> Bytes) {
        if !self.0.is_empty() {
            let line = line();
            self.0.retain(|listener| listener.try_send(line.clone()).is_ok());
        }
    }
}

/// The body of an answer without end: a line of JSON for each entry. It ends when the client disconnects or reads too slowly.
#[derive(Debug)]
pub(crate) struct Listener {
    start: Option<Bytes>,
    past: vec::IntoIter<Entry>,
    lines: mpsc::Receiver<Bytes>,
}

impl Body for Listener {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(start) = self.start.take() {
            return Poll::Ready(Some(Ok(Frame::data(start))));
        }
        let past: Vec<_> = self.past.by_ref().take(CHUNK).collect();
        if past.is_empty() {
            return self.lines.poll_recv(context).map(|line| Some(Ok(Frame::data(line?))));
        }
        let lines: Vec<_> = past.iter().map(|entry| line(&FeedLine::of(entry))).collect();
        Poll::Ready(Some(Ok(Frame::data(lines.concat().into()))))
    }
}

fn line(content: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec(content).expect("texts, numbers and lists of them serialise");
    text.push(b'\n');
    text.into()
}

/// An entry, and what a list shows of its message. Headers and bodies stay behind: they can be large.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FeedLine<'a> {
    time: u64,
    message_id: &'a MessageId,
    state: &'a LogState,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_delivery_time: Option<u64>,
    url: &'a str,
    method: &'a str,
    created_at: u64,
    not_before: u64,
    max_retries: u32,
    #[serde(skip_serializing_if = "<[Label]>::is_empty")]
    labels: &'a [Label],
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_name: Option<&'a QueueName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule_id: Option<&'a ScheduleId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_name: Option<&'a UrlGroupName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_name: Option<&'a EndpointName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_control_key: Option<&'a FlowControlKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_of: Option<&'a MessageId>,
}

impl<'a> FeedLine<'a> {
    fn of(entry: &'a Entry) -> Self {
        let message = &*entry.message;
        let outcome = entry.end.as_deref();
        Self {
            time: entry.time.since_epoch(),
            message_id: &message.id,
            state: &entry.state,
            error: outcome.filter(|_| entry.state == LogState::Error).map(ToString::to_string),
            response_status: outcome
                .and_then(|outcome| outcome.response())
                .map(|response| response.status.as_u16()),
            next_delivery_time: entry.next_attempt.map(Time::since_epoch),
            url: message.url.as_str(),
            method: message.terms.method.as_str(),
            created_at: message.created_at.since_epoch(),
            not_before: message.not_before.since_epoch(),
            max_retries: message.terms.max_retries,
            labels: &message.terms.labels,
            queue_name: message.terms.queue.as_ref(),
            schedule_id: message.terms.schedule_id.as_ref(),
            topic_name: message.url_group.as_ref(),
            endpoint_name: message.endpoint.as_ref(),
            flow_control_key: message.terms.flow_control.as_ref().map(|flow_control| &flow_control.key),
            callback_of: message.source.as_ref(),
        }
    }
}
