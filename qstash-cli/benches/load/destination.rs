//! Where messages go: a server that reads what it is sent, counts it, and says nothing.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, runtime};

use crate::Result;

/// How long nothing must arrive until nothing more is expected.
const QUIET: Duration = Duration::from_millis(200);
/// How long deliveries are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A destination in this process.
pub(crate) struct Destination {
    pub(crate) address: SocketAddr,
    received: Arc<AtomicU64>,
}

impl Destination {
    /// Starts a thread that serves as long as the process runs.
    pub(crate) fn start() -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let received = Arc::new(AtomicU64::new(0));
        let counter = received.clone();
        thread::spawn(move || runtime.block_on(serve(listener, &counter)));
        Ok(Self { address, received })
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Waits until this many requests have arrived, and those that may still follow. Returns when the last one did.
    ///
    /// # Errors
    ///
    /// They do not arrive.
    pub(crate) fn wait_for(&self, expected: u64) -> Result<Instant> {
        let started = Instant::now();
        let (mut received, mut last) = (0, started);
        while received < expected || last.elapsed() < QUIET {
            if self.received() > received {
                (received, last) = (self.received(), Instant::now());
            } else if started.elapsed() > PATIENCE {
                return Err(format!("{expected} messages were accepted, {received} were delivered").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(last)
    }
}

async fn serve(listener: TcpListener, received: &Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        let received = received.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| {
                let received = received.clone();
                async move {
                    let mut body = request.into_body();
                    while let Some(Ok(_)) = body.frame().await {}
                    received.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                }
            });
            // Whoever breaks a connection off finds out on its own.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}
