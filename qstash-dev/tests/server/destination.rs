//! Destinations: what deliveries arrive at.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Method, target and version.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A connection from the server. Writes are not buffered.
pub(crate) type Connection = BufReader<TcpStream>;

/// A server that remembers what it gets, and is gone on drop.
pub(crate) struct Destination {
    /// `127.0.0.1:PORT`
    pub(crate) authority: String,
    received: Arc<Mutex<Vec<Received>>>,
    _tasks: JoinSet<()>,
}

impl Destination {
    /// Answers each request with what the function makes of it.
    pub(crate) async fn start(answer: impl Fn(&Received) -> Vec<u8> + Clone + Send + Sync + 'static) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = received.clone();
        let mut destination = Self::serving(move |mut stream| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                while let Some(request) = read(&mut stream).await {
                    let bytes = answer(&request);
                    log.lock().unwrap().push(request);
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        destination.received = received;
        destination
    }

    /// Answers every request with this status.
    pub(crate) async fn answering(status: u16) -> Self {
        Self::start(move |_| response(status, "")).await
    }

    /// Does with each connection what the function does with it.
    pub(crate) async fn serving<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(Connection) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(BufReader::new(stream)));
            }
        });
        Self { authority, received: Arc::default(), _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How many requests came for this path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.received.lock().unwrap().iter().filter(|request| request.path() == path).count()
    }
}

pub(crate) fn response(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Reads a request, or nothing if the connection ends before it does.
pub(crate) async fn read(stream: &mut Connection) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { line, headers, body })
}
