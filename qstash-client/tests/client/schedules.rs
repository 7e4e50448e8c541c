//! Schedules, call by call.

use std::time::{Duration, SystemTime};

use futures_util::future::{BoxFuture, FutureExt};
use http::{Method, StatusCode};
use qstash_client::{Client, Message, MessageOptions, RetryPolicy, types::RunState};

use crate::support::{Script, interrupted, ok, status, values};

const CREATED: &str = r#"{"scheduleId":"nightly"}"#;

const RECORD: &str = r#"{
    "scheduleId":"scd_1","cron":"CRON_TZ=America/New_York 0 4 * * *","destination":"https://example.com",
    "createdAt":1754565618803,"method":"GET","header":{"Content-Type":["application/json"]},
    "body":"{\"a\":1}","retries":3,"callerIP":"127.0.0.1","isPaused":false,"parallelism":0,
    "lastScheduleTime":1755095280020,"nextScheduleTime":1755095340000,
    "lastScheduleStates":{"msg_9":"SUCCESS"},"new":{}
}"#;

fn target(server: &Script) -> (Method, String) {
    let request = server.request();
    (request.method().clone(), request.uri().path_and_query().unwrap().to_string())
}

fn targets(server: &Script) -> Vec<(Method, String)> {
    let sent = |request: http::Request<_>| (request.method().clone(), request.uri().path().to_owned());
    server.requests().into_iter().map(sent).collect()
}

#[tokio::test]
async fn a_schedule_is_made_or_replaced_under_its_id() {
    let server = Script::new([ok(CREATED)]);
    let message = Message::to("https://h/x?a=1").text("hi").retries(5).in_queue("emails");
    let cron = "CRON_TZ=Europe/Berlin 0 4 * * *";
    server.client().schedule("nightly").upsert(cron, message.delay(Duration::from_secs(60))).await.unwrap();
    let request = server.request();
    assert_eq!(target(&server), (Method::POST, "/v2/schedules/https://h/x?a=1".into()));
    assert_eq!(request.body(), "hi");
    for (name, value) in [
        ("upstash-cron", cron),
        ("upstash-schedule-id", "nightly"),
        ("upstash-queue-name", "emails"),
        ("upstash-delay", "60s"),
        ("upstash-retries", "5"),
        ("content-type", "text/plain; charset=utf-8"),
    ] {
        assert_eq!(values(request.headers(), name), [value], "{name}");
    }
    assert!(values(request.headers(), "upstash-deduplication-id").is_empty());
}

#[tokio::test]
async fn a_schedule_without_an_id_gets_a_fresh_one_and_keeps_it_when_the_call_is_repeated() {
    let server = Script::new([interrupted(), ok(CREATED), ok(CREATED)]);
    let client = server.client();
    let message = Message::to_url_group("team");
    let id = client.schedules().create("0 * * * *", message.clone()).await.unwrap();
    assert_eq!(id.as_str(), "nightly");
    client.schedules().create("0 * * * *", message).await.unwrap();

    let requests = server.requests();
    assert_eq!(requests[0].uri().path(), "/v2/schedules/team");
    let ids: Vec<_> = requests.iter().map(|request| &request.headers()["upstash-schedule-id"]).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[0].len(), 32);
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn the_defaults_of_the_client_apply_to_schedules() {
    let server = Script::new([ok(CREATED)]);
    let defaults = MessageOptions::new().retries(7).label("service").delay(Duration::from_secs(5));
    let client = server.builder().message_defaults(defaults).build().unwrap();
    client.schedule("nightly").upsert("0 4 * * *", Message::to("https://h").label("own")).await.unwrap();
    let headers = server.request().headers().clone();
    assert_eq!(values(&headers, "upstash-retries"), ["7"]);
    assert_eq!(values(&headers, "upstash-delay"), ["5s"]);
    assert_eq!(values(&headers, "upstash-label"), ["own"]);
}

