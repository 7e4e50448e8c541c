//! Spans, as a collector gets them.

use std::time::Duration;

use qstash_dev::{DevServer, Fault, StartError};
use serde_json::{Value, json};

use crate::{
    client::publish,
    destination::{Destination, response},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PUBLISHER: &str = "b7ad6b7169203331";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The spans that a collector got, in the order of their ends.
fn spans(collector: &Destination) -> Vec<Value> {
    let mut spans = Vec::new();
    for request in collector.received() {
        assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
        assert_eq!(request.header("content-type"), Some("application/json"));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let resource = &body["resourceSpans"][0];
        let service = json!({ "key": "service.name", "value": { "stringValue": "qstash-dev" } });
        assert_eq!(resource["resource"]["attributes"][0], service);
        spans.extend(resource["scopeSpans"][0]["spans"].as_array().unwrap().iter().cloned());
    }
    spans
}

fn seconds(span: &Value) -> f64 {
    let time = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    Duration::from_nanos(time("endTimeUnixNano") - time("startTimeUnixNano")).as_secs_f64()
}

fn attribute(span: &Value, name: &str) -> Option<String> {
    let attributes = span["attributes"].as_array().unwrap();
    let value = &attributes.iter().find(|attribute| attribute["key"] == name)?["value"];
    Some(value["stringValue"].as_str().or(value["intValue"].as_str()).unwrap().to_owned())
}

fn traceparent(trace: &str, flags: &str) -> String {
    format!("00-{trace}-{PUBLISHER}-{flags}")
}

async fn traced(collector: &Destination) -> DevServer {
    DevServer::builder().seed(1).otlp(collector.url("")).start().await.unwrap()
}

#[tokio::test]
async fn a_trace_shows_each_wait_each_attempt_and_the_callback() {
    let collector = Destination::start(|_| response(200, "{}")).await;
    let destination = Destination::answering(200).await;
    let server = traced(&collector).await;
    let url = destination.url("/secret/path?token=1");
    server.fault(Fault::Status(503).at(url.as_str()));
    server.fault(Fault::Refuse.at(url.as_str()));
    let id = publish(&server, &url)
        .header("Upstash-Delay", "3d")
        .header("Upstash-Forward-Traceparent", &traceparent(TRACE, "01"))
        .header("Upstash-Callback", &destination.url("/callback"))
        .header("Upstash-Callback-Forward-Traceparent", &traceparent(TRACE, "01"))
        .body("hello")
        .accepted()
        .await;
    server.advance(4 * DAY).await;
    server.finish().await;

    let spans = spans(&collector);
    let shape = spans.iter().map(|span| {
        assert_eq!(span["traceId"], TRACE);
        let parent = spans.iter().find(|parent| parent["spanId"] == span["parentSpanId"]);
        let parent = parent.map_or(&span["parentSpanId"], |parent| &parent["name"]);
        (span["name"].as_str().unwrap(), parent.as_str().unwrap(), span["kind"].as_u64().unwrap())
    });
    let callback = [("callback", PUBLISHER, 1), ("wait", "callback", 1), ("attempt 1", "callback", 3)];
    let mut expected = vec![("accept", PUBLISHER, 1)];
    for attempt in ["attempt 1", "attempt 2", "attempt 3"] {
        expected.extend([("wait", "accept", 1), (attempt, "accept", 3)]);
        // Each attempt has its callback, the failed ones too.
        expected.extend(callback);
    }
    let mut shape: Vec<_> = shape.collect();
    shape.sort_unstable();
    expected.sort_unstable();
    assert_eq!(shape, expected);

    let own: Vec<_> =
        spans.iter().filter(|span| attribute(span, "messaging.message.id").as_ref() == Some(&id)).collect();
    let named = |name: &str| own.iter().filter(|span| span["name"] == name).copied().collect::<Vec<_>>();
    let wait = seconds(named("wait")[0]);
    assert!((wait - 3.0 * DAY.as_secs_f64()).abs() < 60.0, "three days, not {wait} s");
    assert!(
        named("wait")[1..].iter().all(|wait| (1.0..DAY.as_secs_f64()).contains(&seconds(wait))),
        "retries wait"
    );
    assert_eq!(attribute(named("accept")[0], "messaging.message.body.size").as_deref(), Some("5"));
    let [first, second, third] = ["attempt 1", "attempt 2", "attempt 3"].map(|name| named(name)[0]);
    assert_eq!(
        (&first["status"]["code"], attribute(first, "error.type").as_deref()),
        (&json!(2), Some("503"))
    );
    assert_eq!(attribute(second, "error.type").as_deref(), Some("no_response"));
    assert_eq!(second["status"]["message"], "connection failed: a fault refuses it");
    assert_eq!(
        (&third["status"], attribute(third, "http.response.status_code").as_deref()),
        (&Value::Null, Some("200"))
    );
    assert_eq!(attribute(third, "http.request.resend_count").as_deref(), Some("2"));
    let ids: std::collections::HashSet<_> =
        spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), spans.len(), "each has an id of its own");
    assert!(!json!(spans).to_string().contains("secret"), "paths may hold secrets");
}

