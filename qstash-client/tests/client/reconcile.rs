//! Schedules as code: what is compared, what is planned, and what is sent.

use std::time::Duration;

use http::Method;
use qstash_client::{
    CallbackTarget, Message, MessageOptions,
    reconcile::{Change, Plan, Schedule},
    types::{FlowLimits, HeaderName, Redaction},
};
use serde_json::{Value, json};

use crate::support::{Script, ok, status};

const CREATED: &str = r#"{"scheduleId":"own-a"}"#;

/// A server that has these schedules.
fn having(schedules: &Value) -> Script {
    Script::new([ok(schedules.to_string().leak())])
}

fn record(id: &str) -> Value {
    json!({
        "scheduleId": id, "cron": "0 4 * * *", "destination": "https://h/x", "createdAt": 1, "method": "POST",
        "isPaused": false
    })
}

fn wanted(id: &str) -> Schedule {
    Schedule::new(id, "0 4 * * *", Message::to("https://h/x"))
}

async fn plan(server: &Script, schedules: impl IntoIterator<Item = Schedule>) -> Plan {
    server.client().schedules().reconcile("own-", schedules).await.unwrap()
}

/// The fields in which a schedule is found to differ.
async fn differences(record: &Value, message: Message) -> Vec<String> {
    let plan = plan(&having(&json!([record])), [Schedule::new("own-a", "0 4 * * *", message)]).await;
    match plan.steps()[0].change() {
        Change::Keep => Vec::new(),
        Change::Replace(differences) => differences.iter().map(|found| found.field().to_owned()).collect(),
        other => panic!("{other:?}"),
    }
}

fn written(server: &Script) -> Vec<(Method, String)> {
    let written = server.requests().into_iter().filter(|request| request.method() != Method::GET);
    written.map(|request| (request.method().clone(), request.uri().path().to_owned())).collect()
}

#[tokio::test]
async fn a_plan_is_printed_before_anything_is_changed() {
    let mut hourly = record("own-hourly");
    hourly["cron"] = "30 * * * *".into();
    hourly["destination"] = "https://user:secret@old.example/x?token=secret".into();
    hourly["header"] = json!({"X-Tenant": ["secret"]});
    hourly["body"] = "secret".into();
    let mut paused = record("own-paused");
    paused["isPaused"] = true.into();
    let there = json!([
        hourly,
        record("own-kept"),
        record("own-old"),
        record("foreign"),
        paused,
        record("own-running")
    ]);
    let server = having(&there);
    let plan = plan(
        &server,
        [
            wanted("own-new"),
            wanted("own-kept"),
            wanted("own-hourly"),
            wanted("own-paused").running(),
            wanted("own-running").paused(),
        ],
    )
    .await;
    let text = "replace own-hourly: cron 30 * * * * -> 0 4 * * *, destination https://old.example/x -> https://h/x, \
                body, header X-Tenant\n\
                keep    own-kept\n\
                create  own-new\n\
                resume  own-paused\n\
                pause   own-running\n\
                delete  own-old";
    assert_eq!(plan.to_string(), text);
    assert!(!format!("{plan:?}").contains("secret"));
    assert!(!plan.is_empty());
    assert_eq!(written(&server), []);
}

