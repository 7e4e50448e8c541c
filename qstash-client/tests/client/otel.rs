//! How messages take their place in a trace along.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt, stream};
use http::HeaderMap;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use qstash_client::{CallbackTarget, Message, reconcile::Schedule, types::TraceParent};
use testkit::traces::{OTHER, Traces, links, traceparent};

use crate::support::{Script, ok, status, values};

fn forwarded<'a>(headers: &'a HeaderMap, target: &str, name: &str) -> Vec<&'a str> {
    values(headers, &format!("upstash-{target}forward-{name}"))
}

fn message() -> Message {
    Message::to("https://jobs.example.com/render")
        .callback("https://api.example.com/done")
        .failure_callback("https://api.example.com/failed")
}

#[tokio::test]
async fn a_message_and_its_callbacks_know_the_span_of_the_call() {
    let (traces, server) = (Traces::new(), Script::default());
    let before = SystemTime::now();
    traces.watch(server.client().publish(message())).await.unwrap();

    let request = server.request();
    let span = traces.the("send jobs.example.com");
    assert_eq!((span.span_kind, span.status), (SpanKind::Producer, Status::Unset));
    for target in ["", "callback-", "failure-callback-"] {
        let parents = forwarded(request.headers(), target, "traceparent");
        assert_eq!(parents, [traceparent(&span.span_context)], "{target}");
        assert_eq!(forwarded(request.headers(), target, "tracestate"), [""; 0]);
    }
    let published: u64 = forwarded(request.headers(), "", "qstash-published-at")[0].parse().unwrap();
    let published = UNIX_EPOCH + Duration::from_millis(published);
    assert!(published <= SystemTime::now() && published + Duration::from_millis(1) >= before);
    // It is not the time at which they were published.
    assert_eq!(forwarded(request.headers(), "callback-", "qstash-published-at"), [""; 0]);
}

#[tokio::test]
async fn without_a_trace_nothing_is_added() {
    let server = Script::default();
    server.client().publish(message()).await.unwrap();
    let _ = server.client().batch([message()]).await.unwrap();
    for request in server.requests() {
        let text = format!("{:?} {:?}", request.headers(), request.body());
        assert!(!text.contains("traceparent") && !text.contains("published-at"), "{text}");
    }
}

#[tokio::test]
async fn without_a_layer_the_current_span_of_opentelemetry_goes_along() {
    let server = Script::default();
    let context = SpanContext::new(
        TraceId::from_bytes([1; 16]),
        SpanId::from_bytes([2; 8]),
        TraceFlags::default(),
        false,
        "vendor=value,other=1".parse().unwrap(),
    );
    let guard = Context::new().with_remote_span_context(context.clone()).attach();
    server.client().publish(message()).await.unwrap();
    drop(guard);
    let request = server.request();
    assert_eq!(forwarded(request.headers(), "", "traceparent"), [traceparent(&context)]);
    assert_eq!(forwarded(request.headers(), "callback-", "tracestate"), ["vendor=value,other=1"]);
}

#[tokio::test]
async fn a_long_state_is_left_out() {
    let server = Script::default();
    let state: Vec<_> = (0..20).map(|n| (format!("vendor{n}"), "x".repeat(30))).collect();
    let (trace, span) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
    let state = TraceState::from_key_value(state).unwrap();
    let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, false, state);
    let guard = Context::new().with_remote_span_context(context).attach();
    server.client().publish(message()).await.unwrap();
    drop(guard);
    let request = server.request();
    assert_eq!(forwarded(request.headers(), "", "traceparent").len(), 1);
    assert_eq!(forwarded(request.headers(), "", "tracestate"), [""; 0]);
}

