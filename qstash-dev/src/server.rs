//! The server as its owner sees it.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use qstash_types::{DeadLetter, LogEntry, LogState, SigningKeys};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    api::{self, Api},
    deliver::Courier,
    fault::{Fault, Faults},
    gate::Gate,
    keyring::Keyring,
    page, secret,
    worker::{Handle, Worker},
};

/// QStash on localhost.
///
/// The server runs as tasks of the Tokio runtime it was started on, and is gone when it is dropped. Each has its own
/// port, token, signing keys and messages; nothing outside the process is touched.
pub struct DevServer {
    address: SocketAddr,
    url: String,
    token: String,
    read_only_token: String,
    keys: Keyring,
    faults: Faults,
    patience: Duration,
    worker: Handle,
    tasks: JoinSet<()>,
}

impl DevServer {
    /// Starts a server on a free port, with a fresh token and fresh signing keys.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Starts to describe a server.
    pub fn builder() -> DevServerBuilder {
        DevServerBuilder {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            token: None,
            read_only_token: None,
            signing_keys: None,
            seed: None,
            faults: Faults::default(),
            patience: Duration::from_secs(2),
        }
    }

    /// The base URL of the API, such as `http://127.0.0.1:8080`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of the page for people, such as `http://127.0.0.1:8080/#token=…`. It holds the token.
    pub fn page_url(&self) -> String {
        page::link(&self.url, &self.token)
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token that API calls must carry.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The token that API calls may carry that only read.
    pub fn read_only_token(&self) -> &str {
        &self.read_only_token
    }

    /// The keys that deliveries are signed with now, for a verifier.
    pub fn signing_keys(&self) -> SigningKeys {
        self.keys.current()
    }

    /// Makes it later: visits every instant at which something is due, waits for the attempts that start there and for
    /// what they cause, and lets attempts time out whose limit lies within the span.
    ///
    /// Between calls the clock of the server runs as real time does. A destination that does not answer is waited for at most as long as
    /// [`patience`](DevServerBuilder::patience) says; then time goes on without it.
    pub async fn advance(&self, span: Duration) {
        self.worker.advance(span, self.patience).await.expect(RUNNING);
    }

    /// Waits until nothing is due and no attempt is in flight. Messages that wait for a later time do not count.
    pub async fn settled(&self) {
        self.worker.settled().await.expect(RUNNING);
    }

    /// Waits until a message has entered a state, however long that takes; at once if it already has.
    pub async fn wait_for(&self, message: impl AsRef<str>, state: LogState) {
        self.worker.wait_for(message.as_ref(), state).await.expect(RUNNING);
    }

    /// Lets something go wrong once, at the next occasion.
    pub fn fault(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// What was delivered, the oldest first, as the log tells it.
    pub async fn deliveries(&self) -> Vec<LogEntry> {
        let mut entries = self.log().await;
        entries.retain(|entry| entry.state == LogState::Delivered);
        entries.reverse();
        entries
    }

    /// The dead letter queue, the newest entry first.
    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        self.worker.look(|broker| broker.dead_letters().collect()).await.expect(RUNNING)
    }

    /// The log, the newest entry first.
    pub async fn log(&self) -> Vec<LogEntry> {
        self.worker.look(|broker| broker.log().collect()).await.expect(RUNNING)
    }

    /// Stops the server, and returns when its port is closed. What is in flight is broken off.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}

const RUNNING: &str = "the worker runs as long as its server exists";

impl fmt::Debug for DevServer {
    /// Leaves out the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevServer").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A description of a [`DevServer`], with a default for everything.
pub struct DevServerBuilder {
    listen: SocketAddr,
    token: Option<String>,
    read_only_token: Option<String>,
    signing_keys: Option<SigningKeys>,
    seed: Option<u64>,
    faults: Faults,
    patience: Duration,
}

impl DevServerBuilder {
    /// Listens on this address. The default is a free port of 127.0.0.1.
    pub fn listen(mut self, address: impl Into<SocketAddr>) -> Self {
        self.listen = address.into();
        self
    }

    /// Wants this token from API calls. The default is a fresh one.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Takes this token from API calls that only read. The default is a fresh one.
    pub fn read_only_token(mut self, token: impl Into<String>) -> Self {
        self.read_only_token = Some(token.into());
        self
    }

    /// Signs deliveries with these keys. The default are fresh ones.
    pub fn signing_keys(mut self, keys: SigningKeys) -> Self {
        self.signing_keys = Some(keys);
        self
    }

    /// Makes the ids of messages from this seed, so that a test sees the same ones in each run. The default is a fresh
    /// one.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Lets something go wrong once, at the first occasion.
    pub fn fault(self, fault: Fault) -> Self {
        self.faults.add(fault);
        self
    }

    /// Lets [`DevServer::advance`] wait this long, in real time, for an attempt in flight. The default is two seconds;
    /// a day is the most.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.min(Duration::from_secs(24 * 60 * 60));
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start(self) -> Result<DevServer, StartError> {
        let token = self.token.map_or_else(secret::token, Ok)?;
        let read_only_token = self.read_only_token.map_or_else(secret::token, Ok)?;
        let keys = Keyring::new(self.signing_keys.map_or_else(secret::signing_keys, Ok)?);
        let seed = self.seed.map_or_else(secret::seed, Ok)?;
        let cannot_listen = |source| StartError::Listen { address: self.listen, source };
        let listener = TcpListener::bind(self.listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;

        let mut tasks = JoinSet::new();
        let worker = Worker::spawn(&mut tasks, seed, Courier::new(keys.clone(), self.faults.clone()));
        let gate = Gate::new(&token, &read_only_token, address.port())?;
        let api = Api { gate, keys: keys.clone(), faults: self.faults.clone(), worker: worker.clone() };
        tasks.spawn(api::serve(listener, Arc::new(api)));
        Ok(DevServer {
            address,
            url: format!("http://{}", reachable(address)),
            token,
            read_only_token,
            keys,
            faults: self.faults,
            patience: self.patience,
            worker,
            tasks,
        })
    }
}

/// The address to call: a server that listens on every interface is called on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

impl fmt::Debug for DevServerBuilder {
    /// Leaves out the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevServerBuilder").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// A server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on; most likely another program does.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The token is empty, or holds characters that cannot stand in an `Authorization` header.
    #[error("the token must be visible ASCII characters without white space")]
    Token,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Randomness(#[source] io::Error),
}
