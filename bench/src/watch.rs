//! Those that listen: spans are recorded and go nowhere, numbers are kept in memory.

#[cfg(feature = "otel")]
mod spans {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

    pub fn listen() -> SdkTracerProvider {
        let provider = SdkTracerProvider::builder().build();
        registry().with(tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"))).init();
        provider
    }
}

/// Listens until it is dropped.
pub fn listen() -> impl Sized {
    #[cfg(feature = "metrics")]
    metrics_util::debugging::DebuggingRecorder::new().install().expect("nobody else listens");
    #[cfg(feature = "otel")]
    let listening = spans::listen();
    #[cfg(not(feature = "otel"))]
    let listening = ();
    listening
}
