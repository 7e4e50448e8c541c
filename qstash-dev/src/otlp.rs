//! Spans of what happens to messages, sent to a collector by OTLP: JSON over HTTP.
//!
//! They nest in the trace whose `traceparent` the publisher has forwarded with the message; without one each message is a
//! trace of its own. The ids follow from those of messages, so that nothing has to be remembered over a restart.
//! Times are those of the clock of the server, in milliseconds.

mod export;
mod span;

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use http::Method;
use qstash_broker::{AttemptEnd, Dispatch, Entry, Time};
use qstash_types::{LogState, MessageId, Url};
use tokio::{sync::mpsc, task::JoinSet};

pub(crate) use self::export::Collector;
use self::{
    export::export,
    span::{Kind, Span, Trace, span_id},
};

/// How many spans may wait to be sent. More are lost, so that a collector that is away slows nothing down.
const MOST_WAITING: usize = 8192;

/// Makes spans, and hands them over to be exported.
#[derive(Clone, Debug)]
pub(crate) struct Tracer {
    spans: mpsc::Sender<Span>,
    lost: Arc<AtomicU64>,
}

/// An attempt that is running.
#[derive(Debug)]
pub(crate) struct TracedAttempt {
    trace: Trace,
    message: MessageId,
    method: Method,
    url: Url,
    retried: u32,
    began: Time,
}

/// Starts to export spans, as a task that ends when the last tracer is gone.
pub(crate) fn start(tasks: &mut JoinSet<()>, collector: Collector) -> Tracer {
    let (spans, waiting) = mpsc::channel(MOST_WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    tasks.spawn(export(collector, waiting, lost.clone()));
    Tracer { spans, lost }
}

impl Tracer {
    /// A message has entered a state. Its acceptance is a span; the others belong to attempts.
    pub(crate) fn entered(&self, entry: &Entry) {
        if entry.state != LogState::Created {
            return;
        }
        let message = &*entry.message;
        let Some(trace) = Trace::of(&message.id, &message.terms.headers()) else { return };
        let name = if message.source.is_some() { "callback" } else { "accept" };
        let mut span = Span::new(name, Kind::Internal, trace.id, accepted(&message.id));
        span.parent = trace.parent;
        (span.start, span.end) = (message.created_at, entry.time.max(message.created_at));
        span.text("messaging.message.id", message.id.as_str());
        span.number("messaging.message.body.size", message.terms.body.len() as u64);
        if let Some(source) = &message.source {
            span.text("qstash.callback_of", source.as_str());
        }
        self.send(span);
    }

    /// An attempt begins: its wait is over.
    pub(crate) fn began(&self, dispatch: &Dispatch, now: Time) -> Option<TracedAttempt> {
        let trace = Trace::of(&dispatch.message, &dispatch.headers)?;
        let message = &dispatch.message;
        let id = span_id(message, &format!("wait {}", dispatch.retried));
        let mut span = Span::new("wait", Kind::Internal, trace.id, id);
        span.parent = Some(accepted(message));
        (span.start, span.end) = (dispatch.since, now);
        span.text("messaging.message.id", message.as_str());
        span.number("qstash.retried", dispatch.retried.into());
        self.send(span);
        Some(TracedAttempt {
            trace,
            message: message.clone(),
            method: dispatch.method.clone(),
            url: dispatch.url.clone(),
            retried: dispatch.retried,
            began: now,
        })
    }

    /// An attempt has ended, or was given up if there is no end.
    pub(crate) fn ended(&self, attempt: &TracedAttempt, end: Option<&AttemptEnd>, now: Time) {
        let TracedAttempt { trace, message, method, url, retried, began } = attempt;
        let number = u64::from(*retried) + 1;
        let id = span_id(message, &format!("attempt {number}"));
        let mut span = Span::new(format!("attempt {number}"), Kind::Client, trace.id, id);
        span.parent = Some(accepted(message));
        (span.start, span.end) = (*began, now);
        span.text("messaging.message.id", message.as_str());
        span.text("http.request.method", method.as_str());
        span.text("server.address", url.host_str());
        span.number("server.port", url.port_or_default().into());
        span.number("http.request.resend_count", (*retried).into());
        match end.map(|end| (end, end.response())) {
            Some((_, Some(response))) => {
                span.number("http.response.status_code", response.status.as_u16().into());
                if !response.status.is_success() {
                    span.fail(response.status.as_str(), "");
                }
            }
            Some((end, None)) => span.fail("no_response", &end.to_string()),
            None => span.fail("timeout", "given up"),
        }
        self.send(span);
    }

    fn send(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The span that those of a message belong to.
fn accepted(message: &MessageId) -> NonZero<u64> {
    span_id(message, "accept")
}

/// In nanoseconds since the epoch, as OTLP has them.
fn nanoseconds(time: Time) -> u128 {
    SystemTime::from(time).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos()
}
