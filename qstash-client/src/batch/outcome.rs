//! What became of the messages of a batch.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::{Error, InvalidInput, Message, MessageParts, Published};

/// What became of each message of a batch.
///
/// The messages share calls, but not their fate: some may have been accepted while others have not.
#[derive(Debug)]
#[must_use = "messages of a batch fail one by one"]
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

    /// What the server said about each message, in the order of the messages, if all were accepted.
    ///
    /// # Errors
    ///
    /// [`BatchError`] when at least one message was not accepted. It holds the outcome.
    pub fn into_result(self) -> Result<Vec<Published>, BatchError> {
        if self.results.iter().any(Result::is_err) {
            return Err(BatchError(self));
        }
        Ok(self.results.into_iter().flatten().collect())
    }

    /// The messages that were not accepted, in their order, to be sent again.
    ///
    /// Each keeps the deduplication id that it was sent with, also one that the client made: within ten minutes, what
    /// was accepted in spite of a lost answer is not enqueued twice.
    pub fn failed(self) -> Vec<Message> {
        self.results.into_iter().filter_map(Result::err).map(FailedMessage::into_message).collect()
    }
}

/// Not all messages of a batch were accepted.
///
/// The source is what happened to the first of them.
#[derive(Debug)]
pub struct BatchError(BatchOutcome);

impl BatchError {
    /// What became of each message.
    pub fn into_outcome(self) -> BatchOutcome {
        self.0
    }

    fn failures(&self) -> impl Iterator<Item = &FailedMessage> {
        self.0.results.iter().filter_map(|result| result.as_ref().err())
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, all) = (self.failures().count(), self.0.results.len());
        write!(f, "{failed} of {all} messages were not accepted")
    }
}

impl StdError for BatchError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failures().next().map(|failure| failure as _)
    }
}

/// A message that was sent among others and not accepted, or not known to be.
pub struct FailedMessage(Box<(Message, Cause)>);

#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// The server did not like this message.
    Refused(String),
    /// The call failed that carried this message among others, or the message never got into one.
    Call(Arc<Error>),
}

impl FailedMessage {
    pub(crate) fn new(message: Result<MessageParts, InvalidInput>, cause: Cause) -> Self {
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

impl fmt::Debug for FailedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (message, cause) = &*self.0;
        f.debug_struct("FailedMessage").field("message", message).field("cause", cause).finish()
    }
}

impl StdError for FailedMessage {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error().map(|error| error as _)
    }
}
