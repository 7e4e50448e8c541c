//! A stream of messages in, a stream of receipts out.

mod batches;
mod gate;

use std::{num::NonZeroUsize, panic, sync::Arc, time::Duration};

use futures_core::Stream;
use futures_util::{StreamExt, stream};
use tokio::task::JoinSet;

use crate::{
    Client, Error, Message, Published,
    batch::{BatchLimits, FailedMessage},
    client::Inner,
    error::TransportError,
    observe,
    publisher::{batches::Batches, gate::RateLimitGate},
};

/// Hands over any number of messages, in few calls and in little memory.
///
/// Messages are collected into calls by number, size and time. A bounded number of calls is under way; as long as they
/// are, no more messages are taken from the source. A rate limit of QStash makes all of them wait until it is over.
///
/// ```no_run
/// use futures_util::{StreamExt, stream};
/// use qstash_client::{Client, Message};
///
/// # async fn send(client: Client) {
/// let orders = stream::iter(0..100_000).map(|order| Message::to("https://example.com/order").json(&order));
///
/// let mut results = std::pin::pin!(client.publisher().publish(orders));
/// while let Some(result) = results.next().await {
///     match result {
///         Ok(published) => println!("{}", published.message_id()),
///         Err(failed) => println!("{failed}: {:?}", failed.message()), // keep it, or publish it again
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a publisher does nothing until it is given messages"]
pub struct Publisher {
    client: Client,
    limits: BatchLimits,
    longest_wait: Duration,
}

impl Client {
    /// Hands over a stream of messages: see [`Publisher`].
    pub fn publisher(&self) -> Publisher {
        let longest_wait = Duration::from_millis(50);
        Publisher { client: self.clone(), limits: BatchLimits::default(), longest_wait }
    }
}

impl Publisher {
    /// How many messages a call carries at most: 100 unless set.
    pub fn batch_messages(mut self, messages: NonZeroUsize) -> Self {
        self.limits.messages = messages.get();
        self
    }

    /// How many bytes the document of a call has at most: 1 MiB unless set. A message that is larger gets a call of its
    /// own.
    pub fn batch_bytes(mut self, bytes: NonZeroUsize) -> Self {
        self.limits.bytes = bytes.get();
        self
    }

    /// How long a message waits for others to share its call: 50 ms unless set.
    pub fn longest_wait(self, longest_wait: Duration) -> Self {
        Self { longest_wait, ..self }
    }

    /// How many calls are under way at the same time: 8 unless set. With one, messages are accepted in their order.
    pub fn in_flight(mut self, calls: NonZeroUsize) -> Self {
        self.limits.in_flight = calls.get();
        self
    }

    /// Publishes or enqueues each message of a stream, and yields one result per message in the order of the messages.
    ///
    /// Messages are taken only while the result is polled. Calls under way continue in between, so that a caller may
    /// take its time over a receipt. Dropping the result gives them up; whether their messages were accepted is then
    /// unknown. They also end with the runtime on which the result was polled. When the result is then polled on
    /// another runtime, it yields an error for each of their messages and continues with the next ones.
    ///
    /// One message that fails does not stop the others. It comes back in a [`FailedMessage`], with the deduplication id
    /// that it was sent with. A call that QStash turns away because of a rate limit does not fail: it is made again when
    /// the limit is over, however long that takes.
    pub fn publish<S>(self, messages: S) -> impl Stream<Item = Result<Published, FailedMessage>> + use<S>
    where
        S: Stream<Item = Message>,
    {
        let inner = &self.client.inner;
        // Rate limits are waited for here, where one wait holds back all calls.
        let retry = inner.retry.clone().leaving_rate_limits();
        let client = Client { inner: Arc::new(Inner { retry, ..Inner::clone(inner) }) };
        let gate = RateLimitGate::default();
        Batches::new(messages, client.clone(), self.limits, self.longest_wait)
            .map(move |work| work.send(client.clone(), gate.clone()))
            .buffered(self.limits.in_flight)
            .flat_map(stream::iter)
    }
}

/// Runs a call in a task, which ends when this future is dropped. Without a task, the call would only be polled when the
/// caller asks for a receipt, and could run into its deadline although its answer is there.
async fn in_a_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let mut task = JoinSet::new();
    task.spawn(observe::with_current_span(work));
    let end = task.join_next().await.expect("one task is there");
    end.unwrap_or_else(|end| match end.try_into_panic() {
        Ok(panic) => panic::resume_unwind(panic),
        // The stream has been carried to another runtime.
        Err(_) => {
            Err(TransportError::interrupted("the runtime that the call was made on was shut down").into())
        }
    })
}
