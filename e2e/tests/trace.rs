//! One trace from a publisher over its deliveries and callbacks to what they publish, as an exporter sees it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    fmt::Write,
    net::TcpListener,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use actix_web::{App, HttpServer, web};
use axum::{Json, Router, extract::State, routing::post};
use opentelemetry::trace::{SpanId, TraceId};
use qstash_client::{Client, Message};
use qstash_dev::DevServer;
use qstash_verify::Verifier;
use serde_json::Value;
use testkit::traces::{SpanData, Traces, attributes};
use tower_http::trace::TraceLayer;
use tracing::Instrument;
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

/// The spans of the whole process, since servers run in threads of their own.
fn traces() -> &'static Traces {
    static TRACES: OnceLock<Traces> = OnceLock::new();
    TRACES.get_or_init(|| {
        let traces = Traces::new();
        registry().with(traces.layer()).init();
        traces
    })
}

const GUIDE: &str = include_str!("../../docs/observability.md");

const SHAPE: &str = "\
order
  send 127.0.0.1
    process work: retried=0 status=500 wait=1h0m
    process callback: retried=0 status=200
    process work: retried=1 status=500 wait=1h10m
    process callback: retried=0 status=200
    process work: retried=2 status=200 wait=1h20m
    process callback: retried=0 status=200
      send 127.0.0.1
        process next: retried=0 status=200 wait=0h0m
";

/// What the local server has to say of the same trace: where each of its spans hangs, and those below in the order in which they
/// began, which is that of a clock that was moved.
const SERVER_SHAPE: &str = "\
send of the order
  accept
    wait
    attempt 1: 500
    wait
    attempt 2: 500
    wait
    attempt 3: 200
  callback
    wait
    attempt 1: 200
  callback
    wait
    attempt 1: 200
  callback
    wait
    attempt 1: 200
send of the callback
  accept
    wait
    attempt 1: 200
";

/// The spans that arrive by OTLP, as JSON.
type Collected = Arc<Mutex<Vec<Value>>>;

/// A collector, and its base URL.
async fn collector() -> (Collected, String) {
    let collected = Collected::default();
    let collect = async |State(collected): State<Collected>, Json(mut sent): Json<Value>| {
        let spans = sent["resourceSpans"][0]["scopeSpans"][0]["spans"].take();
        collected.lock().unwrap().extend_from_slice(spans.as_array().unwrap());
    };
    let app = Router::new().route("/v1/traces", post(collect)).with_state(collected.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app).into_future());
    (collected, url)
}

