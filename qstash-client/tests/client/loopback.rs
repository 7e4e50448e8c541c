//! A server on loopback, for what goes through a socket.

#[cfg(feature = "reqwest")]
use std::sync::LazyLock;
use std::sync::{Arc, Mutex};

use qstash_client::{Client, ClientBuilder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

use crate::support::ACCEPTED;

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

/// A client of this server, with no certificates of the machine where that can be said.
pub(crate) fn builder(url: &str) -> ClientBuilder {
    let builder = Client::builder().base_url(url).token("t");
    #[cfg(feature = "reqwest")]
    return builder.http_client(HTTP.clone());
    #[cfg(not(feature = "reqwest"))]
    builder
}

/// Shared, since setting it up takes longer than a call. Each call has a connection of its own.
#[cfg(feature = "reqwest")]
static HTTP: LazyLock<reqwest::Client> =
    LazyLock::new(|| http_client().pool_max_idle_per_host(0).build().unwrap());

/// A reqwest client as a caller might make it, except that it needs no certificates of the machine.
#[cfg(feature = "reqwest")]
pub(crate) fn http_client() -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().no_proxy();
    #[cfg(feature = "__tls")]
    let builder = builder.tls_certs_only([]);
    builder
}
