//! The dead letter queue: messages that have failed for good.

use std::fmt;

use http::Method;
use qstash_types::{DeadLetter, DlqId, MessageId, Receipt};
use serde::Deserialize;

use crate::{
    Client, Error, MessageOptions,
    filter::{Filter, filters},
    query::Query,
    request::{Call, json, nothing},
    resource::Resource,
};

impl Client {
    /// One entry of the dead letter queue, by its id.
    pub fn dead_letter(&self, id: impl TryInto<DlqId, Error: fmt::Display>) -> DeadLetterHandle {
        DeadLetterHandle(Resource::new(self, "dead letter queue id", id))
    }

    /// The dead letter queue, to read, delete or retry the entries that filters select.
    ///
    /// ```no_run
    /// # async fn retry(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// use qstash_client::MessageOptions;
    ///
    /// let page = client.dlq().label("render").response_status(503).list().await?;
    /// println!("{} renderings failed", page.items.len());
    /// client.dlq().label("render").retry(&MessageOptions::new().retries(5)).await?;
    /// # Ok(()) }
    /// ```
    pub fn dlq(&self) -> DeadLetters {
        DeadLetters(Filter::new(self))
    }
}

/// One entry of the dead letter queue. Its verbs return a mistake in the id before anything is sent.
#[derive(Clone, Debug)]
pub struct DeadLetterHandle(Resource<DlqId>);

impl DeadLetterHandle {
    /// Reads the entry.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such entry.
    pub async fn get(&self) -> Result<DeadLetter, Error> {
        self.0.call(|id| Call::new(Method::GET, &["dlq", id]), json).await
    }

    /// Deletes the entry.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such entry.
    pub async fn delete(&self) -> Result<(), Error> {
        self.0.call(|id| Call::new(Method::DELETE, &["dlq", id]), nothing).await
    }

    /// Publishes the message again, as a new one, with these options instead of its own. It leaves the queue.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such entry. It is never sent twice, since each time makes a message.
    pub async fn retry(&self, overrides: &MessageOptions) -> Result<Receipt, Error> {
        let headers = overrides.to_headers()?;
        let call = |id: &str| Call::new(Method::POST, &["dlq", "retry", id]).headers(headers).once();
        self.0.call(call, json).await
    }
}

/// The dead letter queue. Different filters must all hold; values of one filter are alternatives.
///
/// The first mistake in a filter is returned by the verb, before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct DeadLetters(Filter);

/// A part of a listing, and where the next one begins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// What the page holds.
    pub items: Vec<T>,
    /// Where the next page begins; `None` after the last one.
    pub cursor: Option<String>,
}

/// What a bulk call has done, and where to go on.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Deleted {
    /// How many entries were deleted.
    #[serde(default)]
    pub deleted: u64,
    /// Where the next call goes on; `None` when nothing is left.
    #[serde(default, deserialize_with = "absent_when_empty")]
    pub cursor: Option<String>,
}

impl DeadLetters {
    filters!();

    /// These entries. All other filters would be ignored by the server, and are refused beside it.
    /// Parameter: `dlqIds`.
    pub fn ids(self, ids: impl IntoIterator<Item: TryInto<DlqId, Error: fmt::Display>>) -> Self {
        Self(self.0.ids::<DlqId, _>("dlqIds", "dead letter queue ids", ids))
    }

    /// The entry of this message. Parameter: `messageId`.
    pub fn message(self, id: impl TryInto<MessageId, Error: fmt::Display>) -> Self {
        Self(self.0.add::<MessageId>("messageId", "message id", id))
    }

    /// Those whose last response had this status. Several are alternatives. Parameter: `responseStatus`.
    pub fn response_status(self, status: u16) -> Self {
        Self(self.0.set(|query| query.add("responseStatus", status)))
    }

    /// Those behind this place, as an earlier answer named it. Parameter: `cursor`.
    pub fn cursor(self, cursor: impl AsRef<str>) -> Self {
        Self(self.0.set(|query| query.replace("cursor", cursor.as_ref())))
    }

    /// Reads a page of entries.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list(&self) -> Result<Page<DeadLetter>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            messages: Vec<DeadLetter>,
            #[serde(default, deserialize_with = "absent_when_empty")]
            cursor: Option<String>,
        }

        let call = Call::new(Method::GET, &["dlq"]);
        let Answer { messages: items, cursor } = self.0.call(|_| Ok(()), call, json).await?;
        Ok(Page { items, cursor })
    }

    /// Deletes the entries that the filters select, as many as one call takes.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Without a filter nothing is sent: see [`delete_all`](Self::delete_all).
    pub async fn delete(&self) -> Result<Deleted, Error> {
        self.send_delete(|query| query.selects_something("dlqIds")).await
    }

    /// Deletes **every** entry, as many as one call takes.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Beside a filter nothing is sent.
    pub async fn delete_all(&self) -> Result<Deleted, Error> {
        self.send_delete(Query::selects_everything).await
    }

    /// Publishes the messages that the filters select again, as new ones, with these options instead of their own: as
    /// many as one call takes.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Without a filter nothing is sent: see [`retry_all`](Self::retry_all). It is never sent twice, since
    /// each time makes messages.
    pub async fn retry(&self, overrides: &MessageOptions) -> Result<Page<Receipt>, Error> {
        self.send_retry(|query| query.selects_something("dlqIds"), overrides).await
    }

    /// Publishes **every** message again, as many as one call takes.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Beside a filter nothing is sent.
    pub async fn retry_all(&self, overrides: &MessageOptions) -> Result<Page<Receipt>, Error> {
        self.send_retry(Query::selects_everything, overrides).await
    }

    async fn send_delete(
        &self,
        check: impl FnOnce(&Query) -> Result<(), crate::InvalidInput>,
    ) -> Result<Deleted, Error> {
        // A repetition could delete what has failed in between.
        self.0.call(check, Call::new(Method::DELETE, &["dlq"]).once(), json).await
    }

    async fn send_retry(
        &self,
        check: impl FnOnce(&Query) -> Result<(), crate::InvalidInput>,
        overrides: &MessageOptions,
    ) -> Result<Page<Receipt>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            responses: Vec<Receipt>,
            #[serde(default, deserialize_with = "absent_when_empty")]
            cursor: Option<String>,
        }

        let call = Call::new(Method::POST, &["dlq", "retry"]).headers(overrides.to_headers()?).once();
        let Answer { responses: items, cursor } = self.0.call(check, call, json).await?;
        Ok(Page { items, cursor })
    }
}

/// The end of a listing is an absent cursor in one place and an empty one in another.
fn absent_when_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(<Option<String>>::deserialize(deserializer)?.filter(|cursor| !cursor.is_empty()))
}
