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
    /// // Every one of them again, with more retries. One call takes as many as a page has.
    /// let (mut entries, patient) = (client.dlq().label("render"), MessageOptions::new().retries(5));
    /// while let Some(cursor) = entries.retry_with(&patient).await?.cursor {
    ///     entries = entries.cursor(cursor);
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

    /// Publishes the message again, as a new one. It leaves the queue.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such entry. It is never sent twice, since each time makes a message.
    pub async fn retry(&self) -> Result<Receipt, Error> {
        self.retry_with(&MessageOptions::new()).await
    }

    /// As [`retry`](Self::retry), with these options instead of those of the message.
    ///
    /// # Errors
    ///
    /// As [`retry`](Self::retry).
    pub async fn retry_with(&self, overrides: &MessageOptions) -> Result<Receipt, Error> {
        let headers = overrides.to_headers(&self.0.client.inner.api)?;
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

/// How many entries a call has deleted, and where the next call continues.
#[derive(Clone, Debug, Deserialize)]
#[must_use = "the cursor tells whether there is more to delete"]
#[non_exhaustive]
pub struct Deleted {
    /// How many entries were deleted.
    #[serde(default, deserialize_with = "or_default")]
    pub deleted: u64,
    /// Where the next call continues; `None` when there is nothing left to delete.
    #[serde(default, deserialize_with = "absent_when_empty")]
    pub cursor: Option<String>,
}

impl DeadLetters {
    filters!();
    listing!("dlq", DeadLetter);

    /// These entries. [`delete`](Self::delete) and [`retry`](Self::retry) refuse all other filters beside it, which the
    /// server would ignore. Parameter: `dlqIds`.
    pub fn ids(self, ids: impl IntoIterator<Item: TryInto<DlqId, Error: fmt::Display>>) -> Self {
        Self(self.0.ids::<DlqId, _>(IDS, "dead letter queue ids", ids))
    }

    /// The entry of this message; the last call wins. Parameter: `messageId`.
    pub fn message_id(self, id: impl TryInto<MessageId, Error: fmt::Display>) -> Self {
        Self(self.0.only::<MessageId>("messageId", "message id", id))
    }

    /// Those whose last response had this status. Several are alternatives. Parameter: `responseStatus`.
    pub fn response_status(self, status: u16) -> Self {
        Self(self.0.set(|query| query.add("responseStatus", status)))
    }

    /// Deletes the entries that the filters select, as many as a page has; the cursor tells whether there are more.
    ///
    /// ```no_run
    /// # async fn delete(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// let mut entries = client.dlq().label("render");
    /// while let Some(cursor) = entries.delete().await?.cursor {
    ///     entries = entries.cursor(cursor);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Error`]. Without a filter nothing is sent: see [`delete_all`](Self::delete_all). It is never sent twice, since
    /// what has failed in between would be deleted too.
    pub async fn delete(&self) -> Result<Deleted, Error> {
        self.0.query()?.selects_something(IDS)?;
        self.send_delete().await
    }

    /// Deletes **every** entry, as many as a page has; the cursor tells whether there are more.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Beside a filter nothing is sent. It is never sent twice.
    pub async fn delete_all(&self) -> Result<Deleted, Error> {
        self.0.query()?.selects_everything()?;
        self.send_delete().await
    }

    /// Publishes the messages that the filters select again, as new ones: as many as a page has; the cursor tells whether
    /// there are more. Those that have left the queue are passed over.
    ///
    /// ```no_run
    /// # async fn retry(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// let mut entries = client.dlq().label("render");
    /// while let Some(cursor) = entries.retry().await?.cursor {
    ///     entries = entries.cursor(cursor);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Error`]. Without a filter nothing is sent: see [`retry_all`](Self::retry_all). It is never sent twice, since
    /// each time makes messages.
    pub async fn retry(&self) -> Result<Page<Receipt>, Error> {
        self.retry_with(&MessageOptions::new()).await
    }

    /// As [`retry`](Self::retry), with these options instead of those of the messages.
    ///
    /// # Errors
    ///
    /// As [`retry`](Self::retry).
    pub async fn retry_with(&self, overrides: &MessageOptions) -> Result<Page<Receipt>, Error> {
        self.0.query()?.selects_something(IDS)?;
        self.send_retry(overrides).await
    }

    /// Publishes **every** message again, as many as a page has; the cursor tells whether there are more.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Beside a filter nothing is sent. It is never sent twice.
    pub async fn retry_all(&self) -> Result<Page<Receipt>, Error> {
        self.retry_all_with(&MessageOptions::new()).await
    }

    /// As [`retry_all`](Self::retry_all), with these options instead of those of the messages.
    ///
    /// # Errors
    ///
    /// As [`retry_all`](Self::retry_all).
    pub async fn retry_all_with(&self, overrides: &MessageOptions) -> Result<Page<Receipt>, Error> {
        self.0.query()?.selects_everything()?;
        self.send_retry(overrides).await
    }

    async fn send_delete(&self) -> Result<Deleted, Error> {
        let part = self.0.query()?.part(IDS)?;
        let call = Call::new(Method::DELETE, &["dlq"]).query(&part.query).once();
        let mut answer: Deleted = self.0.client.call(call, json).await?;
        answer.cursor = part.cursor(answer.cursor);
        Ok(answer)
    }

    async fn send_retry(&self, overrides: &MessageOptions) -> Result<Page<Receipt>, Error> {
        let headers = overrides.to_headers(&self.0.client.inner.api)?;
        let part = self.0.query()?.part(IDS)?;
        let retry = async |query: &Query| -> Result<Page<Receipt>, Error> {
            let call = Call::new(Method::POST, &["dlq", "retry"]).query(query).headers(headers.clone());
            self.0.client.call(call.once(), json).await
        };
        let mut page = match retry(&part.query).await {
            // One of them has left the queue in the meantime, and QStash has retried none.
            Err(Error::Api(error)) if part.is_of_ids() && error.says_not_found() => {
                let mut page = Page { items: Vec::new(), cursor: None };
                for query in part.query.one_by_one() {
                    match retry(&query).await {
                        Err(Error::Api(error)) if error.says_not_found() => {}
                        answer => page.items.extend(answer?.items),
                    }
                }
                page
            }
            answer => answer?,
        };
        page.cursor = part.cursor(page.cursor);
        Ok(page)
    }
}

/// The parameter of a list of ids.
const IDS: &str = "dlqIds";
