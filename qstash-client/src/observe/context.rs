//! The place of a message in a trace, with the feature `otel`: headers that are forwarded with it and to its callbacks.
//!
//! Only W3C Trace Context is written, whatever propagator the application has installed: baggage is for its own services.

use std::{
    num::NonZero,
    time::{SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use qstash_types::{
    Deduplication, DeliverySettings, HeaderMap, HeaderName, HeaderSink, HeaderText, HeaderValue,
    InvalidHeader, TraceParent,
    header::{
        self, CALLBACK_SETTINGS, FAILURE_CALLBACK_SETTINGS, MESSAGE_SETTINGS, SettingNames, TRACEPARENT,
        TRACESTATE,
    },
};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::span::{count, destination_name};
use crate::message::MessageParts;

/// The headers that make deliveries of a message part of a trace.
#[derive(Clone, Default)]
pub(crate) struct TraceHeaders(Option<Box<Values>>);

/// A message of a batch, and the span in which it was made.
pub(crate) struct Created {
    pub(crate) headers: TraceHeaders,
    pub(super) span: Option<SpanContext>,
}

/// What the headers say.
#[derive(Clone)]
struct Values {
    parent: HeaderValue,
    state: Option<HeaderValue>,
    published_at: HeaderValue,
}

/// A longer `tracestate` is left out, as the specification allows. In bytes.
const LONGEST_STATE: usize = 512;

impl TraceHeaders {
    /// The headers of a message that has a call of its own.
    pub(super) fn of_call(span: &tracing::Span, message: &MessageParts) -> Self {
        if let Some(parent) = forwarded_parent(message) {
            span.add_link(parent);
        }
        Self::within(&context_of(span), message)
    }

    fn within(span: &SpanContext, message: &MessageParts) -> Self {
        // Without a trace nothing is added. Forwarded headers are a part of the content, which would be another each time.
        if !span.is_valid() || message.options.deduplication == Some(Deduplication::ByContent) {
            return Self::default();
        }
        Self(Some(Box::new(Values::new(span))))
    }

    /// Writes the headers, except those that the message has already.
    pub(crate) fn write_to(
        &self,
        message: &MessageParts,
        sink: &mut impl HeaderSink,
    ) -> Result<(), InvalidHeader> {
        let Some(values) = &self.0 else { return Ok(()) };
        let options = &message.options;
        let is_schedule = options.schedule_id.is_some();
        let own = Target { names: &MESSAGE_SETTINGS, settings: &options.settings, plain: &message.headers };
        values.write_context(&own, sink)?;
        // What a schedule leads to begins anew each time, and the deliveries of its callbacks do not say that they
        // belong to one.
        if is_schedule {
            return Ok(());
        }
        let callbacks = [
            (&CALLBACK_SETTINGS, &options.callback),
            (&FAILURE_CALLBACK_SETTINGS, &options.failure_callback),
        ];
        for (names, callback) in callbacks {
            if let Some(callback) = callback {
                let target = Target { names, settings: &callback.settings, plain: &message.headers };
                values.write_context(&target, sink)?;
            }
        }
        own.write(&header::PUBLISHED_AT, &values.published_at, sink)
    }
}

impl Values {
    fn new(span: &SpanContext) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let state = span.trace_state().header();
        Self {
            parent: written(span).to_string().try_into().expect("digits can stand in a header"),
            state: HeaderValue::try_from(&state).ok().filter(|_| (1..=LONGEST_STATE).contains(&state.len())),
            published_at: u64::try_from(now).unwrap_or(u64::MAX).into(),
        }
    }

    /// Writes which span it was. A state belongs to its parent: it is not added to that of the user.
    fn write_context(&self, target: &Target<'_>, sink: &mut impl HeaderSink) -> Result<(), InvalidHeader> {
        if target.has(&TRACEPARENT) {
            return Ok(());
        }
        target.write(&TRACEPARENT, &self.parent, sink)?;
        match &self.state {
            Some(state) => target.write(&TRACESTATE, state, sink),
            None => Ok(()),
        }
    }
}

/// Who is to get a forwarded header: the message, its callback or its failure callback.
struct Target<'a> {
    names: &'static SettingNames,
    settings: &'a DeliverySettings,
    /// The headers of [`Message::header`](crate::Message::header).
    plain: &'a HeaderMap,
}

impl Target<'_> {
    /// Whether the user forwards a header of this name.
    fn has(&self, name: &HeaderName) -> bool {
        self.settings.forward.contains_key(name)
            || self.plain.keys().any(|own| {
                // As it is, it is delivered when all headers of the call are.
                let forwarded = own.as_str().strip_prefix(self.names.forward_prefix).unwrap_or(own.as_str());
                forwarded == name.as_str()
            })
    }

    fn write(
        &self,
        name: &HeaderName,
        value: &HeaderValue,
        sink: &mut impl HeaderSink,
    ) -> Result<(), InvalidHeader> {
        if self.has(name) {
            return Ok(());
        }
        sink.put(self.names.forward_prefix, name, HeaderText::Value(value))
    }
}

impl Created {
    /// Notes that a message of a batch was made: a span of its own, since the span of the call is that of all messages.
    pub(crate) fn new(message: &MessageParts) -> Self {
        // The user has said where the message comes from.
        if let Some(parent) = forwarded_parent(message) {
            return Self { headers: TraceHeaders::default(), span: Some(parent) };
        }
        if message.options.deduplication == Some(Deduplication::ByContent) {
            return Self { headers: TraceHeaders::default(), span: None };
        }
        let destination = destination_name(&message.destination);
        let span = tracing::info_span!(
            "qstash.create",
            otel.name = %format_args!("create {destination}"),
            otel.kind = "producer",
            messaging.system = "qstash",
            messaging.operation.name = "create",
            messaging.operation.type = "create",
            messaging.destination.name = destination,
            messaging.message.body.size = count(message.body.len()),
        );
        let span = context_of(&span);
        Self { headers: TraceHeaders::within(&span, message), span: span.is_valid().then_some(span) }
    }
}

/// The span as OpenTelemetry knows it; where no layer of `tracing-opentelemetry` listens, the one that is current.
fn context_of(span: &tracing::Span) -> SpanContext {
    let own = span.context().span().span_context().clone();
    if own.is_valid() { own } else { Context::current().span().span_context().clone() }
}

fn written(span: &SpanContext) -> TraceParent {
    let known = "a valid span has ids";
    TraceParent {
        trace_id: NonZero::new(u128::from_be_bytes(span.trace_id().to_bytes())).expect(known),
        span_id: NonZero::new(u64::from_be_bytes(span.span_id().to_bytes())).expect(known),
        flags: span.trace_flags().to_u8(),
    }
}

/// The span that the user says the message comes from.
fn forwarded_parent(message: &MessageParts) -> Option<SpanContext> {
    let value = message.options.settings.forward.get(&TRACEPARENT)?;
    let parent: TraceParent = value.to_str().ok()?.parse().ok()?;
    Some(SpanContext::new(
        TraceId::from_bytes(parent.trace_id.get().to_be_bytes()),
        SpanId::from_bytes(parent.span_id.get().to_be_bytes()),
        TraceFlags::new(parent.flags),
        true,
        TraceState::default(),
    ))
}
