//! Requests over a real connection, in the forms that only a connection can have.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The path that was signed, the target of the request, and the status it must get.
pub const TARGETS: &[(&str, &str, u16)] = &[
    ("/done?a=1", "/done?a=1", 200),
    ("/done", "http://evil.example/done", 200),
    ("/", "http://evil.example", 200),
    ("/caf\u{e9}", "/caf\u{e9}", 200),
    ("/caf%C3%A9", "/caf\u{e9}", 200),
    ("/done", "http://evil.example/failed", 403),
    ("/done", "//evil.example/done", 403),
    ("/done", "/a/../done", 403),
    ("/done", "/a/%2e%2e/done", 403),
    ("/", "*", 403),
];

/// Sends a request with this target, whatever bytes it has, over HTTP/1. Answers the status.
pub async fn http1(address: SocketAddr, target: &str, signature: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: evil.example\r\nUpstash-Signature: {signature}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Sends a request over HTTP/2. Answers status and body.
pub async fn http2(address: SocketAddr, path: &str, signature: &str, body: &Bytes) -> (u16, Bytes) {
    let connection = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), connection).await.unwrap();
    tokio::spawn(connection);
    // HTTP/2 has scheme and authority beside the path, and servers put them into the URI.
    let uri = Uri::builder().scheme("http").authority("evil.example").path_and_query(path).build().unwrap();
    let request = Request::post(uri).header("upstash-signature", signature);
    let response = sender.send_request(request.body(Full::new(body.clone())).unwrap()).await.unwrap();
    (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
}
