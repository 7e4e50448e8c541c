//! Many messages in few calls.

mod document;
mod outcome;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use http::StatusCode;

pub(crate) use document::{Batch, ItemReply, answers};
pub use outcome::{BatchError, BatchOutcome, FailedMessage};

pub(crate) use outcome::Cause;

use crate::{
    Client, Error, Message, Published,
    api::Api,
    client::Answered,
    error::{DecodeError, InvalidInput},
    message::OwnId,
    messages::MessageParts,
    observe::{self, Created, Way},
};

/// How much goes into one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    /// How many calls are under way at the same time.
    pub(crate) in_flight: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { messages: 100, bytes: 1024 * 1024, in_flight: 8 }
    }
}

/// One result for each message, in the order of the messages.
pub(crate) type Results = Vec<Result<Published, FailedMessage>>;

impl Client {
    /// Hands over many messages with few calls: to URLs and URL groups, [through queues](Message::in_queue) and
    /// directly, in any mixture.
    ///
    /// A call carries up to 100 messages and about 1 MiB; as many calls as it takes are made, eight at a time. Messages
    /// of different calls may therefore be accepted in another order. Each message is deduplicated by itself, as by
    /// [`publish`](Self::publish). For more messages than fit into memory see [`publisher`](Self::publisher).
    ///
    /// Dropping the future gives all calls up; which of the messages were accepted is then unknown. To be able to try
    /// again, set their [deduplication ids](Message::deduplication_id).
    ///
    /// ```no_run
    /// # use qstash_client::{Client, Message};
    /// # async fn send(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let outcome = client
    ///     .batch([
    ///         Message::to("https://example.com/hook").json(&1),
    ///         Message::to_url_group("signups").json(&2),
    ///         Message::to("https://example.com/mail").json(&3).in_queue("emails"),
    ///     ])
    ///     .await?;
    ///
    /// for failed in outcome.failures() {
    ///     eprintln!("{failed:?}");
    /// }
    /// let again = outcome.into_retryable();
    /// if !again.is_empty() {
    ///     client.batch(again).await?.into_result()?; // under the same deduplication ids
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Input`] when there is no message, or one has a mistake; for instance a body that is not UTF-8, which a
    /// batch cannot carry. Nothing was sent then. Whatever happens later happens to single messages: see
    /// [`BatchOutcome`].
    pub async fn batch(&self, messages: impl IntoIterator<Item = Message>) -> Result<BatchOutcome, Error> {
        let limits = BatchLimits::default();
        let calls = self.batches(messages, limits)?.into_iter().map(|batch| batch.send(self.clone()));
        Ok(BatchOutcome::new(stream::iter(calls).buffered(limits.in_flight).concat().await))
    }

    /// Writes the messages into as few documents as the limits permit. It is apart from what waits, so that the future of a caller
    /// does not hold an iterator, which need not be `Send` for every lifetime.
    fn batches(
        &self,
        messages: impl IntoIterator<Item = Message>,
        limits: BatchLimits,
    ) -> Result<Vec<Batch>, Error> {
        let messages = messages.into_iter();
        let mut batch = Batch::of(messages.size_hint().0.min(limits.messages));
        let mut full = Vec::new();
        for (index, message) in messages.enumerate() {
            let place = |mistake: InvalidInput| mistake.inside(&format!("messages[{index}]"));
            let mut parts = message.finish().map_err(place)?;
            self.complete(&mut parts).map_err(place)?;
            let created = Created::new(&parts);
            batch.write(&mut parts, &created.headers).map_err(place)?;
            full.extend(batch.keep(parts, created, limits));
        }
        full.extend(batch.take());
        if full.is_empty() {
            return Err(InvalidInput::new("batch", "there is no message in it").into());
        }
        Ok(full)
    }
}

impl Batch {
    async fn send(mut self, client: Client) -> Results {
        let call = self.call();
        let answers = client.call_noting(call, |body| answers(body, self.messages.len())).await;
        self.results(answers, &client.inner.api)
    }

    /// Joins each message with its result.
    pub(crate) fn results(self, answers: Result<Answered<Vec<ItemReply>>, Error>, api: &Api) -> Results {
        let results = self.join(answers, api);
        for result in &results {
            observe::handed_over(Way::Batch, result.as_ref());
        }
        results
    }

    fn join(self, answers: Result<Answered<Vec<ItemReply>>, Error>, api: &Api) -> Results {
        let Answered { answer: answers, may_be_a_repetition } = match answers {
            Ok(answered) => answered,
            Err(error) => {
                let cause = Cause::Call(Arc::new(error));
                let failed = |parts| Err(FailedMessage::new(Ok(parts), cause.clone()));
                return self.messages.into_iter().map(failed).collect();
            }
        };
        let result = |(parts, answer): (Box<MessageParts>, ItemReply)| match answer {
            ItemReply::Accepted(published) if may_be_a_repetition || parts.own_id == OwnId::Added => {
                Ok(published.maybe_original())
            }
            ItemReply::Accepted(published) => Ok(published),
            ItemReply::Refused(why) => {
                Err(FailedMessage::new(Ok(parts), Cause::Refused(api.without_token(&why))))
            }
            ItemReply::NotUnderstood(fault) => {
                let error = DecodeError::new(StatusCode::OK, &fault, api).into();
                Err(FailedMessage::new(Ok(parts), Cause::Call(Arc::new(error))))
            }
        };
        self.messages.into_iter().zip(answers).map(result).collect()
    }
}
