//! The memory store on the clock of the runtime, which a paused test moves, and with faults on demand.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use qstash_idempotency::{ClaimKey, MemoryStore, Reply, Store, StoreError, Transition};
use tokio::time::Instant;

/// A store whose leases end in the time of the runtime.
pub(crate) fn store() -> MemoryStore {
    let start = Instant::now();
    let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    MemoryStore::new().clock(move || day + start.elapsed())
}

/// What goes wrong with each transition of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The store fails. Nothing happens.
    Fails,
    /// The store never replies. Nothing happens.
    Hangs,
}

/// The kinds of transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Claim,
    Renew,
    Release,
    Finish,
}

#[derive(Clone)]
pub(crate) struct FaultyStore {
    inner: MemoryStore,
    faults: Arc<Mutex<Vec<(Kind, Fault)>>>,
    renewals: Arc<AtomicU64>,
}

impl FaultyStore {
    pub(crate) fn new() -> Self {
        Self { inner: store(), faults: Arc::default(), renewals: Arc::default() }
    }

    /// From now on these go wrong, and nothing else.
    pub(crate) fn set(&self, faults: &[(Kind, Fault)]) {
        *self.faults.lock().unwrap() = faults.to_vec();
    }

    pub(crate) fn renewals(&self) -> u64 {
        self.renewals.load(Ordering::Relaxed)
    }
}

impl Store for FaultyStore {
    async fn apply(&self, key: &ClaimKey, transition: &Transition) -> Result<Reply, StoreError> {
        let kind = match transition {
            Transition::Renew { .. } => Kind::Renew,
            Transition::Release { .. } => Kind::Release,
            Transition::Finish { .. } => Kind::Finish,
            _ => Kind::Claim,
        };
        if kind == Kind::Renew {
            self.renewals.fetch_add(1, Ordering::Relaxed);
        }
        let fault = self.faults.lock().unwrap().iter().find(|(faulty, _)| *faulty == kind).copied();
        match fault {
            Some((_, Fault::Fails)) => Err(StoreError::failed("connection refused")),
            Some((_, Fault::Hangs)) => std::future::pending().await,
            None => self.inner.apply(key, transition).await,
        }
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.inner.sweep(limit).await
    }
}
