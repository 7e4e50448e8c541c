//! The API: connections, the way from a request to its resource, and back.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use qstash_types::SigningKeys;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::{
    broker::LONGEST_BODY,
    gate::Gate,
    reply::{Refusal, Reply},
    routes::{dlq, keys, logs, messages, publish},
    worker::Handle,
};

/// How long a client may take to send the head of a request, or its body.
const SLOWEST_HEAD: Duration = Duration::from_secs(30);
const SLOWEST_BODY: Duration = Duration::from_secs(60);
/// The most headers, and the longest head.
const MOST_HEADERS: usize = 256;
const LONGEST_HEAD: usize = 256 * 1024;
/// Connections beyond wait in the operating system.
const MOST_CONNECTIONS: usize = 1024;

/// What the resources need to answer.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) gate: Gate,
    pub(crate) signing_keys: SigningKeys,
    pub(crate) worker: Handle,
}

/// Serves connections until it is dropped, and they with it.
pub(crate) async fn serve(listener: TcpListener, api: Arc<Api>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer.ip().to_canonical(), api.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely; connections that end give some back.
                    warn!("cannot accept a connection: {error}");
                    sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, peer: IpAddr, api: Arc<Api>) {
    let service = service_fn(|request| async {
        Ok::<_, Infallible>(api.answer(request, peer).await.unwrap_or_else(Refusal::reply))
    });
    let served = async {
        stream.set_nodelay(true)?;
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(SLOWEST_HEAD)
            .max_headers(MOST_HEADERS)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    };
    if let Err(error) = served.await {
        debug!("connection from {peer}: {error}");
    }
}

impl Api {
    async fn answer(&self, request: Request<Incoming>, caller: IpAddr) -> Result<Reply, Refusal> {
        let (head, body) = request.into_parts();
        self.gate.admit(&head)?;
        let body = timeout(SLOWEST_BODY, read(body))
            .await
            .map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body takes too long"))??;
        let not_found = || Refusal::not_found(format!("{} not found", head.uri.path()));
        let (resource, rest) = resource(head.uri.path()).ok_or_else(not_found)?;
        match (&head.method, resource.as_str(), rest) {
            (&Method::POST, "publish", destination) => {
                publish::publish(self, destination.unwrap_or_default(), &head, body, caller).await
            }
            (&Method::GET, "messages", Some(id)) => messages::get(self, id).await,
            (&Method::GET, "keys", None) => Ok(keys::get(self)),
            (&Method::GET, "dlq", None) => dlq::list(self, &head).await,
            (&Method::GET, "logs", None) => logs::list(self, &head, "logs").await,
            (&Method::GET, "events", None) => logs::list(self, &head, "events").await,

            (_, "publish", _) => Err(Refusal::method(&Method::POST)),
            (_, "messages", Some(_)) | (_, "keys" | "dlq" | "logs" | "events", None) => {
                Err(Refusal::method(&Method::GET))
            }
            _ => Err(not_found()),
        }
    }
}

/// Splits the path of a call into the resource, in lower case, and what follows it, untouched.
///
/// A destination follows byte for byte: nothing here decodes or cleans it.
fn resource(path: &str) -> Option<(String, Option<&str>)> {
    let (version, path) = path.strip_prefix('/')?.split_once('/')?;
    let (resource, rest) = match path.split_once('/') {
        // A trailing slash is the collection itself.
        Some((resource, "")) => (resource, None),
        Some((resource, rest)) => (resource, Some(rest)),
        None => (path, None),
    };
    version.eq_ignore_ascii_case("v2").then(|| (resource.to_ascii_lowercase(), rest))
}

/// Reads a body up to the limit. As much again is read and dropped, so that a client that sends first and reads later
/// gets to see the refusal.
async fn read(mut body: Incoming) -> Result<Bytes, Refusal> {
    let mut kept = BytesMut::new();
    let mut length = 0;
    while length <= 2 * LONGEST_BODY
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| Refusal::bad_request(format!("the body broke off: {error}")))?;
        if let Some(data) = frame.data_ref() {
            length += data.len();
            if length <= LONGEST_BODY {
                kept.extend_from_slice(data);
            }
        }
    }
    if length > LONGEST_BODY {
        let error = format!("the body is longer than {LONGEST_BODY} bytes");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error));
    }
    Ok(kept.freeze())
}
