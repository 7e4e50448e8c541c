//! What a caller publishes: a destination, a body, and settings.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use qstash_types::{
    Deduplication, DeduplicationId, DeliveryOptions, Destination, QueueName, Start, UrlGroupName, query_pairs,
};
use serde::Serialize;

use crate::{
    draft::{Draft, valid},
    error::InvalidInput,
    setters::{headers_of, option_setters, setters},
};

/// A request that QStash is to deliver: a destination, a body, and settings.
///
/// It is a plain value, which can be stored, cloned and published any number of times. Each publish makes a new message.
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
pub struct Message(Draft<Box<MessageParts>>);

/// How many bytes most bodies have at most. A message takes twice as many without its body.
const USUAL_BODY: usize = 512;

/// A message without mistakes.
#[derive(Clone)]
#[non_exhaustive]
pub struct MessageParts {
    /// Where it goes.
    pub destination: Destination,
    /// The body.
    pub body: Bytes,
    /// The settings, except for [`Message::header`].
    pub options: DeliveryOptions,
    /// The headers of [`Message::header`]. The options win over them.
    pub headers: HeaderMap,
    pub(crate) own_id: OwnId,
    /// Whether the content type is that of [`Message::json`] or [`Message::text`], and goes with their body.
    is_type_of_body: bool,
}

const _: () =
    assert!(size_of::<MessageParts>() <= 1024, "allocators are slower above that, and each message has one");

/// Whether the client adds a deduplication id to a message that has none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnId {
    /// It will add a fresh id.
    Wanted,
    /// It has added one to the options.
    Added,
    /// The caller does not want one.
    Unwanted,
}

impl Message {
    /// A message to one URL, which is sent and signed byte for byte as it is written here.
    ///
    /// It is refused when a URL parser on the way would change it, for instance for a space or a `..` segment: see
    /// [`Url::new`](crate::types::Url::new). Except in a batch, it is also refused for a parameter that QStash would
    /// take for its own, `qstash_token` or `upstash-…`.
    pub fn to(destination: impl TryInto<Destination, Error: fmt::Display>) -> Self {
        Self(Draft::new(valid("destination", destination).map(MessageParts::new).map(Box::new)))
    }

    /// A message to every endpoint of a URL group.
    pub fn to_url_group(name: impl TryInto<UrlGroupName, Error: fmt::Display>) -> Self {
        let name = valid::<UrlGroupName>("URL group", name);
        Self(Draft::new(name.map(|name| Box::new(MessageParts::new(name.into())))))
    }

    /// The body as JSON.
    ///
    /// Header: `Content-Type`, `application/json`.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        Self(self.0.try_set(|parts| {
            let mut json = Vec::with_capacity(USUAL_BODY);
            serde_json::to_writer(&mut json, value).map_err(|fault| InvalidInput::new("body", fault))?;
            parts.set_body(json.into(), "application/json");
            Ok(())
        }))
    }

    /// The body as text.
    ///
    /// Header: `Content-Type`, `text/plain; charset=utf-8`.
    pub fn text(self, text: impl Into<String>) -> Self {
        Self(self.0.set(|parts| parts.set_body(text.into().into(), "text/plain; charset=utf-8")))
    }

    /// The body as it is. [`content_type`](Self::content_type) tells the receiver what it is; the type that
    /// [`json`](Self::json) or [`text`](Self::text) has set before is dropped.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self(self.0.set(|parts| {
            parts.body = body.into();
            if parts.is_type_of_body {
                parts.options.content_type = None;
                parts.is_type_of_body = false;
            }
        }))
    }

    /// The media type of the body.
    ///
    /// Header: `Content-Type`, delivered as it is.
    pub fn content_type(self, media_type: impl AsRef<str>) -> Self {
        Self(self.0.try_set(|parts| {
            parts.options.content_type = Some(valid("content type", media_type.as_ref())?);
            parts.is_type_of_body = false;
            Ok(())
        }))
    }

    setters!("", options.settings);
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
    /// A publish whose answer was lost cannot be repeated then without the risk of a second message. The client repeats
    /// only a publish that certainly did not reach the server, and [`Error::is_ambiguous`](crate::Error::is_ambiguous)
    /// tells that the outcome is unknown.
    pub fn without_deduplication(self) -> Self {
        Self(self.0.set(|parts| parts.deduplicate(None, OwnId::Unwanted)))
    }

    /// The message as it has been built so far, for a test or a log.
    ///
    /// # Errors
    ///
    /// The first mistake, if there was one.
    pub fn parts(&self) -> Result<&MessageParts, &InvalidInput> {
        self.0.get().map(|parts| &**parts)
    }

    /// Makes a message from its parts again.
    pub(crate) fn restored(parts: Result<Box<MessageParts>, InvalidInput>) -> Self {
        Self(Draft::new(parts))
    }

    pub(crate) fn finish(self) -> Result<Box<MessageParts>, InvalidInput> {
        self.0.finish()
    }
}

