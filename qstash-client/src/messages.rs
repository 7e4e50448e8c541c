//! Messages that are not delivered yet.

use std::{fmt, num::NonZeroU32};

use http::Method;
use qstash_types::{MessageId, MessageRecord};
use serde::Deserialize;

pub use crate::message::MessageParts;
use crate::{
    Client, Error,
    filter::{Filter, filters, host_and_path},
    query::Query,
    request::{Call, json, nothing, or_default},
    resource::Resource,
};

impl Client {
    /// One message, by its id.
    pub fn message(&self, id: impl TryInto<MessageId, Error: fmt::Display>) -> MessageHandle {
        MessageHandle(Resource::new(self, "message id", id))
    }

    /// The messages that are not delivered yet, to cancel those that filters select.
    ///
    /// ```no_run
    /// # async fn cancel(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// let newsletter = client.messages().label("newsletter").queue("emails");
    /// while newsletter.cancel().await? > 0 {} // one call may cancel only some of many
    /// # Ok(()) }
    /// ```
    pub fn messages(&self) -> Messages {
        Messages(Filter::new(self))
    }
}

/// One message. Its verbs return a mistake in the id before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct MessageHandle(Resource<MessageId>);

impl MessageHandle {
    /// Reads the message, as long as it is not delivered.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such message, or it is delivered, failed or cancelled.
    pub async fn get(&self) -> Result<MessageRecord, Error> {
        self.0.call(|id| Call::new(Method::GET, &["messages", id]), json).await
    }

    /// Cancels the message.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such message, or it is delivered, failed or cancelled;
    /// [`Error::is_ambiguous`] tells whether an earlier attempt of this call may have done that.
    pub async fn cancel(&self) -> Result<(), Error> {
        self.0.call(|id| Call::new(Method::DELETE, &["messages", id]), nothing).await
    }
}

/// The messages that are not delivered yet. Different filters must all hold; values of one filter are alternatives.
///
/// The first mistake in a filter is returned by the verb, before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing is cancelled until a verb is called"]
pub struct Messages(Filter);

impl Messages {
    filters!();
    host_and_path!();

    /// These messages. All other filters would be ignored by the server, and are refused beside it.
    /// Parameter: `messageIds`.
    pub fn ids(self, ids: impl IntoIterator<Item: TryInto<MessageId, Error: fmt::Display>>) -> Self {
        Self(self.0.ids::<MessageId, _>(IDS, "message ids", ids))
    }

    /// At most this many are cancelled by one call. The server has a limit of its own, which is 100 or more.
    /// Parameter: `count`.
    pub fn at_most(self, messages: NonZeroU32) -> Self {
        Self(self.0.set(|query| query.replace("count", messages)))
    }

    /// Cancels the messages that the filters select, and says how many there were. A call may cancel only some of many: call
    /// it again until there are none.
    ///
    /// Not atomic: messages that are being delivered may be delivered all the same, and a call that fails may have cancelled
    /// some.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Without a filter nothing is sent: see [`cancel_all`](Self::cancel_all). It is never sent twice, since
    /// what was published in between would be cancelled too.
    pub async fn cancel(&self) -> Result<u64, Error> {
        let query = self.0.query()?;
        query.selects_something(IDS)?;
        let mut query = query.clone();
        let mut cancelled = 0;
        loop {
            let part = query.part(IDS)?;
            cancelled += self.send(&part.query).await?;
            match part.cursor(None) {
                Some(cursor) => query.replace("cursor", cursor),
                None => return Ok(cancelled),
            }
        }
    }

    /// Cancels **every** message that is not delivered yet, and says how many there were. A call may cancel only some of many:
    /// call it again until there are none.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Beside a filter nothing is sent. It is never sent twice.
    pub async fn cancel_all(&self) -> Result<u64, Error> {
        let query = self.0.query()?;
        query.selects_everything()?;
        self.send(query).await
    }

    async fn send(&self, query: &Query) -> Result<u64, Error> {
        #[derive(Deserialize)]
        struct Cancelled {
            #[serde(default, deserialize_with = "or_default")]
            cancelled: u64,
        }

        let call = Call::new(Method::DELETE, &["messages"]).query(query).once();
        let answer: Cancelled = self.0.client.call(call, json).await?;
        Ok(answer.cancelled)
    }
}

/// The parameter of a list of ids.
const IDS: &str = "messageIds";
