//! A client that sends exactly what it is told to, byte for byte.

use std::net::SocketAddr;

use qstash_dev::DevServer;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A call of the API. It carries the token and a proper `Host` unless it is told otherwise.
pub(crate) struct Call {
    address: SocketAddr,
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn get(server: &DevServer, target: &str) -> Call {
    call(server, "GET", target)
}

pub(crate) fn publish(server: &DevServer, destination: &str) -> Call {
    call(server, "POST", &format!("/v2/publish/{destination}"))
}

pub(crate) fn call(server: &DevServer, method: &str, target: &str) -> Call {
    Call {
        address: server.address(),
        line: format!("{method} {target} HTTP/1.1"),
        headers: vec![
            ("Host".to_owned(), server.address().to_string()),
            ("Authorization".to_owned(), format!("Bearer {}", server.token())),
            ("Connection".to_owned(), "close".to_owned()),
        ],
        body: Vec::new(),
    }
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    /// Goes to another address.
    pub(crate) fn to(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (line, headers, length) = (self.line, headers.concat(), self.body.len());
        let head = format!("{line}\r\n{headers}Content-Length: {length}\r\n\r\n");
        let request = [head.as_bytes(), &self.body].concat();

        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: answer[end + 4..].to_vec() }
    }

    /// Sends a call that is to be accepted, and returns the id of the message.
    pub(crate) async fn accepted(self) -> String {
        let answer = self.send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["messageId"].as_str().unwrap().to_owned()
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The text of a refusal, which holds nothing else.
    pub(crate) fn error(&self) -> String {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        let json = self.json();
        let members: Vec<_> = json.as_object().unwrap().keys().collect();
        assert_eq!(members, ["error"]);
        json["error"].as_str().unwrap().to_owned()
    }
}
