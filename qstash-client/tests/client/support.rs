//! A server without a network.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use qstash_client::{Client, ClientBuilder, error::TransportError};

/// The token of all clients of a [`Script`]. It has characters that are escaped in URLs.
pub(crate) const TOKEN: &str = "token+of/a=test";

pub(crate) const ACCEPTED: &str = r#"{"messageId":"msg_1"}"#;

/// What the scripted server does with one request.
pub(crate) type Answer = Result<Response<Bytes>, TransportError>;

#[expect(clippy::unnecessary_wraps, reason = "all answers have one type")]
pub(crate) fn status(status: u16, body: &'static str) -> Answer {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

pub(crate) fn ok(body: &'static str) -> Answer {
    status(200, body)
}

pub(crate) fn with_headers(answer: Answer, headers: &[(&'static str, String)]) -> Answer {
    let mut response = answer?;
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    Ok(response)
}

pub(crate) fn not_sent() -> Answer {
    Err(TransportError::not_sent("connection refused"))
}

pub(crate) fn interrupted() -> Answer {
    Err(TransportError::interrupted("connection reset"))
}

/// A server without a network: it answers by a script, accepts everything when the script has ended, and remembers
/// what it was sent.
#[derive(Clone, Default)]
pub(crate) struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        let builder = Client::builder().base_url("https://qstash.example");
        self.behind(builder.token(TOKEN))
    }

    /// Lets the clients of a builder talk to this server.
    pub(crate) fn behind(&self, builder: ClientBuilder) -> ClientBuilder {
        let script = self.clone();
        builder.transport(tower::service_fn(move |request| {
            script.note(request);
            let answer = script.answers.lock().unwrap().pop_front();
            async move { answer.unwrap_or_else(|| ok(ACCEPTED)) }
        }))
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn note(&self, request: Request<Bytes>) {
        self.requests.lock().unwrap().push(request);
    }

    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }

    /// The one request that was sent.
    pub(crate) fn request(&self) -> Request<Bytes> {
        let requests = self.requests();
        assert_eq!(requests.len(), 1);
        requests.into_iter().next().unwrap()
    }
}

/// The values of a header, as text.
pub(crate) fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).into_iter();
    values.map(|value| str::from_utf8(value.as_bytes()).unwrap()).collect()
}
