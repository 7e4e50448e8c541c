//! What an application installs for traces, and the spans that it has seen.

use opentelemetry::trace::{SpanContext, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
pub use opentelemetry_sdk::trace::{Sampler, SpanData};
use tracing::{Dispatch, Subscriber, instrument::WithSubscriber};
use tracing_subscriber::{Layer, layer::SubscriberExt, registry, registry::LookupSpan};

use crate::log;

/// A `traceparent` of somebody else.
pub const OTHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Keeps every span that has ended.
#[derive(Debug, Default)]
pub struct Traces {
    exporter: InMemorySpanExporter,
    provider: SdkTracerProvider,
}

impl Traces {
    /// Records every trace.
    pub fn new() -> Self {
        Self::sampled_by(Sampler::AlwaysOn)
    }

    /// Records the traces that a sampler chooses.
    pub fn sampled_by(sampler: Sampler) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider =
            SdkTracerProvider::builder().with_sampler(sampler).with_simple_exporter(exporter.clone()).build();
        Self { exporter, provider }
    }

    /// The layer that sees the spans of `tracing`.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        tracing_opentelemetry::layer().with_tracer(self.provider.tracer("test"))
    }

    /// A dispatcher with the layer, for a thread or a future. Whatever is logged goes on as without it.
    pub fn dispatch(&self) -> Dispatch {
        log::start();
        registry().with(self.layer()).into()
    }

    /// Runs a future, whose spans are kept.
    pub async fn watch<F: Future>(&self, work: F) -> F::Output {
        work.with_subscriber(self.dispatch()).await
    }

    /// The spans so far, in the order in which they ended.
    pub fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    /// Those of a name.
    pub fn named(&self, name: &str) -> Vec<SpanData> {
        self.spans().into_iter().filter(|span| span.name == name).collect()
    }

    /// The one of a name.
    pub fn the(&self, name: &str) -> SpanData {
        let mut spans = self.named(name);
        assert_eq!(spans.len(), 1, "{name} among {:?}", self.names());
        spans.remove(0)
    }

    /// What the spans are called.
    pub fn names(&self) -> Vec<String> {
        self.spans().iter().map(|span| span.name.to_string()).collect()
    }
}

/// A span as the header `traceparent` names it.
pub fn traceparent(span: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8())
}

/// The spans that a span links to.
pub fn links(span: &SpanData) -> Vec<String> {
    span.links.iter().map(|link| traceparent(&link.span_context)).collect()
}

/// The attributes of these conventions, `name=value`, in the order of their names.
pub fn attributes(span: &SpanData) -> Vec<String> {
    let is_ours =
        |name: &str| ["messaging.", "http.", "error."].iter().any(|prefix| name.starts_with(prefix));
    let ours = span.attributes.iter().filter(|field| is_ours(field.key.as_str()));
    let mut ours: Vec<_> = ours.map(|field| format!("{}={}", field.key, field.value)).collect();
    ours.sort();
    ours
}
