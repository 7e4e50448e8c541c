//! The server as its owner sees it.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use qstash_types::{DeadLetter, LogEntry, LogState, SigningKeys};
use tokio::{
    net::TcpListener,
    task::{JoinSet, spawn_blocking},
};

use crate::{
    api::{self, Api},
    deliver::Courier,
    fault::{Fault, Faults},
    gate::Gate,
    keyring::Keyring,
    secret,
    store::{KeptKeys, Memory, Store},
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
    store: Option<Arc<Store>>,
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
            data: None,
            faults: Faults::default(),
            patience: Duration::from_secs(2),
        }
    }

    /// The base URL of the API, such as `http://127.0.0.1:8080`.
    pub fn url(&self) -> &str {
        &self.url
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
        if let Some(store) = self.store {
            // It may have to wait for the disk.
            let _ = spawn_blocking(move || store.close()).await;
        }
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
    data: Option<PathBuf>,
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

    /// Keeps everything but the log in this folder, which is made if there is none, and goes on from what is in there.
    /// The default is to keep everything in memory.
    ///
    /// What a call is answered has been written and synced before, so that not even the end of the process by force
    /// loses it; attempts that were running then are made again. A schedule that has missed times meanwhile runs once
    /// to make up for all of them. Time never goes back, even if it was [moved](DevServer::advance) before. Rotated
    /// signing keys stay in force, unless [others](Self::signing_keys) are given than before; tokens are not kept.
    ///
    /// One server at a time can use a folder; [`DevServer::shutdown`] gives it back before it returns. If it cannot be written any more, because the disk is full perhaps, calls
    /// that change something are answered 500 from then on, and nothing is delivered until a server is started anew.
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
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
        let seed = self.seed.map_or_else(secret::seed, Ok)?;
        let cannot_listen = |source| StartError::Listen { address: self.listen, source };
        let listener = TcpListener::bind(self.listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;

        let keys = KeptKeys::new(self.signing_keys, secret::signing_keys()?);
        let (store, memory) = match self.data {
            Some(folder) => Store::open(folder, keys).await.map(|(store, memory)| (Some(store), memory))?,
            None => (None, Memory::of_nothing(keys)),
        };
        let keys = Keyring::new(memory.keys.clone(), store.clone());

        let mut tasks = JoinSet::new();
        let courier = Courier::new(keys.clone(), self.faults.clone());
        let worker = Worker::spawn(&mut tasks, seed, memory, store.clone(), courier);
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
            store,
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
    /// The data folder cannot be made, read or written.
    #[error("cannot use the data folder {}", folder.display())]
    Data {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another server uses the data folder.
    #[error("another server uses the data folder {}", folder.display())]
    DataInUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The data folder holds something else than a server has left there.
    #[error("the data folder {} is damaged: {problem}", folder.display())]
    DataDamaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Randomness(#[source] io::Error),
}
