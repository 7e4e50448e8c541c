//! One span per call, with the feature `tracing`. Neither token nor body, nor path or query of a URL, gets in.
//!
//! Names and attributes follow the conventions of OpenTelemetry for messaging: `docs/observability.md` lists them.

use http::StatusCode;
use qstash_types::{Destination, MessageId};

use super::TraceHeaders;
use super::{
    reason::reason,
    resource::{hands_over, resource},
};
use crate::{Error, message::MessageParts, request::Call};

const NAME: &str = "qstash";

/// The span of a call.
pub(super) struct CallSpan(tracing::Span);

impl CallSpan {
    pub(super) fn new(call: &Call) -> Self {
        let message = call.message();
        let operation = hands_over(call).then_some("send");
        // The context of the span goes along with the message, if there is one.
        let kind = if message.is_some() { "producer" } else { "client" };
        let span = tracing::info_span!(
            NAME,
            otel.name = %SpanName(call),
            otel.kind = kind,
            otel.status_code = tracing::field::Empty,
            messaging.system = "qstash",
            messaging.operation.name = operation,
            messaging.operation.type = operation,
            messaging.destination.name = message.map(|message| destination_name(&message.destination)),
            messaging.message.id = tracing::field::Empty,
            messaging.message.body.size = message.map(|message| count(message.body.len())),
            messaging.batch.message_count = (call.facts.batch_size > 0).then(|| count(call.facts.batch_size)),
            http.request.method = call.method.as_str(),
            http.response.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
            messaging.qstash.resource = resource(call),
            messaging.qstash.attempts = tracing::field::Empty,
        );
        #[cfg(feature = "otel")]
        for link in &call.facts.links {
            tracing_opentelemetry::OpenTelemetrySpanExt::add_link(&span, link.clone());
        }
        Self(span)
    }

    pub(super) async fn around<F: Future>(&self, call: F) -> F::Output {
        tracing::Instrument::instrument(call, self.0.clone()).await
    }

    pub(super) fn headers_for(&self, message: &MessageParts) -> TraceHeaders {
        TraceHeaders::of_call(&self.0, message)
    }

    pub(super) fn attempted(&self, attempts: u32) {
        self.0.record("messaging.qstash.attempts", i64::from(attempts));
    }

    pub(super) fn answered(&self, status: StatusCode) {
        self.0.record("http.response.status_code", i64::from(status.as_u16()));
    }

    pub(super) fn repeated(&self, failure: &Error, wait: std::time::Duration) {
        let status = failure.status().map(|status| i64::from(status.as_u16()));
        tracing::debug!(
            parent: &self.0,
            http.response.status_code = status,
            error.type = reason(failure),
            ?wait,
            "repeating the call"
        );
    }

    pub(super) fn failed(&self, error: &Error) {
        self.0.record("error.type", reason(error));
        self.0.record("otel.status_code", "ERROR");
    }
}

/// The name of a span: what is done, and to what.
struct SpanName<'a>(&'a Call);

impl std::fmt::Display for SpanName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(call) = self;
        match call.message() {
            Some(message) if hands_over(call) => write!(f, "send {}", destination_name(&message.destination)),
            _ if hands_over(call) => f.write_str("send"),
            _ => write!(f, "{} {}", call.method, resource(call)),
        }
    }
}

/// Where a message goes, without what may be an id or a secret: the host, without port and user info, or the name of the
/// URL group.
pub(super) fn destination_name(destination: &Destination) -> &str {
    match destination {
        Destination::Url(url) => url.host_str(),
        group => group.as_str(),
    }
}

/// A number as OpenTelemetry takes it.
pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Runs a task in the current span.
pub(crate) fn with_current_span<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    tracing::Instrument::in_current_span(work)
}

/// Notes the message that a call is about in the span around it.
pub(crate) fn message_id(id: &MessageId) {
    let span = tracing::Span::current();
    // When the span of the call is switched off, the current one belongs to the caller.
    if span.metadata().is_some_and(|metadata| metadata.name() == NAME) {
        span.record("messaging.message.id", id.as_str());
    }
}
