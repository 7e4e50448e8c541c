//! Every call of the API, for tests about all of them.

use std::future::Future;

use futures_util::{
    TryStreamExt,
    future::{BoxFuture, FutureExt},
};
use qstash_client::{
    Client, Error, Message, MessageOptions, queues::QueueSettings, types::FlowLimits, url_groups::Endpoint,
};

use crate::support::TOKEN;

/// A call of the API that succeeds when it gets its answer.
pub(crate) struct Verb {
    pub(crate) name: &'static str,
    pub(crate) twice: Twice,
    /// An answer that it takes for success. Without one, it takes any.
    pub(crate) answer: &'static str,
    pub(crate) call: fn(Client) -> BoxFuture<'static, Result<(), Failure>>,
}

/// What it means that a call arrives twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twice {
    /// It is told apart by a deduplication id.
    Deduplicated,
    /// It changes nothing the second time.
    Harmless,
    /// It makes a second message: it must have been refused the first time.
    Doubling,
    /// It must not happen, whatever the answer was the first time.
    Harmful,
}

/// What the caller gets in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Success,
    Mistake,
    NoAnswer,
    Timeout,
    Status(u16),
    NotUnderstood,
    /// QStash refused one message of a batch.
    Refused,
}

/// What a failure tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) got: Got,
    pub(crate) ambiguous: bool,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        // `Debug` writes the causes as well.
        let text = format!("{error} {error:?} {error:#?}");
        let escaped = qstash_client::types::percent::encode(TOKEN);
        assert!(!text.contains(TOKEN) && !text.contains(&*escaped), "{text}");
        let got = match error {
            Error::Input(_) => Got::Mistake,
            Error::Transport(_) if error.is_timeout() => Got::Timeout,
            Error::Transport(_) => Got::NoAnswer,
            Error::Decode(_) => Got::NotUnderstood,
            _ => Got::Status(error.status().unwrap().as_u16()),
        };
        Self { got, ambiguous: error.is_ambiguous() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        (&error).into()
    }
}

/// Passes over what a call answers.
pub(crate) fn outcome<T: 'static, E: Into<Failure> + 'static>(
    call: impl Future<Output = Result<T, E>> + Send + 'static,
) -> BoxFuture<'static, Result<(), Failure>> {
    call.map(|outcome| outcome.map(drop).map_err(Into::into)).boxed()
}

fn message() -> Message {
    Message::to("https://example.com").text("hello")
}

async fn batch(client: Client, message: Message) -> Result<(), Failure> {
    let outcome = client.batch([message]).await?;
    match &outcome.results()[0] {
        Ok(_) => Ok(()),
        Err(failed) => {
            let text = format!("{failed} {failed:?}");
            assert!(!text.contains(TOKEN), "{text}");
            match failed.error() {
                Some(error) => Err(error.into()),
                None => Err(Failure { got: Got::Refused, ambiguous: false }),
            }
        }
    }
}

macro_rules! verbs {
    ($client:ident: $($twice:ident $answer:literal $call:expr;)+) => {
        vec![$(Verb {
            name: stringify!($call),
            twice: Twice::$twice,
            answer: $answer,
            call: |$client| outcome(async move { $call.await }),
        },)+]
    };
}

