//! The span of a delivery. Neither body nor path or query of a URL gets in.
//!
//! Names and attributes follow the conventions of OpenTelemetry for messaging: `docs/observability.md` lists them.

use qstash_types::{DeliveryHeaders, Url, UrlGroupName};

use super::{Ending, parent, wait};
use crate::{Verified, Verifier, adapter::RequestHead};

/// The span around the handling of a delivery.
#[derive(Debug)]
pub(super) struct DeliverySpan(tracing::Span);

impl DeliverySpan {
    pub(super) fn new(verifier: &Verifier, head: &impl RequestHead, proof: &Verified) -> Self {
        let span = tracing::info_span!(
            "qstash.process",
            otel.name = tracing::field::Empty,
            otel.kind = "consumer",
            otel.status_code = tracing::field::Empty,
            messaging.system = "qstash",
            messaging.operation.name = "process",
            messaging.operation.type = "process",
            messaging.destination.name = tracing::field::Empty,
            messaging.message.id = tracing::field::Empty,
            messaging.message.body.size = i64::try_from(proof.body().len()).unwrap_or(i64::MAX),
            messaging.qstash.retried = tracing::field::Empty,
            messaging.qstash.max_retries = tracing::field::Empty,
            messaging.qstash.schedule_id = tracing::field::Empty,
            messaging.qstash.queue_wait = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
        );
        if !span.is_disabled() {
            describe(&span, verifier, head, proof);
            parent::connect(&span, head);
        }
        Self(span)
    }

    pub(super) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.in_scope(work)
    }

    pub(super) fn end(&self, ending: Ending) {
        if let Ending::Answered(status) = ending {
            self.0.record("http.response.status_code", i64::from(status));
        }
        let outcome = ending.outcome();
        if outcome != "done" {
            self.0.record("error.type", outcome);
            self.0.record("otel.status_code", "ERROR");
        }
    }
}

/// Adds what QStash says about the delivery, which is not signed but for the URL.
fn describe(span: &tracing::Span, verifier: &Verifier, head: &impl RequestHead, proof: &Verified) {
    let headers = DeliveryHeaders::from_lookup(|name| head.header(name).next());
    let subject = Url::parse(proof.claims().subject()).ok();
    // The host, without port and user info, as its publisher names it.
    let destination = headers.url_group.as_ref().map(UrlGroupName::as_str);
    let destination = destination.or_else(|| subject.as_ref().map(Url::host_str)).unwrap_or_default();
    span.record("otel.name", tracing::field::display(format_args!("process {destination}")));
    span.record("messaging.destination.name", destination);
    if let Some(id) = &headers.message_id {
        span.record("messaging.message.id", id.as_str());
    }
    if let Some(retried) = headers.retried {
        span.record("messaging.qstash.retried", i64::from(retried));
    }
    if let Some(max_retries) = headers.max_retries {
        span.record("messaging.qstash.max_retries", i64::from(max_retries));
    }
    if let Some(id) = &headers.schedule_id {
        span.record("messaging.qstash.schedule_id", id.as_str());
    }
    if let Some(wait) = wait::since_publishing(head, verifier.now()) {
        span.record("messaging.qstash.queue_wait", wait.as_secs_f64());
    }
}
