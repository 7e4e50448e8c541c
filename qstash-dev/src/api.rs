//! The API: connections, the way from a call to its resource, and back.

use std::{
    io,
    net::IpAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::{
    broker::LONGEST_BODY,
    call::{self, Call},
    cors,
    fault::{Fault, Faults},
    gate::Gate,
    page,
    reply::{self, Refusal, Reply},
    routes::{batch, dev, dlq, flow_control, keys, logs, messages, publish, queues, schedules, topics},
};

/// How long a client may take to send the head of a request, or its body.
const SLOWEST_HEAD: Duration = Duration::from_secs(30);
const SLOWEST_BODY: Duration = Duration::from_secs(60);
/// The longest body of a batch.
const LONGEST_BATCH: usize = 100 * 1024 * 1024;
/// The longest head.
const LONGEST_HEAD: usize = 256 * 1024;
/// Connections beyond wait in the operating system.
const MOST_CONNECTIONS: usize = 1024;

/// What answers requests, whichever account they are for.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) gate: Gate,
    pub(crate) faults: Faults,
}

/// What a listener has to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Everything,
    Logs,
}

/// Serves connections until the server is closed, and then answers what has been asked. If it is dropped, they go with it.
pub(crate) async fn serve(
    listener: TcpListener,
    offer: Offer,
    service: Arc<Service>,
    mut closed: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = closed.changed() => break,
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    let peer = peer.ip().to_canonical();
                    connections.spawn(connection(stream, peer, offer, service.clone(), closed.clone()));
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
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: IpAddr,
    offer: Offer,
    service: Arc<Service>,
    mut closed: watch::Receiver<()>,
) {
    let service = service_fn(|request| async {
        let answer = service.answer(request, peer, offer);
        match service.faults.next_of_api() {
            Some(Fault::TooManyRequests) => Ok(reply::too_many_requests(SystemTime::now())),
            Some(Fault::InternalError) => {
                Ok(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error").reply())
            }
            Some(Fault::LostConnection) => {
                answer.await;
                Err(io::Error::other("the connection is lost on purpose"))
            }
            _ => Ok(answer.await),
        }
    });
    let served = async {
        stream.set_nodelay(true)?;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(SLOWEST_HEAD)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended?,
            _ = closed.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await?;
            }
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    };
    if let Err(error) = served.await {
        debug!("connection from {peer}: {error}");
    }
}

impl Service {
    async fn answer(&self, request: Request<Incoming>, caller: IpAddr, offer: Offer) -> Reply {
        let guest = self.gate.guest(request.headers());
        let mut reply = self.content(request, caller, offer).await.unwrap_or_else(Refusal::reply);
        if let Some(origin) = guest {
            cors::allow(origin, &mut reply);
        }
        reply
    }

    async fn content(
        &self,
        request: Request<Incoming>,
        caller: IpAddr,
        offer: Offer,
    ) -> Result<Reply, Refusal> {
        let (head, body) = request.into_parts();
        self.gate.admit_anybody(&head)?;
        if offer == Offer::Everything
            && let Some(file) = page::file(&head)
        {
            return file;
        }
        self.gate.check_origin(&head.headers)?;
        if cors::is_preflight(&head) && self.gate.guest(&head.headers).is_some() {
            return Ok(cors::preflight(&head.headers));
        }
        let api = self.gate.admit(&head)?;
        if offer == Offer::Everything
            && let Some(path) = head.uri.path().strip_prefix("/dev/")
        {
            return dev::answer(api, &head, path).await;
        }
        let not_found = || Refusal::not_found(format!("{} not found", head.uri.path()));
        let (resource, rest) = call::resource(head.uri.path()).unwrap_or_default();
        let limit = if resource == "batch" { LONGEST_BATCH } else { LONGEST_BODY };
        if asks_first(&head.headers) && body.size_hint().lower() > limit as u64 {
            return Err(too_long(limit));
        }
        let body = timeout(SLOWEST_BODY, read(body, limit))
            .await
            .map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body takes too long"))??;
        let is_offered = offer == Offer::Everything || matches!(resource.as_str(), "logs" | "events");
        if resource.is_empty() || !is_offered {
            return Err(not_found());
        }
        let rest = rest.unwrap_or_default().to_owned();
        let call = Call::new(&resource, head, rest, body, caller);
        match resource.as_str() {
            "publish" => publish::publish(api, &call).await,
            "enqueue" => publish::enqueue(api, &call).await,
            "batch" => batch::answer(api, &call).await,
            "messages" => messages::answer(api, &call).await,
            "queues" => queues::answer(api, &call).await,
            "schedules" => schedules::answer(api, &call).await,
            "topics" => topics::answer(api, &call).await,
            "dlq" => dlq::answer(api, &call).await,
            "flowcontrol" => flow_control::answer(api, &call).await,
            "globalparallelism" => flow_control::global(api, &call).await,
            "keys" => keys::answer(api, &call).await,
            "logs" => logs::answer(api, &call, "logs").await,
            "events" => logs::answer(api, &call, "events").await,
            _ => Err(call.not_found()),
        }
    }
}

/// Reads a body up to the limit. As much again is read and dropped, so that a client that sends first and reads later
/// gets to see the refusal.
async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    // A body that says how long it is takes up no more than that.
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut kept = BytesMut::with_capacity(expected.min(limit));
    let mut length = 0;
    while length <= 2 * limit
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| Refusal::bad_request(format!("the body broke off: {error}")))?;
        if let Some(data) = frame.data_ref() {
            length += data.len();
            if length <= limit {
                kept.extend_from_slice(data);
            }
        }
    }
    if length > limit {
        return Err(too_long(limit));
    }
    Ok(kept.freeze())
}

fn too_long(limit: usize) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {limit} bytes"))
}

/// Whether a client keeps its body back until it hears that it is wanted.
fn asks_first(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
