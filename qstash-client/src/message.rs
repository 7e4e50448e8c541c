//! What is to be delivered, where, and how.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use qstash_types::{
    Deduplication, DeduplicationId, DeliveryOptions, Destination, Label, Redaction, Start, UrlGroupName,
    header,
};
use serde::Serialize;

use crate::{
    CallbackTarget, InvalidMessage,
    draft::{Draft, valid},
    settings::{self, setters},
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
    /// Whether a verb adds a deduplication id when the options have no deduplication.
    pub(crate) adds_deduplication_id: bool,
}

/// Headers that [`Message::header`] refuses: what the client and HTTP itself write, and pairs of which at most one may
/// be sent, so that a setter could not win by name alone.
static RESERVED: [HeaderName; 12] = [
    http::header::AUTHORIZATION,
    http::header::CONNECTION,
    http::header::CONTENT_LENGTH,
    http::header::EXPECT,
    http::header::HOST,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    http::header::USER_AGENT,
    header::DELAY,
    header::NOT_BEFORE,
    header::DEDUPLICATION_ID,
    header::CONTENT_BASED_DEDUPLICATION,
];

impl Message {
    /// A message to one URL, which is sent and signed byte for byte as it is written here.
    ///
    /// It is refused when a URL parser on the way would change it, for instance for a space or a `..` segment: see
    /// [`Url::new`](crate::Url::new).
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
            let json = serde_json::to_vec(value).map_err(|fault| InvalidMessage::new("body", fault))?;
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

    /// The wait between acceptance and the first attempt. Replaces [`not_before`](Self::not_before).
    ///
    /// Header: `Upstash-Delay`, in whole seconds, rounded up.
    pub fn delay(self, delay: Duration) -> Self {
        Self(self.0.set(|parts| parts.options.start = Some(Start::After(delay))))
    }

    /// The earliest time of the first attempt. Replaces [`delay`](Self::delay).
    ///
    /// Header: `Upstash-Not-Before`, in whole Unix seconds, rounded up.
    pub fn not_before(self, time: SystemTime) -> Self {
        Self(self.0.set(|parts| parts.options.start = Some(Start::At(time))))
    }

    /// Makes messages with the same id, within ten minutes, count as one.
    ///
    /// Unless this or one of its two alternatives is called, every publish gets a fresh id of its own, so that it can be
    /// repeated when its answer was lost.
    ///
    /// Header: `Upstash-Deduplication-Id`, free text without colons.
    pub fn deduplication_id(self, id: impl TryInto<DeduplicationId, Error: fmt::Display>) -> Self {
        Self(self.0.try_set(|parts| {
            parts.options.deduplication = Some(Deduplication::Id(valid("deduplication id", id)?));
            Ok(())
        }))
    }

    /// Makes messages with the same destination, body, content type and forwarded headers, within ten minutes, count as
    /// one.
    ///
    /// Header: `Upstash-Content-Based-Deduplication`, `true`.
    pub fn deduplicate_by_content(self) -> Self {
        Self(self.0.set(|parts| parts.options.deduplication = Some(Deduplication::ByContent)))
    }

    /// Publishes without any deduplication.
    ///
    /// What is lost: a publish whose answer did not arrive cannot be repeated without the risk of a second message. The
    /// client then repeats only what certainly did not reach the server, and
    /// [`Error::is_ambiguous`](crate::Error::is_ambiguous) tells that the outcome is unknown.
    pub fn without_deduplication(self) -> Self {
        Self(self.0.set(|parts| {
            parts.options.deduplication = None;
            parts.adds_deduplication_id = false;
        }))
    }

    /// Whom to call after every attempt, successful or not: a URL or a [`CallbackTarget`].
    ///
    /// Headers: `Upstash-Callback` and `Upstash-Callback-…`.
    pub fn callback(self, target: impl Into<CallbackTarget>) -> Self {
        Self(self.0.try_set(|parts| {
            parts.options.callback = Some(target.into().finish("callback")?);
            Ok(())
        }))
    }

    /// Whom to call once when the last attempt has failed: a URL or a [`CallbackTarget`].
    ///
    /// Headers: `Upstash-Failure-Callback` and `Upstash-Failure-Callback-…`.
    pub fn failure_callback(self, target: impl Into<CallbackTarget>) -> Self {
        Self(self.0.try_set(|parts| {
            parts.options.failure_callback = Some(target.into().finish("failure callback")?);
            Ok(())
        }))
    }

    /// Adds a label to find the message by in logs and in the dead letter queue.
    ///
    /// Header: `Upstash-Label`, joined by commas.
    pub fn label(self, label: impl TryInto<Label, Error: fmt::Display>) -> Self {
        Self(self.0.try_set(|parts| {
            parts.options.labels.push(valid("label", label)?);
            Ok(())
        }))
    }

    /// What logs, the console and reads of the API must not show. The delivery is not affected.
    ///
    /// Header: `Upstash-Redact-Fields`.
    pub fn redact(self, redaction: Redaction) -> Self {
        Self(self.0.set(|parts| parts.options.redaction = Some(redaction)))
    }

    /// Delivers every header of the publish request under its own name, in addition to the forwarded ones.
    ///
    /// Header: `Upstash-Header-Forward`, `true`.
    pub fn forward_all_headers(self) -> Self {
        Self(self.0.set(|parts| parts.options.forward_all_headers = true))
    }

    /// Adds a header to the publish request itself, under exactly this name: an `Upstash-…` header that has no setter
    /// here, or one for [`forward_all_headers`](Self::forward_all_headers).
    ///
    /// It cannot contradict the setters. A header that a setter writes as well is taken from the setter. Refused are
    /// headers of which the setters write one of two (`Upstash-Delay`, `Upstash-Not-Before`, `Upstash-Deduplication-Id`,
    /// `Upstash-Content-Based-Deduplication`), and those that the client or HTTP itself writes, such as `Authorization`.
    pub fn header(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        Self(self.0.try_set(|parts| {
            if RESERVED.iter().any(|own| name.eq_ignore_ascii_case(own.as_str())) {
                let fault = format!("{name} cannot be set here, the client or a setter writes it");
                return Err(InvalidMessage::new("header", fault));
            }
            settings::append("header", &mut parts.headers, name, value.as_ref())
        }))
    }

    /// What has been built so far, for a test or a log.
    ///
    /// # Errors
    ///
    /// The first mistake, if there was one.
    pub fn parts(&self) -> Result<&MessageParts, &InvalidMessage> {
        self.0.get()
    }

    pub(crate) fn finish(self) -> Result<MessageParts, InvalidMessage> {
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
            adds_deduplication_id: true,
        }
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
