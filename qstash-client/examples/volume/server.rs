//! A server that records what it is sent, deduplicates as QStash does, and drops connections.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Buf, BytesMut};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Of so many calls, the connection of one is dropped: by turns before and after the call is carried out.
const DROP_ONE_IN: usize = 100;

pub(crate) struct Server {
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: usize,
    lost_calls: usize,
    lost_answers: usize,
    repeated: usize,
    ids: HashSet<u128>,
    /// How often each message was enqueued.
    enqueued: Vec<u8>,
}

/// What arrived.
pub(crate) struct Seen {
    pub(crate) calls: usize,
    pub(crate) lost_calls: usize,
    pub(crate) lost_answers: usize,
    pub(crate) repeated: usize,
    pub(crate) missing: usize,
    pub(crate) doubled: usize,
}

#[derive(Deserialize)]
struct Item {
    body: String,
    headers: Headers,
}

#[derive(Deserialize)]
struct Headers {
    #[serde(rename = "upstash-deduplication-id")]
    id: String,
}

impl Server {
    pub(crate) async fn start(messages: usize) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        // Everything is allocated now, so that what grows later is the client's.
        let ids: HashSet<u128> = (0..messages as u128).collect();
        let mut state = State { enqueued: vec![0; messages], ids, ..State::default() };
        state.ids.clear();
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                // A connection that breaks is what this server is for.
                tokio::spawn(async move { serve(stream, &state).await.unwrap_or_default() });
            }
        });
        Ok(Self { url, state })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn seen(&self) -> Seen {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let messages_enqueued =
            |times: fn(u8) -> bool| state.enqueued.iter().filter(|own| times(**own)).count();
        Seen {
            calls: state.calls,
            lost_calls: state.lost_calls,
            lost_answers: state.lost_answers,
            repeated: state.repeated,
            missing: messages_enqueued(|times| times == 0),
            doubled: messages_enqueued(|times| times > 1),
        }
    }
}

impl State {
    /// Carries out a call, and gives the answer unless the connection is to be dropped.
    fn call(&mut self, document: &[u8]) -> Option<String> {
        self.calls += 1;
        let dropped = self.calls.is_multiple_of(DROP_ONE_IN);
        if dropped && self.lost_calls == self.lost_answers {
            self.lost_calls += 1;
            return None;
        }
        let items: Vec<Item> = serde_json::from_slice(document).expect("the client writes JSON");
        let answers: Vec<_> = items.iter().map(|item| self.accept(item)).collect();
        if dropped {
            self.lost_answers += 1;
            return None;
        }
        Some(format!("[{}]", answers.join(",")))
    }

    fn accept(&mut self, item: &Item) -> String {
        let id = u128::from_str_radix(&item.headers.id, 16).expect("the client makes hexadecimal ids");
        let number: usize = item.body.parse().expect("bodies are numbers");
        let fresh = self.ids.insert(id);
        if fresh {
            self.enqueued[number] += 1;
        } else {
            self.repeated += 1;
        }
        format!(r#"{{"messageId":"msg_{number}","deduplicated":{}}}"#, !fresh)
    }
}

async fn serve(mut stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut received = BytesMut::new();
    loop {
        let Some(document) = read_request(&mut stream, &mut received).await? else {
            return Ok(());
        };
        let answer = state.lock().unwrap_or_else(PoisonError::into_inner).call(&document);
        let Some(answer) = answer else {
            return Ok(());
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
        stream.write_all((head + &answer).as_bytes()).await?;
    }
}

/// The body of the next request on a connection; nothing when the client has closed it.
async fn read_request(stream: &mut TcpStream, received: &mut BytesMut) -> io::Result<Option<BytesMut>> {
    loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if received.len() >= end + 4 + length {
                received.advance(end + 4);
                return Ok(Some(received.split_to(length)));
            }
        }
        if stream.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}
