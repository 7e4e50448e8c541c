//! What never leaves the client: ids, filters and lists with nothing in them, and what a call cannot carry.

use std::time::{Duration, SystemTime};

use futures_util::{TryStreamExt, future::BoxFuture};
use qstash_client::{
    Client, Error, Message, MessageOptions, queues::QueueSettings, reconcile::Schedule, types::FlowLimits,
    url_groups::Endpoint,
};

use crate::{
    support::{Script, ok},
    verbs::{Failure, Got, outcome},
};

type Refused<T> = (&'static str, fn(Client, T) -> BoxFuture<'static, Result<(), Failure>>);

macro_rules! calls {
    ($client:ident, $value:ident: $($call:expr;)+) => {
        [$((stringify!($call), |$client: Client, $value| outcome(async move { $call.await })),)+]
    };
}

async fn assert_refused<T>((name, call): Refused<T>, value: T, what: &str) {
    let server = Script::default();
    let refusal = call(server.client(), value).await;
    assert_eq!(refusal, Err(Failure { got: Got::Mistake, ambiguous: false }), "{name} with {what}");
    assert!(server.requests().is_empty(), "{name} with {what}");
}

fn message() -> Message {
    Message::to("https://example.com")
}

#[tokio::test]
async fn an_id_that_would_name_something_else_is_refused_by_every_verb() {
    let calls: &[Refused<&'static str>] = &calls! { client, id:
        client.message(id).get();
        client.message(id).cancel();
        client.messages().ids([id]).cancel();
        client.messages().ids(["msg_1", id]).cancel();
        client.queue(id).upsert(QueueSettings::new());
        client.queue(id).get();
        client.queue(id).delete();
        client.queue(id).pause();
        client.queue(id).resume();
        client.queue(id).enqueue(message());
        client.publish(message().in_queue(id));
        client.publish(Message::to_url_group(id));
        client.schedule(id).upsert("0 * * * *", message());
        client.schedule(id).get();
        client.schedule(id).delete();
        client.schedule(id).pause();
        client.schedule(id).resume();
        client.url_group(id).upsert([Endpoint::new("https://example.com")]);
        client.url_group(id).remove(["https://example.com"]);
        client.url_group(id).remove_named(["e"]);
        client.url_group("g").remove_named([id]);
        client.url_group(id).set_defaults(&MessageOptions::new());
        client.url_group(id).get();
        client.url_group(id).delete();
        client.dead_letter(id).get();
        client.dead_letter(id).delete();
        client.dead_letter(id).retry();
        client.dlq().ids([id]).delete();
        client.dlq().ids([id]).retry();
        client.logs().message_ids([id]).list();
        client.logs().message_ids(["msg_1", id]).list();
        client.flow_control(id).get();
        client.flow_control(id).pause();
        client.flow_control(id).resume();
        client.flow_control(id).pin(FlowLimits::default().rate(1));
        client.flow_control(id).unpin();
        client.flow_control(id).unpin_parallelism();
        client.flow_control(id).unpin_rate();
        client.flow_control(id).reset_rate();
    };
    for id in ["", " ", ".", "..", "a\nb"] {
        for &call in calls {
            assert_refused(call, id, &format!("{id:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_filter_with_nothing_in_it_is_refused_by_every_verb() {
    let calls: &[Refused<&'static str>] = &calls! { client, nothing:
        client.messages().url(nothing).cancel();
        client.messages().host(nothing).cancel();
        client.messages().path(nothing).cancel();
        client.messages().url_group(nothing).cancel();
        client.messages().queue(nothing).cancel();
        client.messages().schedule(nothing).cancel();
        client.messages().label(nothing).cancel();
        client.messages().label("a").label(nothing).cancel();
        client.messages().flow_control_key(nothing).cancel();
        client.dlq().label(nothing).delete();
        client.dlq().message_id(nothing).delete();
        client.dlq().label(nothing).retry();
        client.dlq().label(nothing).delete_all();
        client.dlq().label(nothing).retry_all();
        client.dlq().label(nothing).list();
        client.dlq().label("a").cursor(nothing).delete();
        client.dlq().label(nothing).stream().try_collect::<Vec<_>>();
        client.logs().label(nothing).list();
        client.logs().message_id(nothing).list();
        client.logs().message_id(nothing).by_message().list();
        client.logs().host(nothing).list();
        client.logs().path(nothing).list();
        client.logs().state(nothing).list();
        client.logs().cursor(nothing).list();
        client.logs().label(nothing).stream().try_collect::<Vec<_>>();
        client.logs().label(nothing).by_message().list();
        client.logs().label(nothing).by_message().stream().try_collect::<Vec<_>>();
        client.flow_controls().search(nothing);
    };
    for nothing in ["", " "] {
        for &call in calls {
            assert_refused(call, nothing, &format!("{nothing:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_call_about_several_things_is_refused_when_it_names_none() {
    let calls: &[Refused<[&'static str; 0]>] = &calls! { client, none:
        client.batch(none.map(Message::to));
        client.messages().ids(none).cancel();
        client.dlq().ids(none).delete();
        client.dlq().ids(none).retry();
        client.dlq().ids(none).list();
        client.dlq().ids(none).stream().try_collect::<Vec<_>>();
        client.logs().message_ids(none).list();
        client.logs().message_ids(none).stream().try_collect::<Vec<_>>();
        client.url_group("g").upsert(none.map(Endpoint::new));
        client.url_group("g").remove(none);
        client.url_group("g").remove_named(none);
    };
    for &call in calls {
        assert_refused(call, [], "an empty list").await;
    }
    let calls: &[Refused<()>] = &calls! { client, _nothing:
        client.messages().cancel();
        client.messages().at_most(1.try_into().unwrap()).cancel();
        client.dlq().delete();
        client.dlq().cursor("1-0").delete();
        client.dlq().page_size(1.try_into().unwrap()).retry();
        client.dlq().retry();
        client.flow_control("k").pin(FlowLimits::default());
    };
    for &call in calls {
        assert_refused(call, (), "no filter").await;
    }
}

#[tokio::test]
async fn a_filter_of_commas_which_the_server_would_take_for_a_list_of_nothing_is_refused() {
    let calls: &[Refused<&'static str>] = &calls! { client, commas:
        client.messages().ids([commas]).cancel();
        client.messages().ids(["msg_1", commas]).cancel();
        client.messages().flow_control_key(commas).cancel();
        client.messages().host(commas).cancel();
        client.messages().path(commas).cancel();
        client.dlq().ids([commas]).delete();
        client.dlq().ids([commas]).retry();
        client.dlq().message_id(commas).delete();
        client.dlq().flow_control_key(commas).retry();
    };
    for commas in [",", ",,", ", ,"] {
        for &call in calls {
            assert_refused(call, commas, &format!("{commas:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_filter_that_would_have_no_effect_is_refused() {
    let calls: &[Refused<&'static str>] = &calls! { client, label:
        client.messages().label(label).cancel_all();
        client.dlq().label(label).delete_all();
        client.dlq().label(label).retry_all();
        client.messages().ids(["m"]).label(label).cancel();
        client.dlq().ids(["d"]).label(label).delete();
        client.dlq().ids(["d"]).label(label).retry();
    };
    for &call in calls {
        assert_refused(call, "a", "a filter").await;
    }
}

#[tokio::test]
async fn what_a_call_cannot_carry_is_named_before_anything_is_sent() {
    let later = || message().delay(Duration::from_secs(1));
    let then = || message().not_before(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    let bytes = || message().body(vec![b'a', 0xff]);
    let server = Script::default();
    let client = server.client();
    let refusals = [
        (client.queue("q").enqueue(later()).await.map(drop), "delay"),
        (client.queue("q").enqueue(then()).await.map(drop), "not-before"),
        (client.publish(later().in_queue("q")).await.map(drop), "delay"),
        (client.publish(then().in_queue("q")).await.map(drop), "not-before"),
        (client.batch([message(), later().in_queue("q")]).await.map(drop), "messages[1] delay"),
        (client.batch([message(), then().in_queue("q")]).await.map(drop), "messages[1] not-before"),
        (client.batch([message(), bytes()]).await.map(drop), "messages[1] body"),
        (client.schedules().create("0 * * * *", then()).await.map(drop), "not-before"),
        (client.schedule("s").upsert("0 * * * *", then()).await, "not-before"),
    ];
    let crowded = (0..13_000).fold(message(), |message, number| {
        message.forward(format!("x-{number}"), "1").header(format!("y-{number}"), "1")
    });
    let refusals = refusals.into_iter().chain([
        (client.publish(crowded.clone()).await.map(drop), "header"),
        (client.batch([crowded]).await.map(drop), "messages[0] header"),
        (client.logs().message_ids(vec!["msg_1"; 10_000]).list().await.map(drop), "URL of the call"),
    ]);
    for (refusal, field) in refusals {
        let Err(Error::Input(mistake)) = refusal else { panic!("{field}: {refusal:?}") };
        assert_eq!(mistake.field(), field);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_parameter_that_qstash_would_take_for_its_own_cannot_come_with_a_destination() {
    for parameter in
        ["upstash-callback=https://x", "a=1&UPSTASH-Retries", "qstash_token=t", "%75pstash%2Ddelay=1d"]
    {
        let server = Script::new([ok(r#"[{"messageId":"msg_1"}]"#)]);
        let client = server.client();
        let url = format!("https://h/x?{parameter}");
        let message = || Message::to(&url);
        for refusal in [
            client.publish(message()).await.map(drop),
            client.queue("q").enqueue(message()).await.map(drop),
            client.schedules().create("0 * * * *", message()).await.map(drop),
            client
                .schedules()
                .reconcile("s-", [Schedule::new("s-a", "0 * * * *", message())])
                .await
                .map(drop),
            client.webhook_url(message()).map(drop).map_err(Error::from),
        ] {
            assert!(
                refusal.unwrap_err().to_string().contains("destination: QStash would take the parameter")
            );
        }
        assert!(server.requests().is_empty());
        client.batch([message()]).await.unwrap().into_result().unwrap();
    }
    let message = Message::to("https://h/x?my-upstash-delay=1&b=upstash-delay&%zz&%u&%");
    Script::default().client().publish(message).await.unwrap();
}
