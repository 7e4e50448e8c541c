//! The span of a delivery: whose child it is, what it says, and what stands in it.

use std::time::Duration;

use actix_http::Request;
use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    test::{init_service, try_call_service},
    web,
};
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceId};
use qstash_actix::{HandlerError, Outcome};
use testkit::{
    signing::{forged_signature, now, signature},
    traces::{OTHER, Traces, attributes, links, traceparent},
};
use tracing_actix_web::TracingLogger;

use crate::receiver::{delivery, middleware, request, send, serve, unsigned};

const PROCESS: &str = "process api.example.com";

/// The ids in [`OTHER`].
fn other() -> (TraceId, SpanId) {
    (
        TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736").unwrap(),
        SpanId::from_hex("00f067aa0ba902b7").unwrap(),
    )
}

async fn handle(path: web::Path<String>) -> Result<Outcome, HandlerError> {
    tracing::info_span!("work").in_scope(|| ());
    match path.as_str() {
        "later" => Ok(Outcome::retry_after(Duration::from_secs(60))),
        "never" => Ok(Outcome::non_retryable("a reason")),
        "fail" => Err("a cause".into()),
        _ => Ok(Outcome::done()),
    }
}

async fn app() -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    serve(|routes| {
        routes.route("/{path}", web::post().to(handle));
    })
    .await
}

/// A delivery with these headers beside its signature.
fn with<const N: usize>(path: &str, body: &'static str, headers: [(&'static str, &str); N]) -> Request {
    let mut delivery = delivery(path, body);
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        delivery.headers_mut().append(HeaderName::from_static(name), value);
    }
    delivery
}

#[actix_web::test]
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
    traces.watch(send(&app().await, with("/done?token=SECRET", "body", headers))).await;

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

#[actix_web::test]
async fn what_runs_again_and_again_is_linked() {
    for (header, destination) in
        [("upstash-schedule-id", "api.example.com"), ("upstash-topic-name", "signups")]
    {
        let traces = Traces::new();
        let headers = [("traceparent", OTHER), (header, "signups")];
        traces.watch(send(&app().await, with("/done", "", headers))).await;
        let span = traces.the(&format!("process {destination}"));
        assert_eq!(links(&span), [OTHER], "{header}");
        assert_ne!(span.span_context.trace_id(), other().0, "{header}");
    }
}

#[actix_web::test]
async fn a_forged_delivery_never_enters_a_trace() {
    let traces = Traces::new();
    let forged = request("/done", &forged_signature("/done", b"body"));
    let altered = request("/done", &signature("/done", b"another body"));
    for head in [forged, altered, unsigned("/done")] {
        let request = head.insert_header(("traceparent", OTHER)).set_payload("body").to_request();
        assert_eq!(traces.watch(send(&app().await, request)).await.status, StatusCode::FORBIDDEN);
    }
    assert!(traces.spans().is_empty());
}

#[actix_web::test]
async fn the_span_says_what_becomes_of_the_message() {
    for (path, status, outcome) in
        [("/later", 503, "retry"), ("/fail", 500, "retry"), ("/never", 489, "non_retryable")]
    {
        let traces = Traces::new();
        traces.watch(send(&app().await, delivery(path, ""))).await;
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

#[actix_web::test]
async fn a_delivery_that_is_given_up_has_an_end() {
    let traces = Traces::new();
    let forever = serve(|routes| {
        routes.route("/done", web::post().to(std::future::pending::<Outcome>));
    })
    .await;
    let given_up = async {
        let response = try_call_service(&forever, delivery("/done", ""));
        let _ = actix_web::rt::time::timeout(Duration::from_millis(1), response).await;
    };
    traces.watch(given_up).await;
    assert!(attributes(&traces.the(PROCESS)).contains(&"error.type=given_up".to_owned()));
}

#[actix_web::test]
async fn it_stands_in_the_span_of_tracing_actix_web() {
    for (headers, is_traced) in [([("x", "y")], false), ([("traceparent", OTHER)], true)] {
        let traces = Traces::new();
        let routes = App::new().route("/{path}", web::post().to(handle));
        let app = init_service(routes.wrap(middleware()).wrap(TracingLogger::default())).await;
        traces.watch(send(&app, with("/done", "", headers))).await;
        let around = traces.named("POST /{path}").pop().or_else(|| traces.named("HTTP request").pop());
        let around = around.unwrap_or_else(|| panic!("{:?}", traces.names())).span_context;
        let span = traces.the(PROCESS);
        if is_traced {
            assert_eq!((span.span_context.trace_id(), span.parent_span_id), other());
            assert_eq!(links(&span), [traceparent(&around)], "it has one parent, and knows the other");
        } else {
            assert_eq!(span.span_context.trace_id(), around.trace_id());
            assert_eq!(span.parent_span_id, around.span_id());
        }
    }
}
