//! The log: what happened to messages.

use std::fmt;

use qstash_types::{LogEntry, LogState, MessageId, MessageLog};

use crate::{
    Client, Error,
    filter::{Filter, filters, host_and_path},
    pages::listing,
};

impl Client {
    /// The log, the newest entry first. The service knows the same list as events.
    ///
    /// ```no_run
    /// # async fn read(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// use futures_util::TryStreamExt;
    /// use qstash_client::types::LogState;
    ///
    /// let mut errors = client.logs().queue("emails").state(LogState::Error).stream();
    /// while let Some(entry) = errors.try_next().await? {
    ///     println!("{}: {}", entry.message_id, entry.error.unwrap_or_default());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn logs(&self) -> Logs {
        Logs(Filter::new(self))
    }
}

/// The log. Different filters must all hold; values of one filter are alternatives.
///
/// The first mistake in a filter is returned by the verb, before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until a verb is called"]
pub struct Logs(Filter);

/// The log, with the entries of each message together.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until a verb is called"]
pub struct LogsByMessage(Filter);

impl Logs {
    filters!();
    host_and_path!();
    listing!("logs", LogEntry);

    /// The entries of this message; the last call wins, for several there is [`message_ids`](Self::message_ids).
    /// Parameter: `messageId`.
    pub fn message_id(self, id: impl TryInto<MessageId, Error: fmt::Display>) -> Self {
        Self(self.0.only::<MessageId>("messageId", "message id", id))
    }

    /// The entries of these messages. Parameter: `messageIds`.
    pub fn message_ids(self, ids: impl IntoIterator<Item: TryInto<MessageId, Error: fmt::Display>>) -> Self {
        Self(self.0.ids::<MessageId, _>("messageIds", "message ids", ids))
    }

    /// The entries for this state. Several are alternatives. Parameter: `state`.
    pub fn state(self, state: impl Into<LogState>) -> Self {
        Self(self.0.text("state", "state", state.into().as_str()))
    }

    /// The same entries, with those of each message together. Parameter: `groupBy`.
    pub fn by_message(self) -> LogsByMessage {
        LogsByMessage(self.0.set(|query| query.replace("groupBy", "messageId")))
    }
}

impl LogsByMessage {
    listing!("logs", MessageLog);
}
