//! What users of a public type may count on: it can be shown, and handed to any thread.

use std::{error::Error as StdError, fmt::Debug};

use futures_util::{Stream, stream};
use qstash_client::{
    CallbackTarget, Client, ClientBuilder, Error, Message, MessageOptions, Published, RetryPolicy,
    batch::{BatchError, BatchOutcome, FailedMessage},
    dlq::{DeadLetterHandle, DeadLetters, Deleted},
    error::{
        ApiError, CheckError, ConfigError, DecodeError, InvalidInput, RateLimit, RateLimitKind,
        TransportError,
    },
    flow_control::{FlowControlHandle, FlowControls},
    logs::{Logs, LogsByMessage},
    messages::{MessageHandle, MessageParts, Messages},
    pages::Page,
    publisher::Publisher,
    queues::{QueueHandle, QueueSettings, Queues},
    reconcile::{Change, Difference, Plan, Schedule, Step},
    schedules::{ScheduleHandle, Schedules},
    signing_keys::SigningKeysHandle,
    types::Receipt,
    url_groups::{Endpoint, UrlGroupHandle, UrlGroups},
};

use crate::support::Script;

macro_rules! all {
    ($check:ident: $($type:ty),+ $(,)?) => { $($check::<$type>();)+ };
}

fn shown<T: Debug + Send + Sync + 'static>() {}

fn value<T: Clone + Debug + Send + Sync + 'static>() {}

fn error<T: StdError + Send + Sync + 'static>() {}

#[test]
fn every_type_can_be_shown_and_sent() {
    all!(shown: BatchOutcome);
    all!(
        value: CallbackTarget, Change, Client, ClientBuilder, DeadLetterHandle, DeadLetters, Deleted, Difference,
        Endpoint, FlowControlHandle, FlowControls, Logs, LogsByMessage, Message, MessageHandle, MessageOptions,
        MessageParts, Messages, Page<Receipt>, Plan, Published, Publisher, QueueHandle, QueueSettings, Queues,
        RateLimit, RateLimitKind, RetryPolicy, Schedule, ScheduleHandle, Schedules, SigningKeysHandle, Step,
        UrlGroupHandle, UrlGroups,
    );
    all!(
        error: ApiError, BatchError, CheckError, ConfigError, DecodeError, Error, FailedMessage, InvalidInput,
        TransportError,
    );
}

#[test]
fn every_future_and_stream_can_move_between_threads() {
    fn future<T>(future: impl Future<Output = T> + Send) {
        drop(future);
    }
    fn results<T>(stream: impl Stream<Item = T> + Send + 'static) {
        drop(stream);
    }
    fn listing<T>(stream: impl Stream<Item = T> + Send + Unpin + 'static) {
        results(stream);
    }
    // Its iterator is one for a single lifetime, which must not be part of what waits.
    async fn borrowed(client: &Client, messages: &[(usize, Message)]) {
        let messages = messages.iter().map(|(place, message)| (place, message));
        drop(client.batch(messages.map(|(_, message)| message.clone())).await);
    }

    let client = Script::default().client();
    let message = || Message::to("https://example.com");
    future(client.publish(message()));
    future(client.batch([message()]));
    future(borrowed(&client, &[(0, message())]));
    future(client.check());
    future(client.queue("q").enqueue(message()));
    future(client.messages().cancel_all());
    future(client.dlq().retry_all());
    future(client.schedules().create("* * * * *", message()));
    future(client.schedules().reconcile("a-", [Schedule::new("a-b", "* * * * *", message())]));
    future(client.url_group("g").get());
    listing(client.dlq().stream());
    listing(client.logs().by_message().stream());
    results(client.publisher().publish(stream::iter([message()])));
}
