//! Every verb of the client that the description knows, with everything set that can be set.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    pin::Pin,
    time::{Duration, SystemTime},
};

use http::StatusCode;
use qstash_client::{
    CallbackTarget, Client, Error, Message,
    dlq::Deleted,
    pages::Page,
    queues::QueueSettings,
    types::{FlowLimits, LogState, Method, Redaction, ScheduleRecord, SigningKeys},
    url_groups::Endpoint,
};
use serde::Serialize;
use serde_json::{Value, json};

/// A call, and what its caller gets to see.
pub(crate) type Call = fn(Client) -> Pin<Box<dyn Future<Output = Result<Value, Failure>>>>;

/// What an error tells.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Option<StatusCode>,
    pub(crate) message: String,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error {
            Error::Api(error) => Self { status: Some(error.status()), message: error.message().to_owned() },
            other => Self { status: None, message: format!("{other:?}") },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

macro_rules! calls {
    ($($client:ident: $call:expr;)+) => {
        [$(|$client| Box::pin(async move { Ok(json!($call)) })),+]
    };
}

pub(crate) static ALL: &[Call] = &calls! {
    client: client.publish(text().delay(SECOND).deduplication_id("a").flow_control("k", FlowLimits::default().rate(1))).await?.receipts()[0];
    client: client.publish(document().not_before(SystemTime::now()).deduplicate_by_content()).await?.receipts()[0];
    client: json!({ "messages": client.publish(binary().without_deduplication()).await?.receipts() });
    client: client.queue("q").enqueue(text().deduplication_id("a")).await?.receipts()[0];
    client: client.queue("q").enqueue(document().deduplicate_by_content()).await?.receipts()[0];
    client: json!({ "messages": client.queue("q").enqueue(binary().without_deduplication()).await?.receipts() });
    client: batch(client).await?;

    client: client.message("msg_1").get().await?;
    client: client.message("msg_1").cancel().await?;
    client: json!({ "cancelled": client.messages().ids(["msg_1"]).cancel().await? });
    client: json!({ "cancelled": client.messages().url(URL).url_group("g").queue("q").schedule("s").label("l")
        .flow_control_key("k").caller_ip(ADDRESS).host("h").path("/p").from(SystemTime::now()).until(SystemTime::now())
        .at_most(NonZeroU32::MIN).cancel().await? });

    client: client.queue("q").upsert(QueueSettings::new().parallelism(1)).await?;
    client: client.queues().list().await?;
    client: client.queue("q").get().await?;
    client: client.queue("q").delete().await?;
    client: client.queue("q").pause().await?;
    client: client.queue("q").resume().await?;

    client: json!({ "scheduleId": client.schedules().create("* * * * *", text().delay(SECOND)).await? });
    client: json!({ "scheduleId": client.schedules().create("* * * * *", document()).await? });
    client: json!({ "scheduleId": client.schedules().create("* * * * *", binary()).await? });
    client: [schedule(&client.schedules().list().await?[0])];
    client: schedule(&client.schedule("s").get().await?);
    client: client.schedule("s").delete().await?;
    client: client.schedule("s").pause().await?;
    client: client.schedule("s").resume().await?;

    client: client.url_groups().list().await?;
    client: client.url_group("g").get().await?;
    client: client.url_group("g").delete().await?;
    client: client.url_group("g").upsert([Endpoint::new(URL).name("e")]).await?;
    client: client.url_group("g").remove([URL]).await?;
    client: client.url_group("g").remove_named(["e"]).await?;

    client: page("messages", &client.dlq().message_id("msg_1").url(URL).url_group("g").queue("q").schedule("s")
        .response_status(500).label("l").caller_ip(ADDRESS).from(SystemTime::now()).until(SystemTime::now())
        .page_size(NonZeroU32::MIN).cursor("1-0").list().await?);
    client: deleted(&client.dlq().ids(["1-0"]).delete().await?);
    client: deleted(&client.dlq().message_id("msg_1").url(URL).url_group("g").queue("q").schedule("s").response_status(500)
        .label("l").flow_control_key("k").caller_ip(ADDRESS).from(SystemTime::now()).until(SystemTime::now())
        .page_size(NonZeroU32::MIN).cursor("1-0").delete().await?);
    client: client.dead_letter("1-0").get().await?;
    client: client.dead_letter("1-0").delete().await?;
    client: client.dead_letter("1-0").retry().await?;
    client: page("responses", &client.dlq().ids(["1-0"]).retry().await?);
    client: page("responses", &client.dlq().message_id("msg_1").url(URL).url_group("g").queue("q").schedule("s")
        .response_status(500).label("l").flow_control_key("k").caller_ip(ADDRESS).from(SystemTime::now())
        .until(SystemTime::now()).retry().await?);

    client: client.flow_controls().list().await?;
    client: client.flow_control("k").get().await?;
    client: client.flow_control("k").pause().await?;
    client: client.flow_control("k").resume().await?;
    client: client.flow_control("k").pin(FlowLimits::default().parallelism(1).rate(1).period(SECOND)).await?;
    client: client.flow_control("k").unpin().await?;
    client: client.flow_control("k").reset_rate().await?;
    client: client.global_parallelism().await?;

    client: keys(&client.signing_keys().get().await?);
    client: keys(&client.signing_keys().rotate().await?);

    client: page("logs", &client.logs().message_id("msg_1").state(LogState::Error).url(URL).url_group("g").queue("q")
        .schedule("s").label("l").from(SystemTime::now()).until(SystemTime::now()).page_size(NonZeroU32::MIN).cursor("1-0")
        .list().await?);
};

const URL: &str = "https://example.com/hook";
const SECOND: Duration = Duration::from_secs(1);
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A message with all that is allowed everywhere.
fn message() -> Message {
    let target = || CallbackTarget::to(URL).retries(1).forward("x", "y");
    Message::to(URL)
        .method(Method::PUT)
        .timeout(SECOND)
        .retries(1)
        .retry_delay("1000")
        .forward("x", "y")
        .label("l")
        .callback(target())
        .failure_callback(target())
        .redact(Redaction::body())
}

fn text() -> Message {
    message().text("text")
}

fn document() -> Message {
    message().json(&json!({}))
}

fn binary() -> Message {
    message().body("\0").content_type("application/octet-stream")
}

async fn batch(client: Client) -> Result<Value, Failure> {
    let message = document().deduplication_id("a").in_queue("q");
    match &client.batch([message]).await?.results()[0] {
        Ok(published) => Ok(json!([published.receipts()[0]])),
        Err(failed) => Err(failed.error().unwrap().into()),
    }
}

fn page<T: Serialize>(items: &str, page: &Page<T>) -> Value {
    json!({ items: page.items, "cursor": page.cursor })
}

/// Written as official clients read it, but read in either spelling.
fn schedule(schedule: &ScheduleRecord) -> Value {
    let mut fields = json!(schedule);
    fields["callerIp"] = json!(schedule.caller_ip);
    fields
}

fn deleted(deleted: &Deleted) -> Value {
    json!({ "deleted": deleted.deleted, "cursor": deleted.cursor })
}

fn keys(keys: &SigningKeys) -> Value {
    json!({ "current": keys.current.expose(), "next": keys.next.expose() })
}