#[tokio::test]
async fn a_plan_does_what_it_says_and_deletes_last() {
    let mut paused = record("own-paused");
    paused["isPaused"] = true.into();
    let there = json!([record("own-old"), paused, record("foreign"), record("own-kept")]);
    let created = || ok(CREATED);
    let gone = status(404, r#"{"error":"schedule own-old not found"}"#);
    let server = Script::new([ok(there.to_string().leak()), created(), created(), ok(""), gone]);
    let plan = plan(
        &server,
        [
            wanted("own-kept"),
            Schedule::new("own-new", "0 5 * * *", Message::to_url_group("team").text("x")),
            Schedule::new("own-paused", "0 6 * * *", Message::to("https://h/x")),
        ],
    )
    .await;
    plan.apply().await.unwrap();
    assert_eq!(
        written(&server),
        [
            (Method::POST, "/v2/schedules/team".to_owned()),
            (Method::POST, "/v2/schedules/https://h/x".to_owned()),
            (Method::PATCH, "/v2/schedules/own-paused/pause".to_owned()),
            (Method::DELETE, "/v2/schedules/own-old".to_owned()),
        ]
    );
    let requests = server.requests();
    assert_eq!(requests[1].headers()["upstash-schedule-id"], "own-new");
    assert_eq!(requests[1].headers()["upstash-cron"], "0 5 * * *");
    assert_eq!(requests[1].body(), "x");
}

#[tokio::test]
async fn a_plan_stops_at_the_first_failure_and_may_be_applied_again() {
    let refused = status(412, r#"{"error":"quota maxSchedules exceeded"}"#);
    let gone = status(404, r#"{"error":"schedule own-old not found"}"#);
    let created = || ok(CREATED);
    let there = json!([record("own-old")]).to_string().leak();
    let server = Script::new([ok(there), created(), refused, created(), created(), gone]);
    let plan = plan(&server, [wanted("own-a"), wanted("own-b")]).await;
    let error = plan.apply().await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 412);
    assert_eq!(written(&server).len(), 2, "what comes after the failure is left, and nothing is deleted");

    plan.apply().await.unwrap();
    let methods: Vec<_> = written(&server).into_iter().map(|(method, _)| method).collect();
    assert_eq!(methods, [Method::POST, Method::POST, Method::POST, Method::POST, Method::DELETE]);
}

#[tokio::test]
async fn a_schedule_stays_paused_unless_it_is_wanted_otherwise() {
    let mut paused = record("own-a");
    paused["isPaused"] = true.into();
    let there = json!([paused]);
    let moved = || Schedule::new("own-a", "0 5 * * *", Message::to("https://h/x"));
    let cases = [
        (wanted("own-a"), vec![]),
        (wanted("own-a").paused(), vec![]),
        (wanted("own-a").running(), vec!["resume"]),
        (moved(), vec!["x", "pause"]),
        (moved().paused(), vec!["x", "pause"]),
        (moved().running(), vec!["x", "resume"]),
    ];
    for (schedule, expected) in cases {
        let created = expected.contains(&"x").then(|| ok(CREATED));
        let server = Script::new([ok(there.to_string().leak())].into_iter().chain(created).chain([ok("")]));
        plan(&server, [schedule]).await.apply().await.unwrap();
        let ends: Vec<_> = written(&server)
            .iter()
            .filter_map(|(_, path)| path.rsplit('/').next().map(str::to_owned))
            .collect();
        assert_eq!(ends, expected);
    }

    let server = Script::new([ok("[]"), ok(CREATED), ok("")]);
    plan(&server, [wanted("own-a").paused()]).await.apply().await.unwrap();
    assert_eq!(written(&server)[1], (Method::PATCH, "/v2/schedules/own-a/pause".to_owned()));
}

#[tokio::test]
async fn what_means_the_same_is_no_difference() {
    let full = json!({
        "scheduleId": "own-a", "cron": "0 4 *  * *", "destination": "https://h/x?a=1", "createdAt": 1, "method": "PUT",
        "header": {"Content-Type": ["application/json"], "X-Trace-Id": ["a", "b"], "X-Odd": ["\u{fffd}"]},
        "bodyBase64": "/wA=", "retries": 5, "delay": 90, "timeout": 30, "callback": "https://h/cb",
        "callbackHeader": {"X": ["1"]}, "failureCallback": "https://h/fcb", "callerIP": "127.0.0.1", "queueName": "emails",
        "flowControlKey": "k", "parallelism": 0, "rate": 10, "period": 1, "retryDelayExpression": "1000*(1+retried)",
        "label": "a", "labels": ["a", "b"], "isPaused": false, "lastScheduleTime": 2, "nextScheduleTime": 3,
        "lastScheduleStates": {"msg_1": "FAIL"}, "error": "boom"
    });
    let message = || {
        Message::to("https://h/x?a=1")
            .body(&b"\xff\0"[..])
            .content_type("application/json")
            .method(Method::PUT)
            .forward("x-trace-id", " a ")
            .forward("X-TRACE-ID", "b")
            .forward("x-odd", b"\xff")
            .retries(5)
            .delay(Duration::from_millis(89_500))
            .timeout(Duration::from_secs(30))
            .callback(CallbackTarget::to("https://h/cb").retries(9))
            .failure_callback("https://h/fcb")
            .in_queue("emails")
            .flow_control("k", FlowLimits::default().rate(10))
            .retry_delay("1000 * (1 + retried)")
            .label("a")
            .label("b")
    };
    assert_eq!(differences(&full, message()).await, [""; 0]);
    let message = message().header("Upstash-Telemetry-Sdk", "x").header("X-Not-Delivered", "x");
    assert_eq!(differences(&full, message).await, [""; 0]);

    // What the server fills in when nothing is said.
    let mut bare = record("own-a");
    assert_eq!(differences(&bare, Message::to("https://h/x")).await, [""; 0]);
    for (field, value) in [
        ("method", Value::Null),
        ("retries", 3.into()),
        ("timeout", 7200.into()),
        ("delay", 0.into()),
        ("header", Value::Null),
        ("body", "".into()),
        ("parallelism", 0.into()),
        ("label", "".into()),
        ("callback", "".into()),
    ] {
        bare[field] = value;
        assert_eq!(differences(&bare, Message::to("https://h/x")).await, [""; 0], "{field}");
    }
}

#[tokio::test]
async fn every_setting_that_the_server_shows_makes_a_difference() {
    let message = || Message::to("https://h/x");
    let cases = vec![
        ("destination", Message::to("https://h/x?a=1")),
        ("destination", Message::to_url_group("team")),
        ("method", message().method(Method::GET)),
        ("retries", message().retries(0)),
        ("retries", message().header("Upstash-Retries", "5")),
        ("retry delay", message().retry_delay("1000")),
        ("delay", message().delay(Duration::from_secs(1))),
        ("timeout", message().timeout(Duration::from_secs(1))),
        ("callback", message().callback("https://h/cb")),
        ("failure callback", message().failure_callback("https://h/cb")),
        ("labels", message().label("a")),
        ("queue", message().in_queue("emails")),
        ("flow control", message().flow_control("k", FlowLimits::default().parallelism(1))),
        ("body", message().body("x")),
        ("body", message().redact(Redaction::body()).body("x")),
        ("header Content-Type", message().content_type("text/plain")),
        ("header X-A", message().forward("x-a", "1")),
    ];
    let mut there = record("own-a");
    there["retries"] = 3.into();
    there["timeout"] = 7200.into();
    for (field, message) in cases {
        assert_eq!(differences(&there, message).await, [field]);
    }
    for (field, wire, value) in [
        ("cron", "cron", json!("1 4 * * *")),
        ("retries", "retries", json!(5)),
        ("retry delay", "retryDelayExpression", json!("1000")),
        ("delay", "delay", json!(1)),
        ("callback", "callback", json!("https://h/cb")),
        ("labels", "label", json!("a")),
        ("queue", "queueName", json!("emails")),
        ("flow control", "flowControlKey", json!("k")),
        ("body", "body", json!("x")),
        ("body", "body", json!("REDACTED:ab")),
        ("header X-A", "header", json!({"x-a": ["1"]})),
    ] {
        let mut there = there.clone();
        there[wire] = value;
        assert_eq!(differences(&there, message()).await, [field]);
    }
}

#[tokio::test]
async fn redacted_values_are_taken_for_the_wanted_ones() {
    let mut there = record("own-a");
    there["body"] = "REDACTED:0a".into();
    there["header"] = json!({"Authorization": ["REDACTED:0b"], "X-A": ["1"]});
    let message =
        || Message::to("https://h/x").body("secret").forward("authorization", "secret").forward("x-a", "1");
    let authorization = HeaderName::from_static("authorization");
    let redaction = Redaction::body().and_header(authorization);
    assert_eq!(differences(&there, message().redact(redaction)).await, [""; 0]);
    assert_eq!(differences(&there, message()).await, ["body", "header Authorization"]);
    let more = Redaction::body().and_all_headers();
    assert_eq!(differences(&there, message().redact(more.clone())).await, ["header X-A"]);

    // What is there in plain text is not redacted yet, unless there is nothing to redact.
    let mut plain = record("own-a");
    plain["body"] = "x".into();
    assert_eq!(
        differences(&plain, Message::to("https://h/x").body("x").redact(Redaction::body())).await,
        ["body"]
    );
    let empty = Message::to("https://h/x").redact(Redaction::body());
    assert_eq!(differences(&record("own-a"), empty).await, [""; 0]);

    for content_type in ["text/plain", "REDACTED:0c"] {
        let there = json!({
            "scheduleId": "own-a", "cron": "0 4 * * *", "destination": "https://h/x", "createdAt": 1,
            "header": {"Content-Type": [content_type]},
        });
        let message = Message::to("https://h/x").content_type("text/plain").redact(more.clone());
        assert_eq!(differences(&there, message).await, [""; 0]);
    }
}

#[tokio::test]
async fn headers_of_callbacks_are_compared_as_far_as_they_are_shown() {
    let target = || CallbackTarget::to("https://h/cb").forward("x-a", "1").forward("x-b", "2");
    let both = || Message::to("https://h/x").callback(target()).failure_callback(target());
    let mut there = record("own-a");
    there["callback"] = "https://h/cb".into();
    there["failureCallback"] = "https://h/cb".into();
    assert_eq!(differences(&there, both()).await, [""; 0]);
    there["callbackHeader"] = json!({"X-A": ["1"], "Upstash-Retries": ["3"]});
    there["failureCallbackHeader"] = json!({"X-A": ["REDACTED:0a"], "X-B": ["2"]});
    assert_eq!(differences(&there, both()).await, [""; 0]);
    there["callbackHeader"] = json!({"X-A": ["secret"]});
    there["failureCallbackHeader"] = json!({"X-A": ["1"], "X-B": ["2", "2"]});
    assert_eq!(differences(&there, both()).await, ["callback header X-A", "failure callback header X-B"]);
}

#[tokio::test]
async fn headers_of_the_call_that_are_delivered_as_well_are_no_difference() {
    let mut there = record("own-a");
    there["header"] = json!({"User-Agent": ["x"], "X-A": ["1"]});
    let message = Message::to("https://h/x").forward_all_headers();
    assert_eq!(differences(&there, message.clone().forward("x-a", "1")).await, [""; 0]);
    assert_eq!(differences(&there, message.forward("x-a", "2")).await, ["header X-A"]);
}

#[tokio::test]
async fn the_defaults_of_the_client_are_a_part_of_what_is_wanted() {
    let server = having(&json!([record("own-a")]));
    let client = server.builder().message_defaults(MessageOptions::new().label("service")).build().unwrap();
    let plan = client.schedules().reconcile("own-", [wanted("own-a")]).await.unwrap();
    assert_eq!(plan.to_string(), "replace own-a: labels none -> service");
}

#[tokio::test]
async fn nothing_is_deleted_by_accident() {
    let refused: [(&str, Vec<Schedule>, &str); 13] = [
        ("own-", vec![], "invalid schedules: the list is empty"),
        ("", vec![wanted("own-a")], "invalid id prefix: "),
        (" ", vec![wanted("own-a")], "invalid id prefix: "),
        ("own/", vec![wanted("own-a")], "invalid id prefix: "),
        ("own", vec![wanted("own-a")], "invalid id prefix: must end with"),
        ("s", vec![wanted("s-a")], "invalid id prefix: must end with"),
        ("scd_", vec![wanted("scd_a")], "invalid id prefix: ids that QStash has made"),
        ("own-", vec![wanted("other")], "invalid schedule id: other does not start with own-"),
        ("own-", vec![wanted("own-a"), wanted("own-a")], "invalid schedule id: own-a occurs twice"),
        ("own-", vec![wanted("")], "invalid schedule id: "),
        ("own-", vec![Schedule::new("own-a", "", Message::to("https://h"))], "invalid schedule own-a cron: "),
        (
            "own-",
            vec![Schedule::new(
                "own-a",
                "0 4 * * *",
                Message::to("https://h").header("Upstash-Retries", "x"),
            )],
            "invalid schedule own-a header: upstash-retries: ",
        ),
        (
            "own-",
            vec![Schedule::new("own-a", "0 4 * * *", Message::to("h"))],
            "invalid schedule own-a destination: ",
        ),
    ];
    for (prefix, schedules, mistake) in refused {
        let server = Script::default();
        let error = server.client().schedules().reconcile(prefix, schedules).await.unwrap_err();
        assert!(error.to_string().starts_with(mistake), "{error}");
        assert!(server.requests().is_empty());
    }

    let server = having(&json!([record("own"), record("Own-a"), record("x-own-a")]));
    let plan = plan(&server, [wanted("own-a")]).await;
    assert_eq!(plan.to_string(), "create  own-a");
}
