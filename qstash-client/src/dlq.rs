//! The dead letter queue: messages that have failed for good.

use std::fmt;

use http::Method;
use qstash_types::{DeadLetter, DlqId, MessageId, Receipt};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    Client, Error, MessageOptions,
    filter::{Filter, filters},
    pages::{Page, absent_when_empty, listing},
    query::Query,
    request::{Call, json, nothing, or_default},
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
    /// use futures_util::TryStreamExt;
    /// use qstash_client::MessageOptions;
    ///
    /// let mut failed = client.dlq().label("render").response_status(503).stream();
    /// while let Some(letter) = failed.try_next().await? {
    ///     println!("{} failed", letter.message.url);
    /// }
    ///
    /// let (mut entries, patient) = (client.dlq().label("render"), MessageOptions::new().retries(5));
    /// while let Some(cursor) = entries.retry(&patient).await?.cursor {
    ///     entries = entries.cursor(cursor); // one call takes as many as a page holds
    /// }
    /// # Ok(()) }
    /// ```
    pub fn dlq(&self) -> DeadLetters {
        DeadLetters(Filter::new(self))
    }
}

/// One entry of the dead letter queue. Its verbs return a mistake in the id before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct DeadLetterHandle(Resource<DlqId>);

impl DeadLetterHandle {
    /// Reads the entry.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such entry.
    pub async fn get(&self) -> Result<DeadLetter, Error> {
        let id = self.0.id.clone()?;
        let decode = |body: &[u8]| {
            let mut entry: Map<String, Value> = json(body)?;
            // The service has been seen and described without it here; in a listing it is always there.
            if entry.get("dlqId").and_then(Value::as_str).is_none_or(str::is_empty) {
                entry.insert("dlqId".into(), id.as_str().into());
            }
            Ok(serde_json::from_value(entry.into())?)
        };
        self.0.call(|id| Call::new(Method::GET, &["dlq", id]), decode).await
    }

    /// Deletes the entry.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such entry; [`Error::is_ambiguous`] tells whether an earlier attempt of this
    /// call may have deleted it.
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

/// What a bulk call has done, and where to go on.
#[derive(Clone, Debug, Deserialize)]
#[must_use = "the cursor tells whether more is left to be deleted"]
#[non_exhaustive]
pub struct Deleted {
    /// How many entries were deleted.
    #[serde(default, deserialize_with = "or_default")]
    pub deleted: u64,
    /// Where the next call goes on; `None` when nothing is left.
    #[serde(default, deserialize_with = "absent_when_empty")]
    pub cursor: Option<String>,
}

impl DeadLetters {
    filters!();
    listing!("dlq", DeadLetter);

    /// These entries. [`delete`](Self::delete) and [`retry`](Self::retry) refuse all other filters beside it, which the
    /// server would ignore. Parameter: `dlqIds`.
    pub fn ids(self, ids: impl IntoIterator<Item: TryInto<DlqId, Error: fmt::Display>>) -> Self {
        Self(self.0.ids::<DlqId, _>("dlqIds", "dead letter queue ids", ids))
    }

    /// The entry of this message; the last call wins. Parameter: `messageId`.
    pub fn message(self, id: impl TryInto<MessageId, Error: fmt::Display>) -> Self {
        Self(self.0.only::<MessageId>("messageId", "message id", id))
    }

    /// Those whose last response had this status. Several are alternatives. Parameter: `responseStatus`.
    pub fn response_status(self, status: u16) -> Self {
        Self(self.0.set(|query| query.add("responseStatus", status)))
    }

    /// Deletes the entries that the filters select, as many as one call takes; the cursor tells whether there are more.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Without a filter nothing is sent: see [`delete_all`](Self::delete_all). It is never sent twice, since
    /// what has failed in between would be deleted too.
    pub async fn delete(&self) -> Result<Deleted, Error> {
        self.send_delete(|query| query.selects_something("dlqIds")).await
    }

    /// Deletes **every** entry, as many as one call takes; the cursor tells whether there are more.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Beside a filter nothing is sent. It is never sent twice.
    pub async fn delete_all(&self) -> Result<Deleted, Error> {
        self.send_delete(Query::selects_everything).await
    }

    /// Publishes the messages that the filters select again, as new ones, with these options instead of their own: as
    /// many as one call takes; the cursor tells whether there are more.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Without a filter nothing is sent: see [`retry_all`](Self::retry_all). It is never sent twice, since
    /// each time makes messages.
    pub async fn retry(&self, overrides: &MessageOptions) -> Result<Page<Receipt>, Error> {
        self.send_retry(|query| query.selects_something("dlqIds"), overrides).await
    }

    /// Publishes **every** message again, as many as one call takes; the cursor tells whether there are more.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Beside a filter nothing is sent. It is never sent twice.
    pub async fn retry_all(&self, overrides: &MessageOptions) -> Result<Page<Receipt>, Error> {
        self.send_retry(Query::selects_everything, overrides).await
    }

    async fn send_delete(
        &self,
        check: impl FnOnce(&Query) -> Result<(), crate::InvalidInput>,
    ) -> Result<Deleted, Error> {
        self.0.call(check, Call::new(Method::DELETE, &["dlq"]).once(), json).await
    }

    async fn send_retry(
        &self,
        check: impl FnOnce(&Query) -> Result<(), crate::InvalidInput>,
        overrides: &MessageOptions,
    ) -> Result<Page<Receipt>, Error> {
        let call = Call::new(Method::POST, &["dlq", "retry"]).headers(overrides.to_headers()?).once();
        self.0.call(check, call, json).await
    }
}
