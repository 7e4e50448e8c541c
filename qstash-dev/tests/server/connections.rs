//! Connections: as many as there may be, and who gives way.

use qstash_dev::DevServer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::client::get;

async fn connect(server: &DevServer) -> TcpStream {
    TcpStream::connect(server.address()).await.unwrap()
}

/// Makes a call over a connection that stays open, and says whether it was answered.
async fn is_answered(stream: &mut TcpStream, server: &DevServer) -> bool {
    let (address, token) = (server.address(), server.token());
    let call = format!("GET /v2/keys HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    if stream.write_all(call.as_bytes()).await.is_err() {
        return false;
    }
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await.unwrap_or(0);
    answer[..length].starts_with(b"HTTP/1.1 200 ")
}

#[tokio::test]
async fn strangers_keep_nobody_out_who_has_a_token() {
    let server = DevServer::builder().connections(8).start().await.unwrap();
    let mut known = connect(&server).await;
    assert!(is_answered(&mut known, &server).await);
    let mut strangers = Vec::new();
    for _ in 0..40 {
        let mut stranger = connect(&server).await;
        stranger.write_all(b"GET / HTTP/1.1\r\nHost: unfinished").await.unwrap();
        strangers.push(stranger);
        assert_eq!(get(&server, "/v2/keys").send().await.status, 200);
    }
    assert!(is_answered(&mut known, &server).await, "a token was shown over it");
    // The oldest are gone.
    assert_eq!(strangers[0].read(&mut [0; 16]).await.unwrap_or(0), 0);
    let newest = strangers.last_mut().unwrap();
    newest.write_all(b"\r\n\r\n").await.unwrap();
    assert!(newest.read(&mut [0; 16]).await.unwrap() > 0);
}

#[tokio::test]
async fn who_has_shown_a_token_does_not_give_way_to_anybody() {
    let server = DevServer::builder().connections(2).start().await.unwrap();
    let (mut one, mut other) = (connect(&server).await, connect(&server).await);
    assert!(is_answered(&mut one, &server).await && is_answered(&mut other, &server).await);
    let mut late = connect(&server).await;
    assert!(is_answered(&mut one, &server).await && is_answered(&mut other, &server).await);
    drop(one);
    assert!(is_answered(&mut late, &server).await, "its turn has come");
    assert!(is_answered(&mut other, &server).await);
}
