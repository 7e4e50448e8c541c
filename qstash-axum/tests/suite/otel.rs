//! The span of a delivery: whose child it is, what it says, and what stands in it.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::Response,
    routing::post,
};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use qstash_axum::{HandlerError, Outcome};
use testkit::{
    signing::{forged_signature, now, signature},
    traces::{OTHER, Traces, attributes, links, traceparent},
};
use tower::ServiceExt;
use tower_http::trace::TraceLayer;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::receiver::{delivery, layer, request, send};

const PROCESS: &str = "process api.example.com";

/// The ids in [`OTHER`].
fn other() -> (TraceId, SpanId) {
    (
        TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736").unwrap(),
        SpanId::from_hex("00f067aa0ba902b7").unwrap(),
    )
}

fn app() -> Router {
    let handler = async |path: axum::extract::Path<String>| -> Result<Outcome, HandlerError> {
        tracing::info_span!("work").in_scope(|| ());
        match path.as_str() {
            "later" => Ok(Outcome::retry_after(Duration::from_secs(60))),
            "never" => Ok(Outcome::non_retryable("a reason")),
            "fail" => Err("a cause".into()),
            _ => Ok(Outcome::done()),
        }
    };
    Router::new().route("/{path}", post(handler)).layer(layer())
}

/// A delivery with these headers beside its signature.
fn with<const N: usize>(path: &str, body: &'static str, headers: [(&'static str, &str); N]) -> Request {
    let mut delivery = delivery(path, body);
    for (name, value) in headers {
        delivery.headers_mut().append(name, value.parse().unwrap());
    }
    delivery
}

#[tokio::test]
async fn a_delivery_continues_the_trace_of_its_publisher() {
    let traces = Traces::new();
    let published = now() - Duration::from_millis(1500);
    let published = published.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis().to_string();
    let headers = [
        ("traceparent", OTHER),
        ("tracestate", "vendor=1"),
        ("tracestate", "other=2"),
        ("qstash-published-at", &published),
        ("upstash-message-id", "msg_7"),
        ("upstash-retried", "2"),
        ("upstash-max-retries", "3"),
    ];
    traces.watch(send(&app(), with("/done?token=SECRET", "body", headers))).await;

    let span = traces.the(PROCESS);
    let (trace, parent) = other();
    assert_eq!((span.span_context.trace_id(), span.parent_span_id), (trace, parent));
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_state().header(), "vendor=1,other=2");
    assert_eq!((span.span_kind.clone(), span.status.clone()), (SpanKind::Consumer, Status::Unset));
    assert_eq!(
        attributes(&span),
        [
            "http.response.status_code=200",
            "messaging.destination.name=api.example.com",
            "messaging.message.body.size=4",
            "messaging.message.id=msg_7",
            "messaging.operation.name=process",
            "messaging.operation.type=process",
            "messaging.qstash.max_retries=3",
            "messaging.qstash.queue_wait=1.5",
            "messaging.qstash.retried=2",
            "messaging.system=qstash",
        ]
    );
    assert!(!format!("{span:?}").contains("SECRET"));
    let work = traces.the("work");
    assert_eq!((work.span_context.trace_id(), work.parent_span_id), (trace, span.span_context.span_id()));
}

#[tokio::test]
async fn what_runs_again_and_again_is_linked() {
    for (header, destination) in
        [("upstash-schedule-id", "api.example.com"), ("upstash-topic-name", "signups")]
    {
        let traces = Traces::new();
        traces.watch(send(&app(), with("/done", "", [("traceparent", OTHER), (header, "signups")]))).await;
        let span = traces.the(&format!("process {destination}"));
        assert_eq!(links(&span), [OTHER], "{header}");
        assert_ne!(span.span_context.trace_id(), other().0, "{header}");
        assert_eq!(span.parent_span_id, SpanId::INVALID, "{header}");
    }
}

#[tokio::test]
async fn a_forged_delivery_never_enters_a_trace() {
    let traces = Traces::new();
    let forged = request("/done", &forged_signature("/done", b"body"));
    let altered = request("/done", &signature("/done", b"another body"));
    let unsigned = Request::post("/done");
    for head in [forged, altered, unsigned] {
        let request = head.header("traceparent", OTHER).body(Body::from("body")).unwrap();
        let app = app().layer(TraceLayer::new_for_http());
        assert_eq!(traces.watch(send(&app, request)).await.status, StatusCode::FORBIDDEN);
    }
    let spans = traces.spans();
    assert_eq!(traces.names(), ["request"; 3], "only the spans of the layer around it");
    let other = format!("{:?}", other().0);
    assert!(!format!("{spans:?}").contains(&other), "neither as a parent nor as a link");
}

