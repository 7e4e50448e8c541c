//! One span per call, with the feature `tracing`; nothing without it. Neither token nor body nor query gets in.

use qstash_types::MessageId;

use crate::{Error, request::Call};

#[cfg(feature = "tracing")]
const NAME: &str = "qstash";

/// The span of a call.
pub(crate) struct CallSpan(#[cfg(feature = "tracing")] tracing::Span);

#[cfg(feature = "tracing")]
impl CallSpan {
    pub(crate) fn new(call: &Call) -> Self {
        let path = call.target.strip_prefix("/v2/").unwrap_or_default();
        let span = tracing::info_span!(
            NAME,
            method = %call.method,
            resource = path.split(['/', '?']).next(),
            destination.host = destination_host(path),
            message_id = tracing::field::Empty,
            attempts = tracing::field::Empty,
            status = tracing::field::Empty,
        );
        Self(span)
    }

    pub(crate) async fn around<F: Future>(&self, call: F) -> F::Output {
        tracing::Instrument::instrument(call, self.0.clone()).await
    }

    pub(crate) fn attempted(&self, attempts: u32) {
        self.0.record("attempts", attempts);
    }

    pub(crate) fn answered(&self, status: http::StatusCode) {
        self.0.record("status", status.as_u16());
    }

    pub(crate) fn repeated(&self, failure: &Error, wait: std::time::Duration) {
        let status = failure.status().map(|status| status.as_u16());
        tracing::debug!(parent: &self.0, status, ?wait, "repeating the call");
    }
}

#[cfg(not(feature = "tracing"))]
#[expect(clippy::unused_self, reason = "the same calls as with the feature")]
impl CallSpan {
    pub(crate) fn new(_: &Call) -> Self {
        Self()
    }

    pub(crate) async fn around<F: Future>(&self, call: F) -> F::Output {
        call.await
    }

    pub(crate) fn attempted(&self, _: u32) {}
    pub(crate) fn answered(&self, _: http::StatusCode) {}
    pub(crate) fn repeated(&self, _: &Error, _: std::time::Duration) {}
}

/// Takes the span of here along into a task.
#[cfg(feature = "tracing")]
pub(crate) fn with_current_span<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    tracing::Instrument::in_current_span(work)
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn with_current_span<F: Future>(work: F) -> F {
    work
}

/// Notes the message that a call is about in the span around it.
#[cfg(feature = "tracing")]
pub(crate) fn message_id(id: &MessageId) {
    let span = tracing::Span::current();
    // When the span of the call is switched off, the current one is somebody else's.
    if span.metadata().is_some_and(|metadata| metadata.name() == NAME) {
        span.record("message_id", id.as_str());
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn message_id(_: &MessageId) {}

/// The host that a call makes a message for, without port and user info.
#[cfg(feature = "tracing")]
fn destination_host(path: &str) -> Option<&str> {
    let (resource, rest) = path.split_once('/')?;
    let destination = match resource {
        "publish" | "schedules" => rest,
        "enqueue" => rest.split_once('/')?.1,
        _ => return None,
    };
    let (_, address) = destination.split_once("://")?;
    let authority = address.split(['/', '?']).next()?;
    let host = authority.rsplit('@').next()?;
    match host.rsplit_once(':') {
        Some((without_port, port)) if !port.ends_with(']') => Some(without_port),
        _ => Some(host),
    }
}
