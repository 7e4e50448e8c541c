//! What is to be delivered, where, and how.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use qstash_types::{
    Deduplication, DeduplicationId, DeliveryOptions, Destination, QueueName, Start, UrlGroupName,
};
use serde::Serialize;

use crate::{
    InvalidInput,
    draft::{Draft, valid},
    settings::{headers_of, option_setters, setters},
};

/// A request that QStash is to deliver: a destination, a body, and how to go about it.
///
/// A plain value. It can be stored, cloned and published any number of times, and each publish is a message of its own.
///
/// ```
/// use std::time::Duration;
/// use qstash_client::Message;
///
/// let reminder = Message::to("https://api.example.com/remind")
///     .json(&["alice", "bob"])
///     .delay(Duration::from_secs(3600))
///     .retries(5)
///     .label("reminders");
/// # assert!(reminder.parts().is_ok());
/// ```
///
/// Setters never fail. The first mistake is kept, with the name of its field, and returned before anything is sent.
/// When a setter is called twice, the last call wins; [`forward`](Self::forward), [`header`](Self::header) and
/// [`label`](Self::label) add instead.
#[derive(Clone)]
#[must_use = "a message does nothing until it is published"]
pub struct Message(Draft<MessageParts>);

/// A message without mistakes.
#[derive(Clone)]
#[non_exhaustive]
pub struct MessageParts {
    /// Where it goes.
    pub destination: Destination,
    /// What is delivered.
    pub body: Bytes,
    /// What the setters have set, except for [`Message::header`].
    pub options: DeliveryOptions,
    /// The headers of [`Message::header`]. The options win over them.
    pub headers: HeaderMap,
    pub(crate) own_id: OwnId,
}

/// What a verb does about a message without a deduplication of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnId {
    /// It adds a fresh id.
    Wanted,
    /// It has added one, which stands in the options.
    Added,
    /// It leaves the message without.
    Unwanted,
}

impl Message {
    /// A message to one URL, which is sent and signed byte for byte as it is written here.
    ///
    /// It is refused when a URL parser on the way would change it, for instance for a space or a `..` segment: see
    /// [`Url::new`](crate::Url::new). Except in a batch, it is also refused for a parameter that QStash would take for its
    /// own, `qstash_token` or `upstash-…`.
    pub fn to(destination: impl TryInto<Destination, Error: fmt::Display>) -> Self {
        Self(Draft::new(valid("destination", destination).map(MessageParts::new)))
    }

    /// A message to every endpoint of a URL group.
    pub fn to_url_group(name: impl TryInto<UrlGroupName, Error: fmt::Display>) -> Self {
        let name = valid::<UrlGroupName>("URL group", name);
        Self(Draft::new(name.map(|name| MessageParts::new(name.into()))))
    }

