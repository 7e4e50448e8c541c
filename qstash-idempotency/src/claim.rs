//! What a handler is told of its claim.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::watch;

use crate::{
    ClaimKey, ClaimRequest, Idempotent, Reply, Store, StoreError, StoredAnswer, TransactionalStore,
    Transition,
};

/// The claim that a handler runs under: an argument of the handler.
pub struct Claim<S> {
    pub(crate) idempotent: Idempotent<S>,
    pub(crate) request: ClaimRequest,
    /// There is none in the transactional form.
    pub(crate) fence: Option<u64>,
    pub(crate) lost: watch::Receiver<bool>,
    pub(crate) completed: Arc<AtomicBool>,
}

impl<S: Store> Claim<S> {
    /// The key of the effect. The same for every delivery of it.
    pub fn key(&self) -> ClaimKey {
        self.request.key
    }

    /// Grows with every claim of the key, for systems that refuse what comes with an older one than they have seen.
    /// Nothing in the transactional form.
    pub fn fence(&self) -> Option<u64> {
        self.fence
    }

    /// Whether somebody else has the claim by now, as far as is known. A handler should stop then: what it does may be
    /// done a second time.
    pub fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// Ends when somebody else has the claim, and never otherwise: for `select!`.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            // The run is over, so nobody can take it away any more.
            std::future::pending::<()>().await;
        }
    }

    /// Makes the claim a part of the transaction that this connection is in. What else is in it then happens once: it is
    /// committed together with the claim or not at all.
    ///
    /// Without a lease ([`transactional`](Idempotent::transactional)), call it first: it waits for another transaction
    /// that has the key, and says whether that one has committed. With a lease, call it last before `commit`: it keeps
    /// the row from being renewed.
    ///
    /// # Errors
    ///
    /// Roll back, which dropping the transaction does, and answer with an error. QStash tries again.
    pub async fn in_transaction(&self, connection: &mut S::Connection) -> Result<Turn, ClaimError>
    where
        S: TransactionalStore,
    {
        let (answer, keep) = (StoredAnswer::without_body(200).to_bytes(), self.request.keep);
        let transition = match self.fence {
            None => Transition::Complete { answer, keep },
            Some(fence) => Transition::Finish { fence, answer, keep },
        };
        let store = &self.idempotent.store;
        let turn = match store.apply_in(connection, &self.request.key, &transition).await? {
            Reply::Claimed { .. } | Reply::Accepted => Turn::First,
            Reply::Done { .. } => Turn::Again,
            Reply::Busy { .. } => return Err(ClaimError::Busy),
            Reply::Refused => return Err(ClaimError::Lost),
        };
        self.completed.store(true, Ordering::Release);
        Ok(turn)
    }
}

impl<S> Clone for Claim<S> {
    fn clone(&self) -> Self {
        Self {
            idempotent: self.idempotent.clone(),
            request: self.request,
            fence: self.fence,
            lost: self.lost.clone(),
            completed: Arc::clone(&self.completed),
        }
    }
}

impl<S> fmt::Debug for Claim<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("key", &self.request.key)
            .field("fence", &self.fence)
            .finish_non_exhaustive()
    }
}

/// Whether a transaction is the first of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what was done before must not be done again"]
pub enum Turn {
    /// Do the work, in the same transaction, and commit.
    First,
    /// It is done. Answer with success.
    Again,
}

/// Why a transaction has no claim.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The store did not reply.
    #[error("the store of claims did not take the claim")]
    Store(#[source] StoreError),
    /// A handler of the leased form has the same key.
    #[error("a handler with a lease has the claim: answer with an error, so that QStash tries again")]
    Busy,
    /// Somebody else has the claim by now: this handler was late.
    #[error("somebody else has the claim by now: roll back, and answer with an error")]
    Lost,
}

qstash_types::debug_as_text!(ClaimError);

impl From<StoreError> for ClaimError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