/// Every call of the API.
pub(crate) fn all() -> Vec<Verb> {
    let publishing = verbs! { client:
        Deduplicated r#"{"messageId":"msg_1"}"# client.publish(message());
        Doubling r#"{"messageId":"msg_1"}"# client.publish(message().without_deduplication());
        Deduplicated r#"{"messageId":"msg_1"}"# client.publish(message().in_queue("q"));
        Deduplicated r#"{"messageId":"msg_1"}"# client.queue("q").enqueue(message());
        Deduplicated r#"[{"messageId":"msg_1"}]"# batch(client, message());
        Doubling r#"[{"messageId":"msg_1"}]"# batch(client, message().without_deduplication());
    };
    let others = verbs! { client:
        Harmless r#"{"messageId":"m","url":"u","createdAt":1}"# client.message("m").get();
        Harmless "" client.message("m").cancel();
        Harmful r#"{"cancelled":1}"# client.messages().label("a").cancel();
        Harmful r#"{"cancelled":1}"# client.messages().ids(["m"]).cancel();
        Harmful r#"{"cancelled":1}"# client.messages().cancel_all();

        Harmless "" client.queue("q").upsert(QueueSettings::new());
        Harmless r#"{"name":"q"}"# client.queue("q").get();
        Harmless "" client.queue("q").delete();
        Harmless "" client.queue("q").pause();
        Harmless "" client.queue("q").resume();
        Harmless r#"[{"name":"q"}]"# client.queues().list();

        Harmless r#"{"scheduleId":"s"}"# client.schedules().create("0 * * * *", message());
        Harmless r#"{"scheduleId":"s"}"# client.schedule("s").upsert("0 * * * *", message());
        Harmless r#"{"scheduleId":"s","cron":"c","destination":"d","createdAt":1}"# client.schedule("s").get();
        Harmless "" client.schedule("s").delete();
        Harmless "" client.schedule("s").pause();
        Harmless "" client.schedule("s").resume();
        Harmless r#"[{"scheduleId":"s","cron":"c","destination":"d","createdAt":1}]"# client.schedules().list();

        Harmless "" client.url_group("g").upsert([Endpoint::new("https://example.com")]);
        Harmless "" client.url_group("g").remove(["https://example.com"]);
        Harmless "" client.url_group("g").remove_named(["e"]);
        Harmless "" client.url_group("g").set_defaults(&MessageOptions::new());
        Harmless r#"{"name":"g"}"# client.url_group("g").get();
        Harmless "" client.url_group("g").delete();
        Harmless r#"[{"name":"g"}]"# client.url_groups().list();

        Harmless r#"{"dlqId":"d","messageId":"m","url":"u","createdAt":1}"# client.dead_letter("d").get();
        Harmless "" client.dead_letter("d").delete();
        Harmful r#"{"messageId":"m"}"# client.dead_letter("d").retry();
        Harmless r#"{"messages":[],"cursor":""}"# client.dlq().list();
        Harmless r#"{"messages":[]}"# client.dlq().stream().try_collect::<Vec<_>>();
        Harmful r#"{"deleted":1,"cursor":"c"}"# client.dlq().label("a").delete();
        Harmful r#"{"deleted":1}"# client.dlq().ids(["d"]).delete();
        Harmful r#"{"deleted":1}"# client.dlq().delete_all();
        Harmful r#"{"responses":[{"messageId":"m"}]}"# client.dlq().label("a").retry();
        Harmful r#"{"responses":[{"messageId":"m"}]}"# client.dlq().ids(["d"]).retry();
        Harmful r#"{"responses":[{"messageId":"m"}]}"# client.dlq().retry_all();

        Harmless r#"{"logs":[{"time":1,"messageId":"m","state":"CREATED"}]}"# client.logs().list();
        Harmless r#"{"events":[]}"# client.logs().stream().try_collect::<Vec<_>>();
        Harmless r#"{"messages":[{"messageId":"m","events":[]}]}"# client.logs().by_message().list();

        Harmless r#"{"flowControlKey":"k"}"# client.flow_control("k").get();
        Harmless "" client.flow_control("k").pause();
        Harmless "" client.flow_control("k").resume();
        Harmful "" client.flow_control("k").pin(FlowLimits::default().rate(1));
        Harmless "" client.flow_control("k").unpin();
        Harmless "" client.flow_control("k").unpin_parallelism();
        Harmless "" client.flow_control("k").unpin_rate();
        Harmful "" client.flow_control("k").reset_rate();
        Harmless r#"[{"flowControlKey":"k"}]"# client.flow_controls().list();
        Harmless r#"[{"flowControlKey":"k"}]"# client.flow_controls().search("k");
        Harmless r#"{"parallelismMax":1,"parallelismCount":0}"# client.global_parallelism();

        Harmless r#"{"current":"sig_a","next":"sig_b"}"# client.signing_keys().get();
        Harmful r#"{"current":"sig_a","next":"sig_b"}"# client.signing_keys().rotate();
    };
    publishing.into_iter().chain(others).collect()
}