    /// The body as JSON.
    ///
    /// Header: `Content-Type`, `application/json`.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        Self(self.0.try_set(|parts| {
            let json = serde_json::to_vec(value).map_err(|fault| InvalidInput::new("body", fault))?;
            parts.body = json.into();
            parts.options.content_type = Some(HeaderValue::from_static("application/json"));
            Ok(())
        }))
    }

    /// The body as text.
    ///
    /// Header: `Content-Type`, `text/plain; charset=utf-8`.
    pub fn text(self, text: impl Into<String>) -> Self {
        Self(self.0.set(|parts| {
            parts.body = text.into().into();
            parts.options.content_type = Some(HeaderValue::from_static("text/plain; charset=utf-8"));
        }))
    }

    /// The body as it is. [`content_type`](Self::content_type) tells the receiver what it is.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self(self.0.set(|parts| parts.body = body.into()))
    }

    /// The media type of the body.
    ///
    /// Header: `Content-Type`, delivered as it is.
    pub fn content_type(self, media_type: impl AsRef<str>) -> Self {
        Self(self.0.try_set(|parts| {
            parts.options.content_type = Some(valid("content type", media_type.as_ref())?);
            Ok(())
        }))
    }

    setters!("Upstash-", options.settings);
    option_setters!();

    /// Sends the message through a queue, which delivers in the order of arrival. The queue is made when it does not
    /// exist. [`delay`](Self::delay) and [`not_before`](Self::not_before) are refused together with a queue, except on
    /// a schedule.
    ///
    /// Path: `/v2/enqueue/{queue}/…`; in a batch the field `queue`; header of a schedule: `Upstash-Queue-Name`.
    pub fn in_queue(self, queue: impl TryInto<QueueName, Error: fmt::Display>) -> Self {
        Self(self.0.try_set(|parts| {
            parts.options.queue = Some(valid("queue", queue)?);
            Ok(())
        }))
    }

    /// Makes messages with the same id, within ten minutes, count as one.
    ///
    /// Unless this or one of its two alternatives is called, every publish gets a fresh id of its own, so that it can be
    /// repeated when its answer was lost.
    ///
    /// Header: `Upstash-Deduplication-Id`, free text without colons.
    pub fn deduplication_id(self, id: impl TryInto<DeduplicationId, Error: fmt::Display>) -> Self {
        Self(self.0.try_set(|parts| {
            parts.deduplicate(Some(Deduplication::Id(valid("deduplication id", id)?)), OwnId::Wanted);
            Ok(())
        }))
    }

    /// Makes messages with the same destination, body, content type and forwarded headers, within ten minutes, count as
    /// one.
    ///
    /// Header: `Upstash-Content-Based-Deduplication`, `true`.
    pub fn deduplicate_by_content(self) -> Self {
        Self(self.0.set(|parts| parts.deduplicate(Some(Deduplication::ByContent), OwnId::Wanted)))
    }

    /// Publishes without any deduplication.
    ///
    /// What is lost: a publish whose answer did not arrive cannot be repeated without the risk of a second message. The
    /// client then repeats only what certainly did not reach the server, and
    /// [`Error::is_ambiguous`](crate::Error::is_ambiguous) tells that the outcome is unknown.
    pub fn without_deduplication(self) -> Self {
        Self(self.0.set(|parts| parts.deduplicate(None, OwnId::Unwanted)))
    }

    /// What has been built so far, for a test or a log.
    ///
    /// # Errors
    ///
    /// The first mistake, if there was one.
    pub fn parts(&self) -> Result<&MessageParts, &InvalidInput> {
        self.0.get()
    }

    /// A message that was taken apart.
    pub(crate) fn restored(parts: Result<MessageParts, InvalidInput>) -> Self {
        Self(Draft::new(parts))
    }

    pub(crate) fn finish(self) -> Result<MessageParts, InvalidInput> {
        self.0.finish()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            Ok(parts) => parts.fmt(f),
            Err(mistake) => mistake.fmt(f),
        }
    }
}

impl MessageParts {
    fn new(destination: Destination) -> Self {
        Self {
            destination,
            body: Bytes::new(),
            options: DeliveryOptions::default(),
            headers: HeaderMap::new(),
            own_id: OwnId::Wanted,
        }
    }

    fn deduplicate(&mut self, deduplication: Option<Deduplication>, own_id: OwnId) {
        self.options.deduplication = deduplication;
        self.own_id = own_id;
    }

    /// Adds what the client adds to a message that is published or enqueued, and checks what a queue cannot do.
    pub(crate) fn complete(
        &mut self,
        fresh_id: impl FnOnce() -> DeduplicationId,
    ) -> Result<(), InvalidInput> {
        if self.options.queue.is_some()
            && let Some(start) = self.options.start
        {
            let field = match start {
                Start::After(_) => "delay",
                Start::At(_) => "not-before",
            };
            return Err(InvalidInput::new(field, "a queue delivers in order and cannot hold a message back"));
        }
        if self.options.deduplication.is_none() && self.own_id == OwnId::Wanted {
            self.deduplicate(Some(Deduplication::Id(fresh_id())), OwnId::Added);
        }
        Ok(())
    }

    /// Refuses a destination with a parameter that would never arrive: where the destination is a part of the path, QStash
    /// takes parameters with names of its own for options of the call.
    pub(crate) fn can_stand_in_a_path(&self) -> Result<(), InvalidInput> {
        let query = self.destination.as_str().split_once('?').map_or("", |(_, query)| query);
        let names = query.split('&').map(|pair| decode(pair.split('=').next().unwrap_or_default()));
        let is_own = |name: &String| name == "qstash_token" || name.starts_with("upstash-");
        match names.map(|name| name.to_ascii_lowercase()).find(is_own) {
            Some(name) => {
                let fault = format!("QStash would take the parameter {name} for its own, send it in a batch");
                Err(InvalidInput::new("destination", fault))
            }
            None => Ok(()),
        }
    }

    /// Every header of the message. The options win over the plain headers.
    pub(crate) fn to_headers(&self) -> Result<HeaderMap, InvalidInput> {
        headers_of(&self.options, &self.headers)
    }
}

/// Undoes the percent-encoding of a name. What is no text afterwards is no name of QStash's either.
fn decode(name: &str) -> String {
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| str::from_utf8(digits).ok());
        let escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (byte, tail) = escaped.map_or((*first, tail), |byte| (byte, &tail[2..]));
        decoded.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl fmt::Debug for MessageParts {
    /// Shows neither the body nor the values of headers: both may be confidential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("destination", &self.destination)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("options", &self.options)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