/// Two attempts fail, the third succeeds, and the handler of its callback publishes the next message; an hour of delay and
/// twenty minutes of retries are skipped.
async fn an_order_is_one_trace(start: impl AsyncFnOnce(TcpListener, Verifier, Client, String)) {
    let traces = traces();
    let (collected, collector) = collector().await;
    let qstash = DevServer::builder().otlp(collector).start().await.unwrap();
    let client = Client::new(qstash.url(), qstash.token()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let verifier = Verifier::builder(qstash.signing_keys()).origin(&origin).build().unwrap();
    start(listener, verifier, client.clone(), format!("{origin}/next")).await;

    let message = Message::to(format!("{origin}/work"))
        .text("order 17")
        .delay(Duration::from_secs(3600))
        .retry_delay("600000")
        .callback(format!("{origin}/done"));
    let order = tracing::info_span!("order");
    let published = async {
        let published = client.publish(message).await.unwrap();
        (published, tracing_opentelemetry::OpenTelemetrySpanExt::context(&tracing::Span::current()))
    };
    let (published, context) = published.instrument(order).await;
    qstash.advance(Duration::from_secs(2 * 3600)).await;
    qstash.settled().await;
    // With it, the last spans are sent off.
    qstash.finish().await;

    let trace = opentelemetry::trace::TraceContextExt::span(&context).span_context().trace_id();
    let spans: Vec<_> =
        traces.spans().into_iter().filter(|span| span.span_context.trace_id() == trace).collect();
    let shape = Shape { spans, trace, work: published.message_id().to_string() };
    assert_eq!(shape.of("order"), SHAPE);
    let collected = std::mem::take(&mut *collected.lock().unwrap());
    assert_eq!(shape.of_server(&collected), SERVER_SHAPE);
    for field in shape.spans.iter().flat_map(attributes) {
        let (name, _) = field.split_once('=').unwrap();
        assert!(GUIDE.contains(&format!("`{name}`")), "the guide lists {name}");
    }
}

/// The spans of one trace.
struct Shape {
    spans: Vec<SpanData>,
    trace: TraceId,
    /// The id of the message that the order has published.
    work: String,
}

impl Shape {
    /// The tree of spans below the root, one line per span, in the order in which they began.
    fn of(&self, root: &str) -> String {
        let root = self.spans.iter().find(|span| span.name == root).unwrap();
        assert_eq!(root.span_context.trace_id(), self.trace);
        let mut tree = format!("{root}\n", root = root.name);
        self.below(root.span_context.span_id(), 1, &mut tree);
        assert_eq!(tree.lines().count(), self.spans.len(), "every span of the trace stands in the tree");
        tree
    }

    fn below(&self, parent: SpanId, depth: usize, tree: &mut String) {
        let mut children: Vec<_> = self.spans.iter().filter(|span| span.parent_span_id == parent).collect();
        children.sort_by_key(|span| span.start_time);
        for span in children {
            writeln!(tree, "{}{}", "  ".repeat(depth), self.line(span)).unwrap();
            self.below(span.span_context.span_id(), depth + 1, tree);
        }
    }

    /// The trees of the server's spans, each below the span of a publisher in which its message was sent.
    fn of_server(&self, spans: &[Value]) -> String {
        let trace = self.trace.to_string();
        assert!(spans.iter().all(|span| span["traceId"] == trace), "all of it is one trace");
        let mut sends: Vec<_> = self.spans.iter().filter(|span| span.name == "send 127.0.0.1").collect();
        sends.sort_by_key(|span| span.start_time);
        let mut tree = String::new();
        for (send, of) in sends.into_iter().zip(["order", "callback"]) {
            writeln!(tree, "send of the {of}").unwrap();
            below(spans, &send.span_context.span_id().to_string(), 1, &mut tree);
        }
        assert_eq!(tree.lines().count(), spans.len() + 2, "every span of the server stands in the tree");
        tree
    }

    fn line(&self, span: &SpanData) -> String {
        if span.name != "process 127.0.0.1" {
            return span.name.to_string();
        }
        let fields = attributes(span);
        let field = |name: &str| fields.iter().find_map(|field| field.strip_prefix(&format!("{name}=")));
        let wait = field("messaging.qstash.queue_wait").map(|wait| {
            let minutes = (wait.parse::<f64>().unwrap() / 60.0).floor();
            format!(" wait={}h{}m", (minutes / 60.0).floor(), minutes % 60.0)
        });
        let message = match field("messaging.message.id").unwrap() {
            id if id == self.work => "work",
            // Of the headers that say where a delivery comes from, a callback has no time of publishing.
            _ if wait.is_none() => "callback",
            _ => "next",
        };
        let retried = field("messaging.qstash.retried").unwrap();
        let status = field("http.response.status_code").unwrap();
        format!("process {message}: retried={retried} status={status}{}", wait.unwrap_or_default())
    }
}

/// The spans of the server below a span.
fn below(spans: &[Value], parent: &str, depth: usize, tree: &mut String) {
    let begin = |span: &&Value| span["startTimeUnixNano"].as_str().unwrap().parse::<u64>().unwrap();
    let mut children: Vec<_> = spans.iter().filter(|span| span["parentSpanId"] == parent).collect();
    children.sort_by_key(begin);
    for span in children {
        let attributes = span["attributes"].as_array().unwrap();
        let status = attributes.iter().find(|attribute| attribute["key"] == "http.response.status_code");
        let status = status.map(|status| format!(": {}", status["value"]["intValue"].as_str().unwrap()));
        let name = span["name"].as_str().unwrap();
        writeln!(tree, "{}{name}{}", "  ".repeat(depth), status.unwrap_or_default()).unwrap();
        below(spans, span["spanId"].as_str().unwrap(), depth + 1, tree);
    }
}

#[tokio::test]
async fn an_order_is_one_trace_with_axum() {
    use qstash_axum::{Callback, Delivery, HandlerError, Outcome, Signed, VerifySignature};

    type Next = State<(Client, String)>;

    async fn work(delivery: Delivery) -> Result<Outcome, HandlerError> {
        if delivery.headers().retried < Some(2) { Err("not yet".into()) } else { Ok(Outcome::done()) }
    }

    async fn done(
        State((client, next)): Next,
        Signed(callback): Signed<Callback>,
    ) -> Result<Outcome, HandlerError> {
        if callback.is_success() {
            client.publish(Message::to(next)).await?;
        }
        Ok(Outcome::done())
    }

    an_order_is_one_trace(async |listener, verifier, client, next| {
        let app = Router::new()
            .route("/work", post(work))
            .route("/done", post(done))
            .route("/next", post(async || Outcome::done()))
            .with_state((client, next))
            .layer(VerifySignature::new(verifier))
            .layer(TraceLayer::new_for_http());
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        tokio::spawn(axum::serve(listener, app).into_future());
    })
    .await;
}

#[actix_web::test]
async fn an_order_is_one_trace_with_actix() {
    use qstash_actix::{Callback, Delivery, HandlerError, Outcome, Signed, VerifySignature};

    async fn work(delivery: Delivery) -> Result<Outcome, HandlerError> {
        if delivery.headers().retried < Some(2) { Err("not yet".into()) } else { Ok(Outcome::done()) }
    }

    async fn done(
        next: web::Data<(Client, String)>,
        Signed(callback): Signed<Callback>,
    ) -> Result<Outcome, HandlerError> {
        if callback.is_success() {
            next.0.publish(Message::to(&*next.1)).await?;
        }
        Ok(Outcome::done())
    }

    an_order_is_one_trace(async |listener, verifier, client, next| {
        let signature = VerifySignature::new(verifier);
        let next = web::Data::new((client, next));
        let app = move || {
            App::new()
                .app_data(next.clone())
                .route("/work", web::post().to(work))
                .route("/done", web::post().to(done))
                .route("/next", web::post().to(async || Outcome::done()))
                .wrap(signature.clone())
                .wrap(tracing_actix_web::TracingLogger::default())
        };
        // However slow the machine is, no request comes too late.
        let server = HttpServer::new(app).client_request_timeout(Duration::ZERO).workers(1);
        actix_web::rt::spawn(server.disable_signals().listen(listener).unwrap().run());
    })
    .await;
}