#[tokio::test]
async fn a_message_without_a_trace_is_one_and_a_trace_that_is_not_sampled_is_not_sent() {
    let collector = Destination::start(|_| response(200, "{}")).await;
    let destination = Destination::answering(200).await;
    let server = traced(&collector).await;
    let message = || publish(&server, &destination.url("/"));
    let unsampled = traceparent(TRACE, "00");
    message().header("Upstash-Forward-Traceparent", &unsampled).accepted().await;
    let nonsense = message().header("Upstash-Forward-Traceparent", "00-zzz-1-01").accepted().await;
    let plain = message().accepted().await;
    server.settled().await;
    server.finish().await;
    assert_eq!(destination.received().len(), 3);
    let spans = spans(&collector);
    assert_eq!(spans.len(), 6);
    let mut traces = Vec::new();
    for id in [nonsense, plain] {
        let own: Vec<_> = spans
            .iter()
            .filter(|span| attribute(span, "messaging.message.id").as_ref() == Some(&id))
            .collect();
        assert_eq!(own.len(), 3);
        let trace = own[0]["traceId"].as_str().unwrap();
        assert!(trace.len() == 32 && own.iter().all(|span| span["traceId"] == trace));
        let root = own.iter().find(|span| span["name"] == "accept").unwrap();
        assert_eq!(root["parentSpanId"], Value::Null);
        traces.push(trace.to_owned());
    }
    assert_ne!(traces[0], traces[1]);
}

/// Away, out of order, or without an answer.
#[tokio::test]
async fn a_collector_that_takes_nothing_stops_nothing() {
    let refusing = Destination::answering(500).await;
    let hanging = Destination::serving(|connection| async move {
        let _held = connection;
        std::future::pending::<()>().await;
    })
    .await;
    let away = {
        let gone = Destination::answering(200).await;
        gone.url("")
    };
    for url in [refusing.url(""), hanging.url(""), away] {
        let destination = Destination::answering(200).await;
        let server = DevServer::builder().otlp(url).start().await.unwrap();
        for _ in 0..50 {
            publish(&server, &destination.url("/")).accepted().await;
        }
        server.settled().await;
        assert_eq!(server.deliveries().await.len(), 50);
        server.finish().await;
    }
}

#[tokio::test]
async fn what_is_no_url_of_a_collector_is_refused() {
    for (url, why) in [
        ("collector:4318", "no URL"),
        ("http://", "no host"),
        ("http://user:secret@127.0.0.1:4318", "credentials"),
        ("http://127.0.0.1:4318/?api-key=secret", "a query"),
    ] {
        let refused = DevServer::builder().otlp(url).start().await;
        let Err(error @ StartError::Collector { .. }) = refused else { panic!("{why}: {refused:?}") };
        assert!(!format!("{error} {error:?}").contains("secret"), "{why}: {error:?}");
    }
}
