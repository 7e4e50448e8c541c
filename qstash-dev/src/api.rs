//! The API: connections, the way from a call to its resource, and back.

use std::{
    io,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header, request::Parts};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use qstash_broker::LONGEST_BODY;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

use crate::{
    body::{self, Bodies},
    call::{self, ApiCall, Tenant},
    connections::Connections,
    cors,
    echo::{self, Echo, LONGEST_ECHO},
    fault::{Fault, Faults},
    gate::Gate,
    head_refusal::ClientStream,
    health::Question,
    metrics, page,
    refusals::Refusals,
    reply::{self, Refusal, Reply},
    routes::{
        batch, delivery_options::NO_WORKFLOWS, dev, dlq, flow_control, keys, logs, messages, publish, queues,
        schedules, topics,
    },
    tell::tell,
    worker::Gone,
};

/// How long a client may take to send the head of a request.
const SLOWEST_HEAD: Duration = Duration::from_secs(30);
/// The longest body of a batch.
const LONGEST_BATCH: usize = 100 * 1024 * 1024;
/// The longest body of a call behind `/dev/`.
const LONGEST_CONTROL: usize = 16 * 1024;
/// The longest head. Whoever connects can have the server hold as much, before any token was seen.
const LONGEST_HEAD: usize = 64 * 1024;

/// Where the numbers for Prometheus are.
const METRICS: &str = "/metrics";

/// What answers requests, whichever account they are for.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) gate: Gate,
    pub(crate) faults: Faults,
    pub(crate) refusals: Refusals,
    /// Whether who has a token can move time, set faults and reset the server.
    pub(crate) control: bool,
    /// How long time stands still for an attempt in flight.
    pub(crate) patience: Duration,
    pub(crate) bodies: Bodies,
    pub(crate) most_connections: usize,
}

