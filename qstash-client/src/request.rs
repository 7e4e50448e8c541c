//! Calls of the API as plain values. No IO.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use qstash_types::{Deduplication, DeduplicationId};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::{
    InvalidInput,
    error::Fault,
    message::MessageParts,
    query::{Query, encode},
};

/// Where the API is, and who calls it.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) base_url: String,
    pub(crate) authorization: HeaderValue,
    pub(crate) user_agent: HeaderValue,
}

impl Api {
    /// The call as a request. Each attempt sends a copy of it.
    pub(crate) fn request(&self, call: Call) -> Result<Request<Bytes>, InvalidInput> {
        // Nothing but a destination stands there unescaped.
        let longest = if call.target.contains("://") { "destination" } else { "URL of the call" };
        let uri = Uri::try_from(format!("{}{}", self.base_url, call.target))
            .map_err(|fault| InvalidInput::new(longest, fault))?;
        let mut request = Request::new(call.body);
        *request.method_mut() = call.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = call.headers;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(USER_AGENT, self.user_agent.clone());
        Ok(request)
    }

    /// The call as a URL alone. Its headers are parameters, and so is the token.
    pub(crate) fn webhook_url(&self, call: &Call) -> Result<String, InvalidInput> {
        let mut parameters = Vec::new();
        for (name, value) in &call.headers {
            let name = name.as_str();
            let refused = |fault: &str| InvalidInput::new("header", format!("{name} {fault}"));
            if !name.starts_with("upstash-") || name.contains("-forward-") {
                return Err(refused("cannot stand in a URL"));
            }
            parameters.push((name, str::from_utf8(value.as_bytes()).map_err(|_| refused("is not text"))?));
        }
        parameters.sort_unstable();
        let token = self.authorization.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        parameters.push(("qstash_token", token.expect("a token is text")));

        let mut url = format!("{}{}", self.base_url, call.target);
        for (name, value) in parameters {
            let separator = if url.contains('?') { '&' } else { '?' };
            write!(url, "{separator}{name}={}", encode(value)).expect("text grows without failing");
        }
        Ok(url)
    }
}

/// After which failures a call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// After all: it does no harm when it is carried out twice.
    Freely,
    /// After those that leave no doubt that it was not carried out.
    UnlessDone,
    /// After those that leave no doubt that it did not even arrive.
    UnlessArrived,
}

/// One call of the API, independent of the server that it will go to.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, to be appended to the base URL.
    pub(crate) target: String,
    headers: HeaderMap,
    body: Bytes,
    pub(crate) repeat: Repeat,
    pub(crate) deduplication_id: Option<DeduplicationId>,
}

impl Call {
    /// A call that may be repeated, with each segment of its path encoded as one.
    pub(crate) fn new(method: Method, path: &[&str]) -> Self {
        let target = path.iter().fold("/v2".to_owned(), |target, segment| target + "/" + &encode(segment));
        Self {
            method,
            target,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            repeat: Repeat::Freely,
            deduplication_id: None,
        }
    }

    /// A call that makes messages: `POST` to a path that ends with the destination as it is.
    pub(crate) fn delivering(path: &[&str], message: MessageParts) -> Result<Self, InvalidInput> {
        let mut call = Self::new(Method::POST, path);
        call.target = format!("{}/{}", call.target, message.destination.as_str());
        call.headers = message.to_headers()?;
        call.body = message.body;
        // All attempts are the same byte for byte, so their content is a deduplication id as well. A schedule is replaced
        // by itself.
        let options = &message.options;
        if options.deduplication.is_none() && options.schedule_id.is_none() {
            call.repeat = Repeat::UnlessDone;
        }
        call.deduplication_id = match message.options.deduplication {
            Some(Deduplication::Id(id)) => Some(id),
            _ => None,
        };
        Ok(call)
    }

    /// A call that publishes a message, or enqueues it.
    pub(crate) fn handing_over(mut message: MessageParts) -> Result<Self, InvalidInput> {
        message.can_stand_in_a_path()?;
        match message.options.queue.take() {
            Some(queue) => Self::delivering(&["enqueue", queue.as_str()], message),
            None => Self::delivering(&["publish"], message),
        }
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
        Self { headers, ..self }
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        self.document(serde_json::to_vec(body).expect("the bodies of calls are plain data").into())
    }

    /// Sends JSON that is written already.
    pub(crate) fn document(mut self, json: Bytes) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = json;
        self
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

/// Passes over an answer that says no more than its status.
#[expect(clippy::unnecessary_wraps, reason = "it stands where other answers are read")]
pub(crate) fn nothing(_: &[u8]) -> Result<(), Fault> {
    Ok(())
}