#[tokio::test]
async fn what_the_user_forwards_wins_target_by_target() {
    let (traces, server) = (Traces::new(), Script::default());
    let message = Message::to("https://jobs.example.com/render")
        .forward("traceparent", OTHER)
        .forward("qstash-published-at", "17")
        .callback(CallbackTarget::to("https://api.example.com/done").forward("tracestate", "mine=1"))
        .failure_callback("https://api.example.com/failed")
        .header("upstash-failure-callback-forward-traceparent", OTHER);
    traces.watch(server.client().publish(message)).await.unwrap();

    let request = server.request();
    let span = traces.the("send jobs.example.com");
    assert_eq!(forwarded(request.headers(), "", "traceparent"), [OTHER]);
    assert_eq!(forwarded(request.headers(), "", "qstash-published-at"), ["17"]);
    assert_eq!(forwarded(request.headers(), "callback-", "traceparent"), [traceparent(&span.span_context)]);
    assert_eq!(forwarded(request.headers(), "callback-", "tracestate"), ["mine=1"]);
    assert_eq!(forwarded(request.headers(), "failure-callback-", "traceparent"), [OTHER]);
    assert_eq!(links(&span), [OTHER], "the span knows where the message comes from");
}

#[tokio::test]
async fn a_header_that_is_delivered_because_all_are_wins_too() {
    let (traces, server) = (Traces::new(), Script::default());
    let message = Message::to("https://jobs.example.com").forward_all_headers().header("traceparent", OTHER);
    traces.watch(server.client().publish(message)).await.unwrap();
    let request = server.request();
    assert_eq!(values(request.headers(), "traceparent"), [OTHER]);
    assert_eq!(forwarded(request.headers(), "", "traceparent"), [""; 0]);
}

#[tokio::test]
async fn a_message_that_is_known_by_its_content_is_not_changed() {
    let (traces, server) = (Traces::new(), Script::default());
    let client = server.client();
    traces.watch(client.publish(message().deduplicate_by_content())).await.unwrap();
    let _ = traces.watch(client.batch([message().deduplicate_by_content()])).await.unwrap();
    for request in server.requests() {
        let text = format!("{:?} {:?}", request.headers(), request.body());
        assert!(!text.contains("traceparent") && !text.contains("published-at"), "{text}");
    }
    assert_eq!(traces.spans().len(), 2, "the calls have their spans all the same");
}

#[tokio::test]
async fn all_attempts_of_a_call_are_the_same() {
    let (traces, server) = (Traces::new(), Script::new([status(503, "")]));
    let policy = qstash_client::RetryPolicy::default().first_wait(Duration::ZERO);
    let client = server.builder().retry(policy).build().unwrap();
    traces.watch(client.publish(message())).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].headers(), requests[1].headers());
    assert_eq!(traces.the("send jobs.example.com").events.len(), 1);
}

