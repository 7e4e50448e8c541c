//! Many messages in few calls.

mod document;
mod outcome;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use http::StatusCode;

pub(crate) use document::{Answer, Batch, answers};
pub use outcome::{BatchError, BatchOutcome, FailedMessage};

pub(crate) use outcome::Cause;

use crate::{Client, DecodeError, Error, InvalidInput, Message, MessageParts, Published, message::OwnId};

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

/// What became of each message, in the order of the messages.
pub(crate) type Results = Vec<Result<Published, FailedMessage>>;

impl Client {
    /// Hands over many messages with few calls: to URLs and URL groups, [through queues](Message::in_queue) and
    /// directly, in any mixture.
    ///
    /// A call carries up to 100 messages and about 1 MiB; as many calls as it takes are made, eight at a time. Messages
    /// of different calls may therefore be accepted in another order. Each message is deduplicated by itself, as by
    /// [`publish`](Self::publish). For more messages than fit into memory see [`publisher`](Self::publisher).
    ///
    /// Dropping the future gives all calls up; which of the messages were accepted is then unknown. To be able to try again,
    /// set their [deduplication ids](Message::deduplication_id).
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
    /// let failed = outcome.failed();
    /// if !failed.is_empty() {
    ///     client.batch(failed).await?.into_result()?; // under the same deduplication ids
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
        let mut batch = Batch::default();
        let mut full = Vec::new();
        for (index, message) in messages.into_iter().enumerate() {
            let place = |mistake: InvalidInput| mistake.inside(&format!("messages[{index}]"));
            let mut parts = message.finish().map_err(place)?;
            self.complete(&mut parts).and_then(|()| batch.write(&mut parts)).map_err(place)?;
            full.extend(batch.keep(parts, limits));
        }
        full.extend(batch.take());
        if full.is_empty() {
            return Err(InvalidInput::new("batch", "there is no message in it").into());
        }
        let calls = full.into_iter().map(|batch| batch.send(self.clone()));
        let results = stream::iter(calls).buffered(limits.in_flight).collect::<Vec<_>>().await;
        Ok(BatchOutcome::new(results.into_iter().flatten().collect()))
    }
}

impl Batch {
    async fn send(mut self, client: Client) -> Results {
        let call = self.call();
        let answers = client.call(call, |body| answers(body, self.messages.len())).await;
        self.results(answers)
    }

    /// Gives each message what became of it.
    pub(crate) fn results(self, answers: Result<Vec<Answer>, Error>) -> Results {
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                let cause = Cause::Call(Arc::new(error));
                let failed = |parts| Err(FailedMessage::new(Ok(parts), cause.clone()));
                return self.messages.into_iter().map(failed).collect();
            }
        };
        let result = |(parts, answer): (MessageParts, Answer)| match answer {
            Answer::Accepted(published) if parts.own_id == OwnId::Added => Ok(published.original()),
            Answer::Accepted(published) => Ok(published),
            Answer::Refused(why) => Err(FailedMessage::new(Ok(parts), Cause::Refused(why))),
            Answer::NotUnderstood(fault) => {
                let error = DecodeError::new(StatusCode::OK, fault).into();
                Err(FailedMessage::new(Ok(parts), Cause::Call(Arc::new(error))))
            }
        };
        self.messages.into_iter().zip(answers).map(result).collect()
    }
}
