//! Calls of the API as plain values, without IO.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
use qstash_types::{Deduplication, DeduplicationId, percent::encode};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::{
    error::{Fault, InvalidInput},
    message::MessageParts,
    observe::Facts,
    query::Query,
};

/// After which failures a call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// After every failure: it does no harm when it is carried out twice.
    Freely,
    /// After failures of calls that certainly were not carried out.
    UnlessDone,
    /// After failures of calls that certainly did not arrive.
    UnlessArrived,
}

/// The headers of a call.
#[derive(Clone)]
enum CallHeaders {
    Plain(HeaderMap),
    /// Written anew for each attempt, since most calls have one: a copy would cost as much as the headers themselves.
    OfMessage(Box<MessageParts>),
}

/// One call of the API, independent of the server that it will go to.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, to be appended to the base URL.
    pub(crate) target: String,
    headers: CallHeaders,
    pub(crate) body: Bytes,
    pub(crate) repeat: Repeat,
    pub(crate) deduplication_id: Option<DeduplicationId>,
    pub(crate) facts: Facts,
}

impl Call {
    /// A call that may be repeated, with each segment of its path encoded as one.
    pub(crate) fn new(method: Method, path: &[&str]) -> Self {
        Self::to(method, path, None)
    }

    fn to(method: Method, path: &[&str], destination: Option<&str>) -> Self {
        let mut target = String::with_capacity(64 + destination.map_or(0, str::len));
        target.push_str("/v2");
        for segment in path {
            target.push('/');
            target.push_str(&encode(segment));
        }
        if let Some(destination) = destination {
            target.push('/');
            target.push_str(destination);
        }
        Self {
            method,
            target,
            headers: CallHeaders::Plain(HeaderMap::new()),
            body: Bytes::new(),
            repeat: Repeat::Freely,
            deduplication_id: None,
            facts: Facts::default(),
        }
    }

    /// A call that makes messages: `POST` to a path that ends with the destination as it is.
    pub(crate) fn delivering(path: &[&str], message: Box<MessageParts>) -> Self {
        let mut call = Self::to(Method::POST, path, Some(message.destination.as_str()));
        call.body.clone_from(&message.body);
        // All attempts are the same byte for byte, so their content is a deduplication id as well. A schedule is replaced
        // by itself.
        let options = &message.options;
        if options.deduplication.is_none() && options.schedule_id.is_none() {
            call.repeat = Repeat::UnlessDone;
        }
        if let Some(Deduplication::Id(id)) = &options.deduplication {
            call.deduplication_id = Some(id.clone());
        }
        call.headers = CallHeaders::OfMessage(message);
        call
    }

    /// A call that publishes a message, or enqueues it.
    pub(crate) fn handing_over(mut message: Box<MessageParts>) -> Result<Self, InvalidInput> {
        message.can_stand_in_a_path()?;
        Ok(match message.options.queue.take() {
            Some(queue) => Self::delivering(&["enqueue", queue.as_str()], message),
            None => Self::delivering(&["publish"], message),
        })
    }

    /// The same call, to be sent again after other failures.
    pub(crate) fn repeat(self, repeat: Repeat) -> Self {
        Self { repeat, ..self }
    }

    /// The same call, which must not be repeated once it may have arrived, whatever the answer.
    pub(crate) fn once(self) -> Self {
        self.repeat(Repeat::UnlessArrived)
    }

    pub(crate) fn query(mut self, query: &Query) -> Self {
        self.target.push_str(&query.to_string());
        self
    }

    pub(crate) fn headers(self, headers: HeaderMap) -> Self {
        Self { headers: CallHeaders::Plain(headers), ..self }
    }

    pub(crate) fn to_headers(&self) -> Result<HeaderMap, InvalidInput> {
        match &self.headers {
            CallHeaders::Plain(headers) => Ok(headers.clone()),
            CallHeaders::OfMessage(message) => {
                let mut headers = message.to_headers()?;
                let written = self.facts.write_to(message, &mut headers);
                written.map_err(|fault| InvalidInput::new("header", fault))?;
                Ok(headers)
            }
        }
    }

    /// The same call, with what its span is to show.
    pub(crate) fn facts(self, facts: Facts) -> Self {
        Self { facts, ..self }
    }

    /// The message that it is made for.
    pub(crate) fn message(&self) -> Option<&MessageParts> {
        match &self.headers {
            CallHeaders::Plain(_) => None,
            CallHeaders::OfMessage(message) => Some(message),
        }
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        self.document(serde_json::to_vec(body).expect("the bodies of calls are plain data").into())
    }

    /// Sends JSON that is written already.
    pub(crate) fn document(self, json: Bytes) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Self { body: json, ..self.headers(headers) }
    }
}

/// Reads an answer that is JSON.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    Ok(serde_json::from_slice(body)?)
}

/// Reads a value of an answer; `null` is the default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Ignores the body of an answer whose status says everything.
#[expect(clippy::unnecessary_wraps, reason = "the type is that of the other decoders")]
pub(crate) fn nothing(_: &[u8]) -> Result<(), Fault> {
    Ok(())
}
