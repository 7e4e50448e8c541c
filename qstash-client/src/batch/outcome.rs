//! The results of a batch.

use std::{error::Error as StdError, fmt, sync::Arc};

use qstash_types::debug_as_text;

use crate::{Error, Message, Published, error::InvalidInput, messages::MessageParts};

/// One result for each message of a batch.
///
/// The messages share calls, but QStash accepts or refuses each of them by itself.
#[derive(Debug)]
#[must_use = "each message of a batch may have failed"]
pub struct BatchOutcome {
    results: Vec<Result<Published, FailedMessage>>,
}

impl BatchOutcome {
    pub(crate) fn new(results: Vec<Result<Published, FailedMessage>>) -> Self {
        Self { results }
    }

    /// One result per message, in the order of the messages.
    pub fn results(&self) -> &[Result<Published, FailedMessage>] {
        &self.results
    }

    /// The results by value.
    pub fn into_results(self) -> Vec<Result<Published, FailedMessage>> {
        self.results
    }

    /// The receipts, in the order of the messages, if all messages were accepted.
    ///
    /// # Errors
    ///
    /// [`BatchError`] when at least one message was not accepted. It holds the outcome.
    pub fn into_result(self) -> Result<Vec<Published>, BatchError> {
        if self.results.iter().any(Result::is_err) {
            return Err(BatchError(self));
        }
        let mut all = Vec::with_capacity(self.results.len());
        all.extend(self.results.into_iter().flatten());
        Ok(all)
    }

    /// The messages that were not accepted, with the reasons, in the order of the messages.
    pub fn failures(&self) -> impl Iterator<Item = &FailedMessage> {
        self.results.iter().filter_map(|result| result.as_ref().err())
    }

    /// The messages that were not accepted and may be accepted later, in their order, to be sent again: those that
    /// [are retryable](FailedMessage::is_retryable).
    ///
    /// Each keeps the deduplication id that it was sent with, even one that the client made: a message that was accepted
    /// although its answer was lost is not enqueued twice within ten minutes.
    pub fn into_retryable(self) -> Vec<Message> {
        let failures = self.results.into_iter().filter_map(Result::err);
        failures.filter(FailedMessage::is_retryable).map(FailedMessage::into_message).collect()
    }
}

/// Not all messages of a batch were accepted.
///
/// The source is what happened to the first of them.
pub struct BatchError(BatchOutcome);

debug_as_text!(BatchError, FailedMessage);

impl BatchError {
    /// One result for each message.
    pub fn into_outcome(self) -> BatchOutcome {
        self.0
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, all) = (self.0.failures().count(), self.0.results.len());
        write!(f, "{failed} of {all} messages were not accepted")
    }
}

impl StdError for BatchError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.failures().next().map(|failure| failure as _)
    }
}

/// A message that was sent among others and not accepted, or not known to be.
pub struct FailedMessage(Box<(Message, Cause)>);

#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// The server refused this message.
    Refused(String),
    /// The call that carried this message failed, or the message has a mistake and was in no call.
    Call(Arc<Error>),
}

impl FailedMessage {
    pub(crate) fn new(message: Result<Box<MessageParts>, InvalidInput>, cause: Cause) -> Self {
        Self(Box::new((Message::restored(message), cause)))
    }

    /// The message, with the deduplication id that it was sent with.
    pub fn message(&self) -> &Message {
        &self.0.0
    }

    /// The message by value, to be sent again.
    pub fn into_message(self) -> Message {
        self.0.0
    }

    /// Why there was no answer about the message; absent when QStash has refused it.
    pub fn error(&self) -> Option<&Error> {
        match &self.0.1 {
            Cause::Refused(_) => None,
            Cause::Call(error) => Some(error),
        }
    }

    /// Whether the same message may be accepted later: see [`Error::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        self.error().is_some_and(Error::is_retryable)
    }

    /// Whether the message may have been accepted all the same: see [`Error::is_ambiguous`].
    pub fn is_ambiguous(&self) -> bool {
        self.error().is_some_and(Error::is_ambiguous)
    }
}

impl fmt::Display for FailedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.1 {
            Cause::Refused(why) => write!(f, "QStash refused the message: {why}"),
            Cause::Call(_) => f.write_str("the message was not handed over"),
        }
    }
}

impl StdError for FailedMessage {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error().map(|error| error as _)
    }
}
