//! A handler that runs under a claim, and how it ends.

use std::{
    fmt, mem,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::watch,
    task::{AbortHandle, JoinHandle},
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{Claim, ClaimRequest, Idempotent, Reply, Store, StoreError, StoredAnswer, Transition};

/// A handler that runs under a claim, which is renewed meanwhile.
///
/// Dropped without a word, as by a panic or by a caller that hangs up, it gives the claim back, so that the next attempt
/// runs.
#[must_use = "the claim is given back when this is dropped"]
pub struct Run<S: Store> {
    claim: Claim<S>,
    ending: Ending,
    renewal: Option<AbortHandle>,
}

/// What is told to the store if nothing else is.
enum Ending {
    Nothing,
    Release,
    Finish(StoredAnswer),
}

impl<S: Store> Run<S> {
    pub(crate) fn unclaimed(idempotent: Idempotent<S>, request: ClaimRequest) -> Self {
        let (_, lost) = watch::channel(false);
        let claim = Claim { idempotent, request, fence: None, lost, completed: Arc::default() };
        Self { claim, ending: Ending::Nothing, renewal: None }
    }

    pub(crate) fn claimed(idempotent: Idempotent<S>, request: ClaimRequest, fence: u64) -> Self {
        idempotent.sweep();
        let (losing, lost) = watch::channel(false);
        let claim = Claim { idempotent, request, fence: Some(fence), lost, completed: Arc::default() };
        let renewal = tokio::spawn(renew(claim.clone(), fence, losing)).abort_handle();
        Self { claim, ending: Ending::Release, renewal: Some(renewal) }
    }

    /// What the handler may know of it.
    pub fn claim(&self) -> &Claim<S> {
        &self.claim
    }

    /// How many bytes a body may have to be kept beside these headers; nothing, if they are too long by themselves.
    pub fn room(&self, headers: &[(String, Bytes)]) -> Option<usize> {
        let len = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.claim.idempotent.settings.answer_limit.checked_sub(len)
    }

    /// Notes that the handler has succeeded while the body of its answer is not known yet. A run that is dropped from now
    /// on is done.
    pub fn succeeded(&mut self, status: u16) {
        if matches!(self.ending, Ending::Release) {
            self.ending = Ending::Finish(StoredAnswer::without_body(status));
        }
    }

    /// Ends the run with an answer that is to be kept if it [is final](StoredAnswer::is_final). Whatever becomes of that, the
    /// handler's own answer is the one to send.
    pub async fn finish(mut self, answer: StoredAnswer) {
        if StoredAnswer::is_final(answer.status) {
            if self.claim.fence.is_none() {
                self.check_completed();
            } else {
                self.ending = Ending::Finish(answer);
            }
            self.end().await;
        } else {
            self.release().await;
        }
    }

    /// Ends the run without success, so that the next attempt runs at once.
    pub async fn release(mut self) {
        if !matches!(self.ending, Ending::Nothing) {
            self.ending = Ending::Release;
        }
        self.end().await;
    }

    async fn end(&mut self) {
        if let Some(ended) = self.start_ending() {
            // It goes on if nobody waits for it any more: a success must not be lost with its caller.
            let _ = ended.await;
        }
    }

    /// Tells the store how the run ended, in a task of its own.
    fn start_ending(&mut self) -> Option<JoinHandle<()>> {
        // Before the end is told, so that a renewal cannot come after it and be refused.
        self.renewal.take().inspect(AbortHandle::abort);
        let ending = mem::replace(&mut self.ending, Ending::Nothing);
        let (idempotent, request) = (self.claim.idempotent.clone(), self.claim.request);
        let fence = self.claim.fence?;
        // Without a runtime the process is about to end, and the lease ends after it.
        let runtime = Handle::try_current().ok()?;
        match ending {
            Ending::Nothing => None,
            Ending::Release => Some(runtime.spawn(async move { release(&idempotent, request, fence).await })),
            Ending::Finish(answer) => {
                Some(runtime.spawn(async move { finish(&idempotent, request, fence, answer).await }))
            }
        }
    }

    /// A success without a claim is a mistake of the program.
    fn check_completed(&self) {
        if !self.claim.completed.load(Ordering::Acquire)
            && let Some(suppressed) = self.claim.idempotent.pace.unclaimed.pass()
        {
            tracing::error!(
                suppressed,
                "a handler has succeeded without `Claim::in_transaction`, so nothing keeps it from running twice: call that \
                 in its transaction, or leave out `transactional`"
            );
        }
    }
}

impl<S: Store> Drop for Run<S> {
    fn drop(&mut self) {
        drop(self.start_ending());
    }
}

impl<S: Store> fmt::Debug for Run<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("claim", &self.claim).finish_non_exhaustive()
    }
}

/// Renews a claim three times in a lease, so that a reply or two may be lost.
async fn renew<S: Store>(claim: Claim<S>, fence: u64, losing: watch::Sender<bool>) {
    let Claim { idempotent, request, completed, .. } = claim;
    let period = request.lease / 3;
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let step = Transition::Renew { fence, lease: request.lease, keep: request.keep };
    loop {
        ticks.tick().await;
        let reply = idempotent.ask(idempotent.store.apply(&request.key, &step)).await;
        // Once it is in the handler's transaction it may be committed, and is not renewed any more.
        if completed.load(Ordering::Acquire) {
            return;
        }
        match reply {
            Ok(Reply::Refused) => {
                tracing::warn!(key = %request.key, "a handler runs on after its claim has gone to another");
                losing.send_replace(true);
                return;
            }
            Ok(_) => {}
            Err(error) => idempotent.log_failure(&error, "a claim was not renewed"),
        }
    }
}

async fn release<S: Store>(idempotent: &Idempotent<S>, request: ClaimRequest, fence: u64) {
    let step = Transition::Release { fence, keep: request.keep };
    match idempotent.ask(idempotent.store.apply(&request.key, &step)).await {
        // Refused: somebody else has it already, or the handler's own transaction is committed.
        Ok(_) => {}
        Err(error) => idempotent.log_failure(&error, "a claim was not given back and ends with its lease"),
    }
}

async fn finish<S: Store>(
    idempotent: &Idempotent<S>,
    request: ClaimRequest,
    fence: u64,
    answer: StoredAnswer,
) {
    let step =
        |answer: &StoredAnswer| Transition::Finish { fence, answer: answer.to_bytes(), keep: request.keep };
    let mut reply = idempotent.ask(idempotent.store.apply(&request.key, &step(&answer))).await;
    if let Err(StoreError::Full { .. }) = reply {
        let short = StoredAnswer::without_body(answer.status);
        reply = idempotent.ask(idempotent.store.apply(&request.key, &step(&short))).await;
    }
    match reply {
        Ok(Reply::Refused) => tracing::warn!(
            key = %request.key,
            "a handler was late: its claim had gone to another, and its answer was not kept"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(
            key = %request.key,
            error = &error as &(dyn std::error::Error + 'static),
            "a handler has succeeded and could not be noted as done; another delivery of its message would run again"
        ),
    }
}