#[tokio::test]
async fn an_odd_header_is_as_good_as_none() {
    let long = format!("vendor={}", "x".repeat(600));
    for headers in [
        [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"), ("x", "y")],
        [("traceparent", OTHER), ("traceparent", OTHER)],
        [("qstash-published-at", "+17"), ("x", "y")],
        [("qstash-published-at", "99999999999999999999"), ("x", "y")],
    ] {
        let traces = Traces::new();
        traces.watch(send(&app(), with("/done", "", headers))).await;
        let span = traces.the(PROCESS);
        assert_eq!(span.parent_span_id, SpanId::INVALID, "{headers:?}");
        assert!(!attributes(&span).iter().any(|field| field.contains("queue_wait")), "{headers:?}");
    }
    for state in [&*long, "no list"] {
        let traces = Traces::new();
        traces.watch(send(&app(), with("/done", "", [("traceparent", OTHER), ("tracestate", state)]))).await;
        let span = traces.the(PROCESS);
        assert_eq!(span.span_context.trace_id(), other().0, "the parent counts without its state");
        assert_eq!(span.span_context.trace_state().header(), "");
    }
}

#[tokio::test]
async fn a_publisher_whose_clock_is_ahead_has_published_just_now() {
    let traces = Traces::new();
    traces.watch(send(&app(), with("/done", "", [("qstash-published-at", "9999999999999")]))).await;
    assert!(attributes(&traces.the(PROCESS)).contains(&"messaging.qstash.queue_wait=0".to_owned()));
}

#[tokio::test]
async fn the_span_says_what_becomes_of_the_message() {
    for (path, status, outcome) in
        [("/later", 503, "retry"), ("/fail", 500, "retry"), ("/never", 489, "non_retryable")]
    {
        let traces = Traces::new();
        traces.watch(send(&app(), delivery(path, ""))).await;
        let span = traces.the(PROCESS);
        assert!(matches!(span.status, Status::Error { .. }), "{path}");
        let attributes = attributes(&span);
        assert!(attributes.contains(&format!("error.type={outcome}")), "{attributes:?}");
        assert!(attributes.contains(&format!("http.response.status_code={status}")), "{attributes:?}");
        assert_eq!(
            span.events.len(),
            usize::from(path != "/later"),
            "what is logged of it stands in the span"
        );
    }
}

#[tokio::test]
async fn a_delivery_that_is_given_up_has_an_end() {
    let traces = Traces::new();
    let forever =
        Router::new().route("/done", post(async || std::future::pending::<()>().await)).layer(layer());
    let given_up = async {
        let response = forever.oneshot(delivery("/done", ""));
        let _ = tokio::time::timeout(Duration::ZERO, response).await;
    };
    traces.watch(given_up).await;
    assert!(attributes(&traces.the(PROCESS)).contains(&"error.type=given_up".to_owned()));
}

#[tokio::test]
async fn it_stands_in_the_span_of_tower_http() {
    let traces = Traces::new();
    let app = app().layer(TraceLayer::new_for_http());
    traces.watch(send(&app, delivery("/done", ""))).await;
    let (around, span) = (traces.the("request").span_context, traces.the(PROCESS));
    assert_eq!(span.span_context.trace_id(), around.trace_id());
    assert_eq!(span.parent_span_id, around.span_id());

    let traces = Traces::new();
    traces.watch(send(&app, with("/done", "", [("traceparent", OTHER)]))).await;
    let (around, span) = (traces.the("request").span_context, traces.the(PROCESS));
    assert_eq!((span.span_context.trace_id(), span.parent_span_id), other());
    assert_eq!(links(&span), [traceparent(&around)], "it has one parent, and knows the other");
}

#[tokio::test]
async fn a_layer_that_has_read_the_headers_stays_around_it() {
    async fn reads(request: Request, next: Next) -> Response {
        let (trace, parent) = other();
        let flags = TraceFlags::SAMPLED;
        let remote = SpanContext::new(trace, parent, flags, true, TraceState::default());
        let span = tracing::info_span!("server");
        span.set_parent(Context::new().with_remote_span_context(remote)).unwrap();
        next.run(request).instrument(span).await
    }

    let traces = Traces::new();
    traces.watch(send(&app().layer(from_fn(reads)), with("/done", "", [("traceparent", OTHER)]))).await;
    let (around, span) = (traces.the("server"), traces.the(PROCESS));
    assert_eq!(around.parent_span_id, other().1);
    assert_eq!(span.parent_span_id, around.span_context.span_id());
    assert!(links(&span).is_empty());
}

#[tokio::test]
async fn the_inner_service_is_called_and_polled_in_the_span() {
    use tower::{Layer, service_fn};

    let traces = Traces::new();
    let service = service_fn(|_: Request| {
        tracing::info_span!("called").in_scope(|| ());
        async {
            tracing::info_span!("polled").in_scope(|| ());
            Ok::<_, Infallible>(Bytes::new())
        }
    });
    let watched = traces.watch(layer().layer(service).oneshot(delivery("/done", "")));
    watched.await.unwrap();
    let span = traces.the(PROCESS).span_context.span_id();
    assert_eq!(traces.the("called").parent_span_id, span);
    assert_eq!(traces.the("polled").parent_span_id, span);
}