impl From<MessageParts> for Message {
    /// Makes a message from its parts again, perhaps with other options.
    fn from(parts: MessageParts) -> Self {
        Self(Draft::new(Ok(Box::new(parts))))
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
            is_type_of_body: false,
        }
    }

    fn set_body(&mut self, body: Bytes, content_type: &'static str) {
        self.body = body;
        self.options.content_type = Some(HeaderValue::from_static(content_type));
        self.is_type_of_body = true;
    }

    fn deduplicate(&mut self, deduplication: Option<Deduplication>, own_id: OwnId) {
        self.options.deduplication = deduplication;
        self.own_id = own_id;
    }

    /// Adds a deduplication id where it is missing, and refuses what a queue cannot do.
    pub(crate) fn complete(
        &mut self,
        fresh_id: impl FnOnce() -> DeduplicationId,
    ) -> Result<(), InvalidInput> {
        self.fits_its_queue()?;
        if self.options.deduplication.is_none() && self.own_id == OwnId::Wanted {
            self.deduplicate(Some(Deduplication::Id(fresh_id())), OwnId::Added);
        }
        Ok(())
    }

    fn fits_its_queue(&self) -> Result<(), InvalidInput> {
        match self.options.start {
            Some(start) if self.options.queue.is_some() => {
                let field = match start {
                    Start::After(_) => "delay",
                    Start::At(_) => "not-before",
                };
                Err(InvalidInput::new(field, "a queue delivers in order and cannot hold a message back"))
            }
            _ => Ok(()),
        }
    }

    /// Finds what [`Client::publish`](crate::Client::publish) or [`Client::batch`](crate::Client::batch) would refuse
    /// whatever client sends the message: for a program that keeps it to send it later.
    ///
    /// # Errors
    ///
    /// The first mistake. A message that a batch cannot carry, because its body or a header is not UTF-8, has none if it
    /// can be published alone.
    pub fn check(&self) -> Result<(), InvalidInput> {
        self.fits_its_queue()?;
        let headers = self.to_headers()?;
        if self.is_text(&headers) { Ok(()) } else { self.can_stand_in_a_path() }
    }

    /// Whether a batch can carry the message, which takes text alone.
    pub fn fits_into_a_batch(&self) -> bool {
        self.to_headers().is_ok_and(|headers| self.is_text(&headers))
    }

    fn is_text(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.values();
        str::from_utf8(&self.body).is_ok() && values.all(|value| str::from_utf8(value.as_bytes()).is_ok())
    }

    /// Refuses a destination with a parameter that would never arrive: where the destination is a part of the path, QStash
    /// takes parameters with names of its own for options of the call.
    pub(crate) fn can_stand_in_a_path(&self) -> Result<(), InvalidInput> {
        let Destination::Url(url) = &self.destination else { return Ok(()) };
        match query_pairs(url.query()).find(|pair| pair.is_own()) {
            Some(pair) => {
                let name = pair.raw_name();
                let fault = format!("QStash would take the parameter {name} for its own, send it in a batch");
                Err(InvalidInput::new("destination", fault))
            }
            None => Ok(()),
        }
    }

    /// Every header of the message, as it is sent with it. The options win over the plain headers.
    ///
    /// # Errors
    ///
    /// Options that cannot be written: see [`DeliveryOptions::to_headers`].
    pub fn to_headers(&self) -> Result<HeaderMap, InvalidInput> {
        headers_of(&self.options, &self.headers)
    }
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
