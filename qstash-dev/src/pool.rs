//! Connections to destinations, kept for the next request.
//!
//! A destination may close a connection whenever it likes. A request that is sent just then is lost, and nobody can tell
//! whether it was read, so it counts as an attempt. These rules keep that from happening: an answer that announces the
//! end is believed; a connection rests for a moment, in which an end that was not announced arrives; it is looked at
//! before it is used again, and once more before the first byte is written; destinations that end connections
//! unannounced get one for each request. Where nothing of a request was written, it goes over a new connection.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version, header};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::time::sleep;

use crate::{
    connect::Connector,
    outgoing::{Peer, Route},
    tell::tell,
    wire::Wire,
};

/// How long a connection rests before it is used again.
const REST: Duration = Duration::from_millis(3);
/// How long a connection is kept. Servers close theirs after a few seconds (Node.js and actix-web after five).
const LONGEST_IDLE: Duration = Duration::from_secs(1);
/// How long a destination that has ended a connection unannounced gets one for each request.
const MISTRUST: Duration = Duration::from_secs(60);
/// How many connections are kept in all. Each is a file descriptor.
const MOST_IDLE: usize = 256;
/// How many destinations are mistrusted at the same time.
const MOST_MISTRUSTED: usize = 1024;
/// How long to wait for a file descriptor.
const NO_DESCRIPTOR_WAIT: Duration = Duration::from_millis(100);
/// How much of a response is read at a time. Its head may be as long, or a little longer. A destination that announces a
/// response without end (`100 Continue`, again and again) must not keep everybody else waiting while all that is read.
const LONGEST_HEAD: usize = 64 * 1024;

/// Sends requests over connections that are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    connector: Connector,
    idle: Arc<Mutex<Idle>>,
}

/// A connection that has answered a request, or is to.
#[derive(Debug)]
pub(crate) struct Connection {
    route: Route,
    requests: SendRequest<Full<Bytes>>,
    wire: Arc<Wire>,
}

/// What is told that a request cannot be sent yet, through no fault of its destination.
pub(crate) type Waits = dyn Fn() + Send + Sync;

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Connect(io::Error),
    Http(hyper::Error),
}

impl Pool {
    /// Sends a request, and returns the head of the answer and the connection that its body comes from. Once that is
    /// read, the connection can be [kept](Self::keep).
    pub(crate) async fn send(
        &self,
        route: Route,
        mut request: Request<Full<Bytes>>,
        waits: &Waits,
    ) -> Result<(Response<Incoming>, Connection), NoAnswer> {
        let kept = self.idle().take(&route);
        if let Some(mut connection) = kept {
            connection.wire.use_again();
            let same = request.clone();
            match connection.requests.send_request(request).await {
                Ok(response) => return Ok((response, connection)),
                Err(error) => {
                    self.idle().mistrust(&route);
                    if !connection.wire.is_untouched() {
                        return Err(NoAnswer::Http(error));
                    }
                }
            }
            request = same;
        }
        let mut connection = self.connect(route, waits).await?;
        let response = connection.requests.send_request(request).await.map_err(NoAnswer::Http)?;
        Ok((response, connection))
    }

    /// Keeps a connection whose answer, which had this head, was read to its end.
    pub(crate) fn keep(&self, connection: Connection, version: Version, headers: &HeaderMap) {
        // What an older version means by keeping a connection is a matter of opinion.
        if version != Version::HTTP_11 || announces_end(headers) {
            return;
        }
        let mut idle = self.idle();
        if idle.put(connection) && !idle.is_swept {
            idle.is_swept = true;
            tokio::spawn(sweep(Arc::downgrade(&self.idle)));
        }
    }

    async fn connect(&self, route: Route, waits: &Waits) -> Result<Connection, NoAnswer> {
        let (wire, stream) = self.connected(&route, waits).await.map_err(NoAnswer::Connect)?;
        let (requests, connection) = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(NoAnswer::Http)?;
        // It ends with its connection, and what was wrong with that is told to the sender of the request.
        tokio::spawn(async { drop(connection.await) });
        Ok(Connection { route, requests, wire })
    }

