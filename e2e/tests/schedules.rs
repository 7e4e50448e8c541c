//! Schedules and URL groups of the client against the local server, where both must mean the same by a call.

use std::time::Duration;

use qstash_client::{
    CallbackTarget, Client, Message, MessageOptions,
    reconcile::Schedule,
    types::{FlowLimits, HeaderName, Method, Redaction},
    url_groups::Endpoint,
};
use qstash_dev::DevServer;

async fn start() -> (DevServer, Client) {
    let qstash = DevServer::start().await.expect("the server starts");
    let client = Client::new(qstash.url(), qstash.token()).expect("a client");
    (qstash, client)
}

/// Schedules that between them use every setting which the server shows.
fn wanted() -> Vec<Schedule> {
    let target = CallbackTarget::to("https://api.example.com/done").retries(9).forward("x-tenant", "42");
    let busy = Message::to("https://api.example.com/a?b=c&d=%20")
        .json(&["one"])
        .method(Method::PUT)
        .forward("x-trace-id", "a")
        .forward("X-Trace-Id", "b")
        .forward("x-odd", b"\xff")
        .retries(0)
        .retry_delay("1000 * (1 + retried)")
        .timeout(Duration::from_millis(1500))
        .delay(Duration::from_secs(60))
        .flow_control("k é", FlowLimits::default().rate(3).parallelism(2))
        .callback(target)
        .failure_callback("https://api.example.com/failed")
        .label("a")
        .label("b c")
        .in_queue("emails");
    let secret = Message::to("https://api.example.com/secret")
        .body(&b"\xff\0"[..])
        .content_type("application/octet-stream")
        .forward("authorization", "Bearer secret")
        .redact(Redaction::body().and_header(HeaderName::from_static("authorization")));
    let hidden = Message::to("https://api.example.com/hidden")
        .text("secret")
        .redact(Redaction::all_headers())
        .forward_all_headers();
    vec![
        Schedule::new("own-busy", "CRON_TZ=Europe/Berlin */5 4 * * 1-5", busy),
        Schedule::new("own-secret", "0 4  * * *", secret),
        Schedule::new("own-hidden", "0 4 * * *", hidden).paused(),
        Schedule::new("own-team", "0 4 * * *", Message::to_url_group("team").body(&b"\xff\0"[..])),
        Schedule::new("own-plain", "0 4 * * *", Message::to("https://api.example.com")),
    ]
}

#[tokio::test]
async fn the_second_run_of_a_reconciliation_writes_nothing() {
    let (_qstash, client) = start().await;
    client.url_group("team").upsert([Endpoint::new("https://a.example.com")]).await.expect("a group");
    let schedules = client.schedules();
    client.schedule("own-old").upsert("0 4 * * *", Message::to("https://h")).await.expect("a schedule");
    client.schedule("foreign").upsert("0 4 * * *", Message::to("https://h")).await.expect("a schedule");

    let plan = schedules.reconcile("own-", wanted()).await.expect("a plan");
    let text = "create  own-busy\ncreate  own-hidden\ncreate  own-plain\ncreate  own-secret\ncreate  own-team\ndelete  own-old";
    assert_eq!(plan.to_string(), text);
    plan.apply().await.expect("the plan is carried out");
    let there = schedules.list().await.expect("a list");
    let ids: Vec<_> = there.iter().map(|schedule| schedule.schedule_id.as_str()).collect();
    assert_eq!(ids, ["foreign", "own-busy", "own-hidden", "own-plain", "own-secret", "own-team"]);

    let plan = schedules.reconcile("own-", wanted()).await.expect("a plan");
    assert!(plan.is_empty(), "{plan}");
    plan.apply().await.expect("there is nothing to do");
    assert_eq!(schedules.list().await.expect("a list"), there);
}

#[tokio::test]
async fn a_plan_may_be_applied_twice() {
    let (_qstash, client) = start().await;
    let schedules = client.schedules();
    client.schedule("own-old").upsert("0 4 * * *", Message::to("https://h")).await.expect("a schedule");
    client.schedule("own-a").upsert("0 4 * * *", Message::to("https://h")).await.expect("a schedule");
    client.schedule("own-a").pause().await.expect("it is paused");
    let wanted = || [Schedule::new("own-a", "0 5 * * *", Message::to("https://h"))];

    let plan = schedules.reconcile("own-", wanted()).await.expect("a plan");
    plan.apply().await.expect("the plan is carried out");
    let once = schedules.list().await.expect("a list");
    assert_eq!((once.len(), once[0].cron.as_str(), once[0].paused), (1, "0 5 * * *", true));
    plan.apply().await.expect("the plan is carried out again");
    let twice = schedules.list().await.expect("a list");
    assert_eq!((twice.len(), twice[0].paused), (1, true));
    assert!(schedules.reconcile("own-", wanted()).await.expect("a plan").is_empty());
}

#[tokio::test]
async fn a_schedule_publishes_at_its_times_unless_it_is_paused() {
    let (qstash, client) = start().await;
    let hook = format!("{}/nothing-here", qstash.url());
    let id = client.schedules().create("*/10 * * * *", Message::to(&*hook).retries(0)).await.expect("an id");
    let schedule = client.schedule(&id);
    schedule.pause().await.expect("it is paused");
    qstash.advance(Duration::from_secs(3600)).await;
    let paused = schedule.get().await.expect("a schedule");
    assert_eq!((paused.paused, paused.last_run), (true, None));
    schedule.resume().await.expect("it is resumed");
    qstash.advance(Duration::from_secs(3600)).await;
    let resumed = schedule.get().await.expect("a schedule");
    assert!(!resumed.paused && resumed.last_run.is_some() && resumed.next_run > resumed.last_run);
    assert_eq!(resumed.last_states.len(), 1);
    schedule.delete().await.expect("it is deleted");
    assert_eq!(
        schedule.get().await.expect_err("it is gone").status().map(|status| status.as_u16()),
        Some(404)
    );
}

#[tokio::test]
async fn a_url_group_is_changed_and_deleted() {
    let (_qstash, client) = start().await;
    let team = client.url_group("team");
    let endpoints =
        [Endpoint::new("https://a.example.com/?x=1").name("a"), Endpoint::new("https://b.example.com")];
    team.upsert(endpoints).await.expect("a group");
    team.upsert([Endpoint::new("https://c.example.com").name("a")]).await.expect("a moved endpoint");
    team.set_defaults(&MessageOptions::new().retries(0).delay(Duration::from_secs(60)))
        .await
        .expect("defaults");
    let group = team.get().await.expect("a group");
    let urls: Vec<_> = group.endpoints.iter().map(|endpoint| endpoint.url.as_str()).collect();
    assert_eq!(urls, ["https://c.example.com", "https://b.example.com"]);
    assert_eq!(client.url_groups().list().await.expect("a list"), [group]);

    let published = client.publish(Message::to_url_group("team").text("x")).await.expect("a receipt");
    assert_eq!(published.receipts().len(), 2);
    let message = client.message(published.message_id()).get().await.expect("a message");
    assert_eq!(message.delivery.retries, Some(0));

    team.remove_named(["a"]).await.expect("an endpoint less");
    team.remove(["https://b.example.com"]).await.expect("the last endpoint");
    assert!(client.url_groups().list().await.expect("a list").is_empty());
    team.delete().await.expect("there is none to delete");
}
