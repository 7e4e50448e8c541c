//! The server as its owner sees it.

mod builder;
mod not_reached;
mod start_error;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use qstash_types::{DeadLetter, LogEntry, LogState, SigningKeys};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

pub use self::{builder::DevServerBuilder, not_reached::NotReached, start_error::StartError};
use crate::{
    account::Account,
    api::{self, Offer, Service},
    call::Tenant,
    fault::AimedFault,
    page,
    store::Store,
    worker::Handle,
};

/// QStash on localhost.
///
/// The server runs as tasks of the Tokio runtime it was started on, and is gone when it is dropped. Each has its own
/// port, token, signing keys and messages; nothing outside the process is touched.
pub struct DevServer {
    address: SocketAddr,
    url: String,
    /// Each as it was at the start, and what is in force now. There is at least one.
    accounts: Vec<(Account, Tenant)>,
    longest_wait: Duration,
    service: Arc<Service>,
    stores: Vec<Arc<Store>>,
    /// The server is open until something is sent: nothing if that is wanted, or what has broken it down.
    open: watch::Sender<Option<String>>,
    listeners: JoinSet<()>,
    workers: JoinSet<()>,
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
        DevServerBuilder::new()
    }

    /// The base URL of the API, such as `http://127.0.0.1:8080`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of the page for people, such as `http://127.0.0.1:8080/#token=…`. It holds the token.
    pub fn page_url(&self) -> String {
        page::link(&self.url, self.token())
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token that API calls must carry.
    pub fn token(&self) -> &str {
        &self.first().0.token
    }

    /// The token that API calls may carry that only read.
    pub fn read_only_token(&self) -> &str {
        &self.first().0.read_only_token
    }

    /// The keys that deliveries are signed with now, for a verifier.
    pub fn signing_keys(&self) -> SigningKeys {
        self.first().1.keys.current()
    }

    /// The accounts that are served: one, or the published users.
    pub fn accounts(&self) -> impl Iterator<Item = Account> {
        self.accounts
            .iter()
            .map(|(account, tenant)| Account { signing_keys: tenant.keys.current(), ..account.clone() })
    }

    fn first(&self) -> &(Account, Tenant) {
        self.accounts.first().expect("a server has an account")
    }

    fn worker(&self) -> &Handle {
        &self.first().1.worker
    }

    /// Moves the clock of the server forward by this span: visits every instant at which something is due, waits for the attempts that start there and for
    /// what they cause, and lets attempts time out whose limit lies within the span.
    ///
    /// Between calls the clock of the server runs as real time does. A destination that does not answer is waited for at most as long as
    /// [`patience`](DevServerBuilder::patience) says; then time goes on without it. Dropping the future stops the clock where it is.
    pub async fn advance(&self, span: Duration) {
        self.service.advance(span).await.expect(RUNNING);
    }

    /// Waits until nothing is due and no attempt is in flight. Messages that wait for a later time do not count.
    pub async fn settled(&self) {
        for (_, tenant) in &self.accounts {
            tenant.worker.settled().await.expect(RUNNING);
        }
    }

    /// Waits in real time until a message has entered a state; at once if it already has.
    ///
    /// # Errors
    ///
    /// It has not when the [longest wait](DevServerBuilder::longest_wait) is over. The error tells what happened to it instead.
    pub async fn wait_for(&self, message: impl AsRef<str>, state: LogState) -> Result<(), NotReached> {
        let (message, limit) = (message.as_ref(), self.longest_wait);
        match timeout(limit, self.worker().wait_for(message, state.clone())).await {
            Ok(reached) => reached.expect(RUNNING),
            Err(_) => return Err(NotReached::new(message, state, limit, &self.log().await)),
        }
        Ok(())
    }

    /// Lets something go wrong: once and at the next occasion, unless it is aimed. Beyond a thousand that wait for their
    /// occasion, none is taken any more.
    pub fn fault(&self, fault: impl Into<AimedFault>) {
        self.service.faults.add(fault.into());
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
        self.worker().look(|broker| broker.dead_letters().collect()).await.expect(RUNNING)
    }

    /// The log, the newest entry first.
    pub async fn log(&self) -> Vec<LogEntry> {
        self.worker().look(|broker| broker.log().collect()).await.expect(RUNNING)
    }

    /// Serves `/v2/logs` and `/v2/events` on this address as well, and returns where that is.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn serve_logs(&mut self, address: impl Into<SocketAddr>) -> Result<SocketAddr, StartError> {
        let (listener, address) = listen(address.into()).await?;
        self.listeners.spawn(api::serve(listener, Offer::Logs, self.service.clone(), self.open.subscribe()));
        Ok(address)
    }

    /// Waits until the server breaks down, and tells why. That is a fault of its own: its port is closed then, since it could
    /// only refuse every call.
    pub async fn broken(&self) -> String {
        let mut open = self.open.subscribe();
        let reason = open.wait_for(Option::is_some).await;
        reason.ok().and_then(|reason| reason.clone()).unwrap_or_default()
    }

    /// Stops the server, and returns when its port is closed. What is in flight is broken off.
    pub async fn shutdown(mut self) {
        self.listeners.shutdown().await;
        self.workers.shutdown().await;
        close(self.stores).await;
    }

    /// Stops the server, and returns when nothing is in flight: no further connection is accepted, calls that were made are
    /// answered, attempts that have begun come to their end, and no other begins.
    ///
    /// That may take as long as the slowest destination does. Dropping the future ends it at once.
    pub async fn finish(self) {
        let Self { accounts, service, stores, open, mut listeners, mut workers, .. } = self;
        for (_, tenant) in &accounts {
            tenant.worker.finish();
        }
        open.send_replace(None);
        while listeners.join_next().await.is_some() {}
        // The workers answer calls for as long as a handle exists.
        drop((accounts, service));
        while workers.join_next().await.is_some() {}
        close(stores).await;
    }
}

async fn close(stores: Vec<Arc<Store>>) {
    // They may have to wait for the disk.
    let _ = spawn_blocking(move || stores.iter().for_each(|store| store.close())).await;
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

const RUNNING: &str = "the server runs, and its data folder can be written";

impl fmt::Debug for DevServer {
    /// Leaves out the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevServer").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_server_whose_worker_breaks_down_ends_and_tells_why() {
        let server = DevServer::start().await.expect("it starts");
        let looked = server.worker().look(|_| -> () { panic!("on purpose") }).await;
        assert!(looked.is_err());
        assert_eq!(server.broken().await, "on purpose");
        // Its connections are over first.
        while TcpStream::connect(server.address()).await.is_ok() {}
    }
}