    /// Connects. If this process has no file descriptor left, that is not the fault of the destination, so it waits for
    /// one, and says so each time it has to go on waiting.
    async fn connected(
        &self,
        route: &Route,
        waits: &Waits,
    ) -> io::Result<(Arc<Wire>, Box<dyn crate::connect::Stream>)> {
        let mut is_first = true;
        loop {
            match self.connector.connect(route).await {
                Err(error) if is_out_of_descriptors(&error) => {
                    if is_first {
                        let Peer { host, port } = &route.peer;
                        tell!(WARN, "connection to {host}:{port} has to wait: {error}");
                        is_first = false;
                    }
                    waits();
                    self.idle().close_all();
                    sleep(NO_DESCRIPTOR_WAIT).await;
                }
                connected => return connected,
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().expect(WHOLE)
    }
}

const WHOLE: &str = "no code panics while the connections are locked";

/// The connections that carry no request at the moment.
#[derive(Debug, Default)]
struct Idle {
    /// The one that has rested for the longest time is at the front.
    connections: HashMap<Route, VecDeque<Resting>>,
    count: usize,
    /// Destinations that have ended a connection unannounced, and when.
    mistrusted: HashMap<Route, Instant>,
    /// Whether a task closes connections that have been idle for too long.
    is_swept: bool,
}

#[derive(Debug)]
struct Resting {
    connection: Connection,
    since: Instant,
}

impl Idle {
    /// A connection that has rested, the one that was used last, so that the others can be closed.
    fn take(&mut self, route: &Route) -> Option<Connection> {
        let now = Instant::now();
        let resting = self.connections.get_mut(route)?;
        let mut taken = None;
        let mut has_ended = false;
        while taken.is_none() {
            let rested = resting.partition_point(|resting| now.duration_since(resting.since) >= REST);
            let Some(Resting { connection, since }) =
                rested.checked_sub(1).and_then(|last| resting.remove(last))
            else {
                break;
            };
            self.count -= 1;
            if !connection.requests.is_ready() || connection.wire.has_ended() {
                has_ended = true;
            } else if now.duration_since(since) < LONGEST_IDLE {
                taken = Some(connection);
            }
        }
        if has_ended {
            self.mistrust(route);
        }
        taken
    }

    /// Whether a connection is kept.
    fn put(&mut self, connection: Connection) -> bool {
        let since = Instant::now();
        let is_mistrusted = self.mistrusted.get(&connection.route).is_some_and(|at| at.elapsed() < MISTRUST);
        if is_mistrusted || self.count == MOST_IDLE {
            return false;
        }
        self.count += 1;
        let resting = self.connections.entry(connection.route.clone()).or_default();
        resting.push_back(Resting { connection, since });
        true
    }

    /// Keeps no connection to a destination for a while.
    fn mistrust(&mut self, route: &Route) {
        self.mistrusted.retain(|_, at| at.elapsed() < MISTRUST);
        if self.mistrusted.len() < MOST_MISTRUSTED {
            self.mistrusted.insert(route.clone(), Instant::now());
        }
        if let Some(resting) = self.connections.remove(route) {
            self.count -= resting.len();
        }
    }

    fn close_all(&mut self) {
        self.connections.clear();
        self.count = 0;
    }

    /// Closes what has been idle for too long. Whether anything is left.
    fn close_old(&mut self) -> bool {
        let now = Instant::now();
        let mut unannounced = Vec::new();
        for (route, resting) in &mut self.connections {
            let before = resting.len();
            resting.retain(|resting| now.duration_since(resting.since) < LONGEST_IDLE);
            if resting.iter().any(|resting| resting.connection.wire.has_ended()) {
                unannounced.push(route.clone());
            }
            self.count -= before - resting.len();
        }
        for route in unannounced {
            self.mistrust(&route);
        }
        self.connections.retain(|_, resting| !resting.is_empty());
        !self.connections.is_empty()
    }
}

/// Closes connections until there are none.
async fn sweep(idle: Weak<Mutex<Idle>>) {
    loop {
        sleep(LONGEST_IDLE).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = idle.lock().expect(WHOLE);
        idle.is_swept = idle.close_old();
        if !idle.is_swept {
            return;
        }
    }
}

/// Whether an answer says that no other one will come over its connection.
fn announces_end(headers: &HeaderMap) -> bool {
    let options = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    options.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// Whether the process, or the whole system, has no file descriptor left.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    // ENFILE and EMFILE, or WSAEMFILE. No kind of the standard library stands for them.
    let codes: &[i32] = if cfg!(windows) { &[10024] } else { &[23, 24] };
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}
