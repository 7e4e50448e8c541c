//! The line between a relay and the server, which a test holds up.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{Request, Response};
use qstash_client::{Client, RetryPolicy, error::TransportError};
use qstash_dev::DevServer;
use tokio::sync::Notify;

/// What happens to calls from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Mode {
    Open,
    /// Calls are never sent, and never answered.
    HoldsCalls,
    /// Calls are carried out, and the answers held until the line is open.
    HoldsAnswers,
    /// Connections are refused.
    Refuses,
}

#[derive(Clone, Default)]
pub(crate) struct Line {
    mode: Arc<AtomicUsize>,
    changed: Arc<Notify>,
    /// Tells when something is held.
    pub(crate) holds: Arc<Notify>,
    pub(crate) calls: Arc<AtomicUsize>,
}

impl Line {
    pub(crate) fn new(mode: Mode) -> Self {
        let line = Self::default();
        line.set(mode);
        line
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.store(mode as usize, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn is(&self, mode: Mode) -> bool {
        self.mode.load(Ordering::SeqCst) == mode as usize
    }

    async fn open(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is(Mode::Open) {
                return;
            }
            self.holds.notify_one();
            changed.await;
        }
    }

    /// A client that sends each call once, over this line.
    pub(crate) fn client(&self, server: &DevServer) -> Client {
        let line = self.clone();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let transport = tower::service_fn(move |request: Request<Bytes>| {
            let (line, http) = (line.clone(), http.clone());
            async move {
                line.calls.fetch_add(1, Ordering::SeqCst);
                if line.is(Mode::Refuses) {
                    return Err(TransportError::not_sent("connection refused"));
                }
                if line.is(Mode::HoldsCalls) {
                    line.open().await;
                }
                let answer = http
                    .execute(request.map(reqwest::Body::from).try_into().unwrap())
                    .await
                    .map_err(TransportError::interrupted)?;
                let mut response = Response::builder().status(answer.status());
                *response.headers_mut().unwrap() = answer.headers().clone();
                let body = answer.bytes().await.map_err(TransportError::interrupted)?;
                if line.is(Mode::HoldsAnswers) {
                    line.open().await;
                }
                Ok(response.body(body).unwrap())
            }
        });
        let builder = Client::builder().base_url(server.url()).token(server.token());
        builder.retry(RetryPolicy::never()).transport(transport).build().unwrap()
    }
}
