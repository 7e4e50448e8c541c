//! What users of a public type may count on: it can be shown, and handed to any thread.

use std::{error::Error as StdError, fmt::Debug};

use futures_util::{Stream, stream};
use qstash_client::{
    ApiError, BatchError, BatchOutcome, CallbackTarget, Change, CheckError, Client, ClientBuilder,
    ConfigError, DeadLetterHandle, DeadLetters, DecodeError, Deleted, Difference, Endpoint, Error,
    FailedMessage, FlowControlHandle, FlowControls, InvalidInput, Logs, LogsByMessage, Message,
    MessageHandle, MessageOptions, MessageParts, Messages, Page, Plan, Published, Publisher, QueueHandle,
    QueueSettings, Queues, RateLimit, RateLimitKind, Receipt, RetryPolicy, Schedule, ScheduleHandle,
    Schedules, SigningKeysHandle, Step, TransportError, UrlGroupHandle, UrlGroups,
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

    let client = Script::default().client();
    let message = || Message::to("https://example.com");
    future(client.publish(message()));
    future(client.batch([message()]));
    future(client.check());
    future(client.queue("q").enqueue(message()));
    future(client.messages().cancel_all());
    future(client.dlq().retry_all(&MessageOptions::new()));
    future(client.schedules().create("* * * * *", message()));
    future(client.schedules().reconcile("a-", [Schedule::new("a-b", "* * * * *", message())]));
    future(client.url_group("g").get());
    listing(client.dlq().stream());
    listing(client.logs().by_message().stream());
    results(client.publisher().publish(stream::iter([message()])));
}