#[tokio::test]
async fn what_a_schedule_cannot_do_is_refused_before_anything_is_sent() {
    let message = || Message::to("https://h");
    let refused = [
        ("nightly", "0 4 * * *", message().not_before(SystemTime::UNIX_EPOCH), "not-before"),
        ("nightly", "0 4 * * *", message().deduplication_id("a"), "deduplication"),
        ("nightly", "0 4 * * *", message().deduplicate_by_content(), "deduplication"),
        ("nightly", "0 4 * * *", Message::to("h"), "destination"),
        ("nightly", " ", message(), "cron"),
        ("nightly", "0 25 * * *", message(), "cron"),
        ("nightly", "0 0 30 2 *", message(), "cron"),
        ("nightly", "CRON_TZ=Mars%Base 0 4 * * *", message(), "cron"),
        ("", "0 4 * * *", message(), "schedule id"),
        ("..", "0 4 * * *", message(), "schedule id"),
    ];
    for (id, cron, message, field) in refused {
        let server = Script::default();
        let error = server.client().schedule(id).upsert(cron, message.clone()).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("invalid {field}: ")), "{error}");
        if field != "schedule id" {
            let error = server.client().schedules().create(cron, message).await.unwrap_err();
            assert!(error.to_string().starts_with(&format!("invalid {field}: ")), "{error}");
        }
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn a_time_zone_that_does_not_exist_is_refused_here_where_zones_are_known_and_by_the_service_elsewhere()
{
    let server = Script::new([ok(r#"{"scheduleId":"nightly"}"#)]);
    let cron = "CRON_TZ=Mars/Base 0 4 * * *";
    let answer = server.client().schedule("nightly").upsert(cron, Message::to("https://h")).await;
    if cfg!(feature = "cron") {
        assert_eq!(answer.unwrap_err().to_string(), "invalid cron: unknown time zone \"Mars/Base\"");
        assert!(server.requests().is_empty());
    } else {
        answer.unwrap();
        assert_eq!(values(server.request().headers(), "upstash-cron"), [cron]);
    }
}

#[tokio::test]
async fn a_raw_header_changes_neither_id_nor_expression() {
    let server = Script::new([ok(CREATED)]);
    let message = Message::to("https://h")
        .header("Upstash-Cron", "* * * * *")
        .header("Upstash-Schedule-Id", "other")
        .header("X-Own", "1");
    server.client().schedule("nightly").upsert("0 4 * * *", message).await.unwrap();
    let headers = server.request().headers().clone();
    assert_eq!(values(&headers, "upstash-cron"), ["0 4 * * *"]);
    assert_eq!(values(&headers, "upstash-schedule-id"), ["nightly"]);
    assert_eq!(values(&headers, "x-own"), ["1"]);
}

#[tokio::test]
async fn a_schedule_is_read_listed_and_deleted() {
    let server = Script::new([ok(RECORD)]);
    let schedule = server.client().schedule("scd_1").get().await.unwrap();
    assert_eq!(target(&server), (Method::GET, "/v2/schedules/scd_1".into()));
    assert_eq!(schedule.cron, "CRON_TZ=America/New_York 0 4 * * *");
    assert_eq!((&schedule.delivery.body[..], schedule.paused), (&br#"{"a":1}"#[..], false));
    assert_eq!(schedule.next_run, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_755_095_340)));
    assert_eq!(schedule.last_states["msg_9"], RunState::Success);

    let server = Script::new([ok("[]")]);
    assert!(server.client().schedules().list().await.unwrap().is_empty());
    assert_eq!(target(&server), (Method::GET, "/v2/schedules".into()));

    let server = Script::new([ok("")]);
    server.client().schedule("scd_1").delete().await.unwrap();
    assert_eq!(target(&server), (Method::DELETE, "/v2/schedules/scd_1".into()));
}

#[tokio::test]
async fn a_schedule_is_paused_and_resumed_by_the_method_that_the_service_knows() {
    let server = Script::new([ok("")]);
    server.client().schedule("scd_1").pause().await.unwrap();
    assert_eq!(target(&server), (Method::PATCH, "/v2/schedules/scd_1/pause".into()));

    for unknown in [status(405, r#"{"error":"no"}"#), status(404, "404 page not found"), status(404, "")] {
        let server = Script::new([unknown, ok("")]);
        server.client().schedule("scd_1").resume().await.unwrap();
        let path = "/v2/schedules/scd_1/resume".to_owned();
        assert_eq!(targets(&server), [(Method::PATCH, path.clone()), (Method::POST, path)]);
    }
}

#[tokio::test]
async fn every_verb_of_a_schedule_may_be_repeated() {
    let repeated = async |answer: &'static str, call: fn(Client) -> BoxFuture<'static, bool>| {
        let server = Script::new([interrupted(), status(503, ""), ok(answer)]);
        let policy = RetryPolicy::default().first_wait(Duration::ZERO);
        let client = server.builder().retry(policy).build().unwrap();
        assert!(call(client).await);
        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        assert_eq!(requests[0].headers(), requests[2].headers());
    };
    repeated(CREATED, |client| {
        let message = Message::to("https://h").without_deduplication();
        async move { client.schedule("nightly").upsert("0 4 * * *", message).await.is_ok() }.boxed()
    })
    .await;
    repeated(RECORD, |client| async move { client.schedule("a").get().await.is_ok() }.boxed()).await;
    repeated("[]", |client| async move { client.schedules().list().await.is_ok() }.boxed()).await;
    repeated("", |client| async move { client.schedule("a").pause().await.is_ok() }.boxed()).await;
    repeated("", |client| async move { client.schedule("a").resume().await.is_ok() }.boxed()).await;
    repeated("", |client| async move { client.schedule("a").delete().await.is_ok() }.boxed()).await;
}

#[tokio::test]
async fn a_schedule_that_does_not_exist_is_no_reason_to_try_another_method() {
    let server = Script::new([status(404, r#"{"error":"schedule scd_1 not found"}"#)]);
    let error = server.client().schedule("scd_1").pause().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    assert_eq!(targets(&server).len(), 1);
}
