//! Stand-ins for the server: one without a network, one on loopback.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use qstash_client::{Client, ClientBuilder, TransportError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

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
        self.behind(builder.token("token-of-a-test"))
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

/// A reqwest client as a caller might make it, except that it needs no certificates of the machine.
pub(crate) fn http_client() -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().no_proxy();
    #[cfg(feature = "__tls")]
    let builder = builder.tls_certs_only([]);
    builder
}

/// The values of a header, as text.
pub(crate) fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).into_iter();
    values.map(|value| str::from_utf8(value.as_bytes()).unwrap()).collect()
}

/// A server on loopback that answers every request with the same bytes, and remembers the bytes that it was sent.
pub(crate) struct RawServer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl RawServer {
    pub(crate) async fn start(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let answer: Arc<[u8]> = answer.into().into();
        let seen = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), answer.clone()));
            }
        });
        Self { url, requests }
    }

    /// A server that accepts every message.
    pub(crate) async fn accepting() -> Self {
        Self::start(http_answer("200 OK", &format!("content-length: {}\r\n", ACCEPTED.len()), ACCEPTED)).await
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A URL where connections are refused, for as long as the socket is there: nobody else gets its port.
pub(crate) fn refusing() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (format!("http://{}", socket.local_addr().unwrap()), socket)
}

pub(crate) fn http_answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n{body}")
}

/// Serves one request, then closes the connection. An empty answer leaves the request without one.
async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>, answer: Arc<[u8]>) {
    let mut request = Vec::new();
    while !is_complete(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
    // The client may have hung up before the end of a long answer.
    let _ = stream.write_all(&answer).await;
}

pub(crate) fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    body.len() >= length
}
