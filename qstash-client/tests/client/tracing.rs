//! What a call leaves in the traces.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use futures_util::{StreamExt, stream};
use qstash_client::{Message, RetryPolicy};
use tracing::{
    Dispatch, Subscriber,
    field::{Field, Visit},
    instrument::{Instrument, WithSubscriber},
    span,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
    registry,
    registry::LookupSpan,
};

use crate::support::{Script, TOKEN, interrupted, ok, status};

type Fields = BTreeMap<&'static str, String>;

/// A dispatcher of one test.
fn listening(layer: impl Layer<Registry> + Send + Sync) -> Dispatch {
    testkit::log::start();
    registry().with(layer).into()
}

/// The spans and events of a test.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(&'static str, Fields)>>>);

struct Reader<'a>(&'a mut Fields);

impl Visit for Reader<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Reader(&mut fields));
        self.0.lock().unwrap().push((attributes.metadata().name(), fields));
    }

    fn on_record(&self, _: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().unwrap();
        values.record(&mut Reader(&mut spans.last_mut().unwrap().1));
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Reader(&mut fields));
        self.0.lock().unwrap().insert(0, ("event", fields));
    }
}

/// The spans of what a message leaves behind.
async fn traced(server: &Script, message: Message) -> Vec<(&'static str, Fields)> {
    let recorder = Recorder::default();
    let policy = RetryPolicy::default().first_wait(std::time::Duration::ZERO);
    let client = server.builder().retry(policy).build().unwrap();
    let _ = client.publish(message).with_subscriber(listening(recorder.clone())).await;
    let spans = recorder.0.lock().unwrap();
    spans.iter().filter(|(name, _)| matches!(*name, "qstash" | "event")).cloned().collect()
}

fn fields<'a>(expected: impl IntoIterator<Item = (&'static str, &'a str)>) -> Fields {
    expected.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

#[tokio::test]
async fn a_call_is_one_span_with_everything_that_helps_and_nothing_that_is_secret() {
    let server = Script::new([interrupted(), status(503, "CANARY"), ok(r#"{"messageId":"msg_7"}"#)]);
    let message = Message::to("https://user:CANARY@jobs.example.com:8443/CANARY?key=CANARY")
        .text("CANARY")
        .forward("authorization", "CANARY")
        .in_queue("emails");
    let mut spans = traced(&server, message).await;
    let (_, span) = spans.pop().unwrap();
    assert_eq!(
        span,
        fields([
            ("otel.name", "send jobs.example.com"),
            ("otel.kind", "producer"),
            ("messaging.system", "qstash"),
            ("messaging.operation.name", "send"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "jobs.example.com"),
            ("messaging.message.id", "msg_7"),
            ("messaging.message.body.size", "6"),
            ("http.request.method", "POST"),
            ("http.response.status_code", "200"),
            ("messaging.qstash.resource", "enqueue"),
            ("messaging.qstash.attempts", "3"),
        ])
    );
    assert_eq!(spans.len(), 2, "each repetition is an event: {spans:?}");
    let shown = format!("{spans:?} {span:?}");
    assert!(!shown.contains("CANARY") && !shown.contains(TOKEN), "{shown}");
}

#[tokio::test]
async fn a_url_group_goes_by_its_name_and_a_failure_has_a_reason_and_no_message() {
    let server = Script::new([status(404, r#"{"error":"unknown"}"#)]);
    let mut spans = traced(&server, Message::to_url_group("signups")).await;
    let (_, span) = spans.pop().unwrap();
    assert_eq!(
        span,
        fields([
            ("otel.name", "send signups"),
            ("otel.kind", "producer"),
            ("otel.status_code", "ERROR"),
            ("messaging.system", "qstash"),
            ("messaging.operation.name", "send"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "signups"),
            ("messaging.message.body.size", "0"),
            ("http.request.method", "POST"),
            ("http.response.status_code", "404"),
            ("error.type", "refused"),
            ("messaging.qstash.resource", "publish"),
            ("messaging.qstash.attempts", "1"),
        ])
    );
    assert!(spans.is_empty());
}

#[tokio::test]
async fn an_ipv6_host_is_kept_whole() {
    let server = Script::default();
    let spans = traced(&server, Message::to("http://[::1]:8080/x")).await;
    assert_eq!(spans[0].1["messaging.destination.name"], "[::1]");
    let spans = traced(&server, Message::to("http://[::1]/x")).await;
    assert_eq!(spans[0].1["messaging.destination.name"], "[::1]");
}

#[tokio::test]
async fn the_base_url_does_not_get_in_the_way() {
    let server = Script::default();
    let recorder = Recorder::default();
    let client = server.builder().base_url("HTTPS://Gateway.example/v20/qstash/").build().unwrap();
    let message = Message::to("https://jobs.example.com/x").in_queue("emails");
    let _ = client.publish(message).with_subscriber(listening(recorder.clone())).await;
    let spans = recorder.0.lock().unwrap();
    assert_eq!(spans[0].1["messaging.qstash.resource"], "enqueue");
    assert_eq!(spans[0].1["messaging.destination.name"], "jobs.example.com");
}

#[tokio::test]
async fn a_call_without_a_message_is_named_by_what_it_reads() {
    let server = Script::new([ok("[]")]);
    let recorder = Recorder::default();
    server.client().queues().list().with_subscriber(listening(recorder.clone())).await.unwrap();
    let spans = recorder.0.lock().unwrap();
    assert_eq!(
        spans[0].1,
        fields([
            ("otel.name", "GET queues"),
            ("otel.kind", "client"),
            ("messaging.system", "qstash"),
            ("http.request.method", "GET"),
            ("http.response.status_code", "200"),
            ("messaging.qstash.resource", "queues"),
            ("messaging.qstash.attempts", "1"),
        ])
    );
}

/// Notes the span around each call.
#[derive(Clone, Default)]
struct Parents(Arc<Mutex<Vec<Option<&'static str>>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Parents {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if attributes.metadata().name() == "qstash" {
            let parent = context.span(id).unwrap().parent().map(|parent| parent.name());
            self.0.lock().unwrap().push(parent);
        }
    }
}

#[tokio::test]
async fn the_calls_of_a_publisher_stand_in_the_span_of_its_caller() {
    let parents = Parents::default();
    let guard = tracing::dispatcher::set_default(&listening(parents.clone()));
    let server = Script::new([ok(r#"[{"messageId":"msg_1"}]"#)]);
    let messages = stream::iter([Message::to("https://h")]);
    let results = server.client().publisher().publish(messages).collect::<Vec<_>>();
    let results = results.instrument(tracing::info_span!("caller")).await;
    assert!(results[0].is_ok());
    drop(guard);
    assert_eq!(*parents.0.lock().unwrap(), [Some("caller")]);
}