#[tokio::test]
async fn each_message_of_a_batch_has_a_span_of_its_own() {
    let traces = Traces::new();
    let server = Script::new([ok(r#"[{"messageId":"a"},{"messageId":"b"},{"messageId":"c"}]"#)]);
    let messages =
        [message(), Message::to_url_group("signups").text("x"), message().forward("traceparent", OTHER)];
    traces.watch(server.client().batch(messages)).await.unwrap().into_result().unwrap();

    let sent = traces.the("send");
    let (first, second) = (traces.the("create jobs.example.com"), traces.the("create signups"));
    assert_eq!((sent.span_kind.clone(), first.span_kind.clone()), (SpanKind::Client, SpanKind::Producer));
    let items: Vec<serde_json::Value> = serde_json::from_slice(server.request().body()).unwrap();
    let parent = |item: &serde_json::Value| {
        item["headers"]["upstash-forward-traceparent"].as_str().unwrap().to_owned()
    };
    let parents: Vec<_> = items.iter().map(parent).collect();
    assert_eq!(
        parents,
        [traceparent(&first.span_context), traceparent(&second.span_context), OTHER.to_owned()]
    );
    let callback = &items[0]["headers"]["upstash-callback-forward-traceparent"];
    assert_eq!(*callback, traceparent(&first.span_context));
    assert_eq!(links(&sent), parents);
    let count =
        sent.attributes.iter().find(|field| field.key.as_str() == "messaging.batch.message_count").unwrap();
    assert_eq!(count.value, 3.into());
}

#[tokio::test]
async fn a_message_that_failed_in_a_batch_is_given_back_as_it_was() {
    let (traces, server) = (Traces::new(), Script::new([status(400, "no")]));
    let outcome = traces.watch(server.client().batch([message()])).await.unwrap();
    let failed = outcome.failures().next().unwrap();
    let parts = failed.message().parts().unwrap();
    assert!(parts.options.settings.forward.is_empty());
}

#[tokio::test]
async fn messages_of_a_publisher_are_made_in_the_span_of_its_caller() {
    let traces = Traces::new();
    let server = Script::new([ok(r#"[{"messageId":"a"}]"#), ok(r#"[{"messageId":"b"}]"#)]);
    // The calls are made in tasks.
    let guard = tracing::dispatcher::set_default(&traces.dispatch());
    let one = 1.try_into().unwrap();
    let messages = stream::iter([message(), message()]);
    let results = server.client().publisher().batch_messages(one).publish(messages).collect::<Vec<_>>();
    let results = tracing::Instrument::instrument(results, tracing::info_span!("caller")).await;
    drop(guard);
    assert_eq!(results.len(), 2);
    let caller = traces.the("caller").span_context;
    for name in ["create jobs.example.com", "send"] {
        let spans = traces.named(name);
        assert_eq!(spans.len(), 2);
        assert!(spans.iter().all(|span| span.parent_span_id == caller.span_id()), "{name}");
        assert!(spans.iter().all(|span| links(span).len() == usize::from(name == "send")), "{name}");
    }
}

#[tokio::test]
async fn a_schedule_knows_its_maker_and_neither_callbacks_nor_a_time() {
    let (traces, server) = (Traces::new(), Script::new([ok(r#"{"scheduleId":"report"}"#)]));
    traces.watch(server.client().schedule("report").upsert("0 4 * * *", message())).await.unwrap();
    let request = server.request();
    let span = traces.the("POST schedules");
    assert_eq!(forwarded(request.headers(), "", "traceparent"), [traceparent(&span.span_context)]);
    assert_eq!(forwarded(request.headers(), "callback-", "traceparent"), [""; 0]);
    assert_eq!(forwarded(request.headers(), "", "qstash-published-at"), [""; 0]);
}

#[tokio::test]
async fn a_schedule_that_is_reconciled_is_the_same_each_time() {
    let (traces, server) = (Traces::new(), Script::new([ok("[]"), ok(r#"{"scheduleId":"x-report"}"#)]));
    let wanted = [Schedule::new("x-report", "0 4 * * *", message())];
    let plan = traces.watch(server.client().schedules().reconcile("x-", wanted)).await.unwrap();
    traces.watch(plan.apply()).await.unwrap();
    let headers = format!("{:?}", server.requests()[1].headers());
    assert!(!headers.contains("traceparent"), "{headers}");
}

#[tokio::test]
async fn a_trace_that_is_not_recorded_is_not_recorded_further_on() {
    let server = Script::default();
    let traces = Traces::sampled_by(testkit::traces::Sampler::AlwaysOff);
    traces.watch(server.client().publish(message())).await.unwrap();
    let request = server.request();
    let parent: TraceParent = forwarded(request.headers(), "", "traceparent")[0].parse().unwrap();
    assert!(!parent.is_sampled());
}

#[tokio::test]
async fn baggage_stays_at_home() {
    use opentelemetry::{KeyValue, baggage::BaggageExt};

    let (traces, server) = (Traces::new(), Script::default());
    let guard = Context::new().with_baggage([KeyValue::new("user", "alice")]).attach();
    traces.watch(server.client().publish(message())).await.unwrap();
    drop(guard);
    let headers = format!("{:?}", server.request().headers());
    assert!(
        headers.contains("traceparent") && !headers.contains("baggage") && !headers.contains("alice"),
        "{headers}"
    );
}
