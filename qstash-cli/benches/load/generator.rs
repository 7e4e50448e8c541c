//! Publishers: clients that send one request after the other, each over a connection of its own.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    runtime::{self, Runtime},
    task::JoinSet,
};

use crate::{Failed, Result, process::TOKEN};

/// How many requests are on their way at the same time, unless that is what is varied.
pub(crate) const PUBLISHERS: usize = 16;

/// When publishers stop.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Time(Duration),
    Messages(u64),
}

/// Clients on a thread of their own while they publish.
pub(crate) struct Publishers {
    runtime: Runtime,
    to: SocketAddr,
    connections: Vec<SendRequest<Full<Bytes>>>,
}

impl Publishers {
    /// Opens this many connections.
    pub(crate) fn connect(to: SocketAddr, count: usize) -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let connections = runtime.block_on(async {
            let mut connections = Vec::with_capacity(count);
            for _ in 0..count {
                let stream = TcpStream::connect(to).await?;
                stream.set_nodelay(true)?;
                let (requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
                // What is wrong with it is told to the sender of the request.
                tokio::spawn(async { drop(connection.await) });
                connections.push(requests);
            }
            Ok::<_, Failed>(connections)
        })?;
        Ok(Self { runtime, to, connections })
    }

    /// Posts bodies of this length until the limit. Returns how many were answered, and how long that took.
    ///
    /// # Errors
    ///
    /// An answer that is no success counts as one.
    pub(crate) fn post(&mut self, path: &str, body: usize, limit: Limit) -> Result<(u64, Duration)> {
        let body = Bytes::from(vec![b'7'; body]);
        self.send(limit, &request(self.to, path, &body))
    }

    /// Sends the requests that are made of the numbers from zero on.
    pub(crate) fn send(
        &mut self,
        limit: Limit,
        request: &(impl Fn(u64) -> Result<Request<Full<Bytes>>> + Clone + Send + 'static),
    ) -> Result<(u64, Duration)> {
        let next = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let answered = self.runtime.block_on(async {
            let mut running = JoinSet::new();
            for mut connection in self.connections.drain(..) {
                let (next, request) = (next.clone(), request.clone());
                running.spawn(async move {
                    let mut answered = 0;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let is_over = match limit {
                            Limit::Time(time) => started.elapsed() >= time,
                            Limit::Messages(count) => number >= count,
                        };
                        if is_over {
                            return Ok::<_, Failed>((answered, connection));
                        }
                        connection.ready().await?;
                        let answer = connection.send_request(request(number)?).await?;
                        if !answer.status().is_success() {
                            return Err(format!("a message was answered {}", answer.status()).into());
                        }
                        answer.into_body().collect().await?;
                        answered += 1;
                    }
                });
            }
            let mut all = 0;
            for ended in running.join_all().await {
                let (answered, connection) = ended?;
                all += answered;
                self.connections.push(connection);
            }
            Ok::<_, Failed>(all)
        })?;
        Ok((answered, started.elapsed()))
    }
}

/// Requests with this body, all the same.
fn request(
    to: SocketAddr,
    path: &str,
    body: &Bytes,
) -> impl Fn(u64) -> Result<Request<Full<Bytes>>> + Clone + Send + 'static {
    let (path, body) = (path.to_owned(), body.clone());
    move |_| Ok(publish(to, &path).body(body.clone().into())?)
}

/// The head of a request with a token.
pub(crate) fn publish(to: SocketAddr, path: &str) -> http::request::Builder {
    Request::post(path)
        .header(header::HOST, to.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header(header::CONTENT_TYPE, "application/json")
}