/// Who has connected.
struct Peer {
    address: IpAddr,
    /// Whether a token of an account was shown.
    is_known: Arc<AtomicBool>,
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
    mut closed: watch::Receiver<Option<String>>,
) {
    let mut connections = Connections::new(service.most_connections);
    loop {
        tokio::select! {
            _ = closed.changed() => break,
            accepted = listener.accept(), if connections.has_room() => match accepted {
                Ok((stream, peer)) => {
                    let peer = Peer { address: peer.ip().to_canonical(), is_known: Arc::default() };
                    let is_known = peer.is_known.clone();
                    connections.add(is_known, connection(stream, peer, offer, service.clone(), closed.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely; connections that end give some back.
                    tell!(WARN, "cannot accept a connection: {error}");
                    sleep(Duration::from_millis(100)).await;
                }
            },
            Some(()) = connections.next_end() => {}
        }
    }
    drop(listener);
    while connections.next_end().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    offer: Offer,
    service: Arc<Service>,
    mut closed: watch::Receiver<Option<String>>,
) {
    let service = service_fn(|request| async {
        let reply = service.answer(request, &peer, offer).await;
        match reply.extensions().get() {
            Some(Lost) => Err(io::Error::other("the connection is lost on purpose")),
            None => Ok(reply),
        }
    });
    let served = async {
        stream.set_nodelay(true)?;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(SLOWEST_HEAD)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(ClientStream::new(stream, peer.address)), service);
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
        tell!(DEBUG, "connection from {}: {error}", peer.address);
    }
}

/// Marks a reply that its caller is not to get.
#[derive(Clone, Copy)]
struct Lost;

impl Service {
    async fn answer(&self, request: Request<Incoming>, peer: &Peer, offer: Offer) -> Reply {
        let guest = self.gate.guest(request.headers());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let mut reply = self.content(request, peer, offer).await.unwrap_or_else(|refusal| {
            let (status, path) = (refusal.status().as_u16(), call::shown(uri.path()));
            tell!(INFO, "refused {status} {method} {path}: {}", refusal.error());
            self.refusals.add(&method, &path, &refusal);
            refusal.reply()
        });
        if let Some(origin) = guest {
            cors::allow(origin, &mut reply);
        }
        reply
    }

    async fn content(&self, request: Request<Incoming>, peer: &Peer, offer: Offer) -> Result<Reply, Refusal> {
        let (head, body) = request.into_parts();
        self.gate.admit_anybody(&head)?;
        if offer == Offer::Everything
            && let Some(file) = page::file(&head)
        {
            return file;
        }
        if let Some(question) = Question::of(head.uri.path()) {
            return question.answer(&head.method, &self.gate).await;
        }
        if head.uri.path() == echo::PATH && offer == Offer::Everything {
            return self.echo(&head, body).await;
        }
        self.gate.check_origin(&head.headers)?;
        if cors::is_preflight(&head) && self.gate.guest(&head.headers).is_some() {
            return Ok(cors::preflight(&head.headers));
        }
        if offer == Offer::Everything && head.uri.path() == METRICS {
            return self.metrics(&head).await;
        }
        let tenant = self.gate.admit(&head)?;
        peer.is_known.store(true, Ordering::Relaxed);
        let caller = peer.address;
        if offer == Offer::Everything
            && let Some(path) = head.uri.path().strip_prefix("/dev/")
        {
            let (body, _room) = self.bodies.read(body, LONGEST_CONTROL).await?;
            return dev::answer(self, tenant, &head, path, &body).await;
        }
        // A call of the API, by somebody who may make it: now is the occasion for something to go wrong.
        match self.faults.next_of_api() {
            Some(Fault::TooManyRequests) => Ok(reply::too_many_requests(SystemTime::now())),
            Some(Fault::InternalError) => {
                Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error"))
            }
            Some(Fault::LostConnection) => {
                let carried_out = self.carry_out(tenant, head, body, caller, offer).await;
                let mut reply = carried_out.unwrap_or_else(Refusal::reply);
                reply.extensions_mut().insert(Lost);
                Ok(reply)
            }
            _ => self.carry_out(tenant, head, body, caller, offer).await,
        }
    }

    async fn carry_out(
        &self,
        tenant: &Tenant,
        head: Parts,
        body: Incoming,
        caller: IpAddr,
        offer: Offer,
    ) -> Result<Reply, Refusal> {
        let not_found = || Refusal::not_found(format!("{} not found", call::shown(head.uri.path())));
        let (resource, rest) = call::resource(head.uri.path()).unwrap_or_default();
        let limit = if resource == "batch" { LONGEST_BATCH } else { LONGEST_BODY };
        if asks_first(&head.headers) && body.size_hint().lower() > limit as u64 {
            return Err(body::too_long(limit));
        }
        let (body, _room) = self.bodies.read(body, limit).await?;
        let is_offered = offer == Offer::Everything || matches!(resource.as_str(), "logs" | "events");
        if resource.is_empty() || !is_offered {
            return Err(not_found());
        }
        let rest = rest.unwrap_or_default().to_owned();
        let call = ApiCall::new(&resource, head, rest, body, caller);
        match resource.as_str() {
            "publish" => publish::publish(tenant, &call).await,
            "enqueue" => publish::enqueue(tenant, &call).await,
            // The futures of the others are several times as large, and one of a call is moved a dozen times.
            resource => Box::pin(Self::carry_out_other(tenant, resource, &call)).await,
        }
    }

    /// Carries out a call that does not publish a single message.
    async fn carry_out_other(tenant: &Tenant, resource: &str, call: &ApiCall) -> Result<Reply, Refusal> {
        match resource {
            "batch" => batch::answer(tenant, call).await,
            "messages" => messages::answer(tenant, call).await,
            "queues" => queues::answer(tenant, call).await,
            "schedules" => schedules::answer(tenant, call).await,
            "topics" => topics::answer(tenant, call).await,
            "dlq" => dlq::answer(tenant, call).await,
            "flowcontrol" => flow_control::answer(tenant, call).await,
            "globalparallelism" => flow_control::global(tenant, call).await,
            "keys" => keys::answer(tenant, call).await,
            "logs" => logs::logs(tenant, call).await,
            "events" => logs::events(tenant, call).await,
            "trigger" | "workflows" | "wait" | "notify" | "waiters" => {
                Err(Refusal::bad_request(NO_WORKFLOWS))
            }
            _ => Err(call.not_found()),
        }
    }
}

impl Service {
    /// Moves the clock of all accounts forward by this span.
    pub(crate) async fn advance(&self, span: Duration) -> Result<(), Gone> {
        for door in &self.gate.doors {
            door.tenant().worker.advance(span, self.patience).await?;
        }
        Ok(())
    }

    /// Answers as the URL says, to whoever asks: nothing of the server is in it.
    async fn echo(&self, head: &Parts, body: Incoming) -> Result<Reply, Refusal> {
        let echo = Echo::of(head)?;
        let body = body::read_start(body, LONGEST_ECHO, LONGEST_BODY).await?;
        sleep(echo.delay).await;
        Ok(echo.reply(body))
    }

    /// What an account has done and how it stands.
    async fn metrics(&self, head: &Parts) -> Result<Reply, Refusal> {
        let tenant = self.gate.admit_to_metrics(head)?;
        if head.method != Method::GET {
            return Err(Refusal::method("GET"));
        }
        let text = tenant.worker.metrics().await?;
        let mut reply = reply::whole(text.into());
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
        Ok(reply)
    }
}

/// Whether a client keeps its body back until it hears that it is wanted.
fn asks_first(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
