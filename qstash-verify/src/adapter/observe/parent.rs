//! Where a verified delivery comes from: the span that published it.
//!
//! The headers are read after the signature was verified, and they are not a part of what is signed: whoever alters a
//! delivery on its way can name another span. So nothing but a trace is made of them.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use qstash_types::{TraceParent, header};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::adapter::RequestHead;

/// A longer `tracestate` is left out, as the specification allows. In bytes.
const LONGEST_STATE: usize = 512;

/// Connects the span of a delivery, which has not begun yet, with the one that published the message, and with the one around
/// it.
pub(super) fn connect(span: &Span, head: &impl RequestHead) {
    let Some(publisher) = publisher(head) else { return };
    let around = Span::current().context().span().span_context().clone();
    if has_many_deliveries(head) {
        span.add_link(publisher);
        return;
    }
    // A layer around this one has read the headers itself, so its span stands in the same trace already.
    if around.trace_id() == publisher.trace_id() {
        return;
    }
    // It fails where OpenTelemetry is not listening, and there nothing is missed.
    let _ = span.set_parent(Context::current().with_remote_span_context(publisher));
    span.add_link(around);
}

/// Whether the message is one of those that come from one publish: of a schedule, or for a URL group.
fn has_many_deliveries(head: &impl RequestHead) -> bool {
    [header::SCHEDULE_ID, header::TOPIC_NAME].iter().any(|name| head.header(name.as_str()).next().is_some())
}

fn publisher(head: &impl RequestHead) -> Option<SpanContext> {
    let parent: TraceParent = text(only(head.header(header::TRACEPARENT.as_str()))?)?.parse().ok()?;
    Some(SpanContext::new(
        TraceId::from_bytes(parent.trace_id.get().to_be_bytes()),
        SpanId::from_bytes(parent.span_id.get().to_be_bytes()),
        TraceFlags::new(parent.flags),
        true,
        state(head).unwrap_or_default(),
    ))
}

/// What tracing systems have added. Several headers are one list.
fn state(head: &impl RequestHead) -> Option<TraceState> {
    let values: Vec<_> = head.header(header::TRACESTATE.as_str()).collect();
    let list = values.join(&b',');
    if list.len() > LONGEST_STATE { None } else { text(&list)?.parse().ok() }
}

/// The value of a header that may be there once.
fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    values.next().filter(|_| values.next().is_none())
}

fn text(value: &[u8]) -> Option<&str> {
    str::from_utf8(value).ok()
}
