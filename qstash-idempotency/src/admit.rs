//! What becomes of a delivery before its handler: it runs, or it is answered.

use std::time::{Duration, SystemTime};

use qstash_types::RetryDelay;
use qstash_verify::Verified;
use tokio::time::{Instant, sleep};

use crate::{
    ClaimRequest, Idempotent, KeyError, Reply, Run, Store, StoreError, StoredAnswer, Transition,
    idempotent::{Form, LONGEST_PAUSE, Replays},
};

/// What becomes of a delivery.
#[derive(Debug)]
#[must_use = "a handler runs, or the delivery is answered"]
pub enum Admission<S: Store> {
    /// Call the handler, and tell the run how it ended.
    Run(Run<S>),
    /// Answer this. The handler is not called.
    Answer(StoredAnswer),
}

/// The waits between two looks at a claim that another handler has.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl<S: Store> Idempotent<S> {
    /// Derives what the store is told of a delivery, from the proof and from **all** values of the `Upstash-Message-Id`
    /// header.
    ///
    /// # Errors
    ///
    /// The delivery has no key. [`StoredAnswer::from`] makes the answer of the error.
    pub fn request<'a>(
        &self,
        verified: &Verified,
        message_ids: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<ClaimRequest, KeyError> {
        let settings = &self.settings;
        let keys = settings.key.keys(verified, message_ids).inspect_err(|error| {
            tracing::warn!(%error, "delivery refused");
        })?;
        let request = ClaimRequest::new(keys.delivery, settings.lease, settings.retention);
        Ok(match keys.token {
            Some(token) if settings.replays == Replays::Refused => {
                // A time that is left, not a time: the store's clock is another one.
                let left = verified.valid_until().duration_since(SystemTime::now()).unwrap_or_default();
                request.with_token(token, left.saturating_add(settings.skew))
            }
            _ => request,
        })
    }

    /// Claims a delivery, and waits if another handler has it. `retried` is the number of earlier attempts, from the
    /// `Upstash-Retried` header.
    ///
    /// With the [transactional](Idempotent::transactional) form there is always a run, and the handler claims.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub async fn admit(&self, mut request: ClaimRequest, retried: u32) -> Admission<S> {
        if self.settings.form == Form::Transactional {
            return self.admit_unclaimed(request).await;
        }
        let deadline = Instant::now() + self.settings.wait;
        let mut pause = FIRST_WAIT;
        loop {
            let rest = match self.ask(self.store.claim(&request)).await {
                Ok(Reply::Claimed { fence }) => {
                    return Admission::Run(Run::claimed(self.clone(), request, fence));
                }
                Ok(Reply::Done { answer }) => {
                    return match StoredAnswer::from_bytes(answer) {
                        Some(answer) => Admission::Answer(answer.replayed()),
                        None => Admission::Answer(
                            self.failed(&StoreError::Disorder { what: "an answer cannot be read" }),
                        ),
                    };
                }
                Ok(Reply::Busy { rest }) => {
                    // The token is noted by now.
                    request.token = None;
                    rest
                }
                Ok(Reply::Refused) => return replayed(),
                Ok(Reply::Accepted) => {
                    let error = StoreError::Disorder { what: "a claim was replied to with `Accepted`" };
                    return Admission::Answer(self.failed(&error));
                }
                Err(error) => return Admission::Answer(self.failed(&error)),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Admission::Answer(busy(rest, retried));
            }
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }

    /// Takes note of the token, and leaves the claim to the handler. A note that were a part of the handler's transaction
    /// would be gone with it, and the token could be used again.
    async fn admit_unclaimed(&self, request: ClaimRequest) -> Admission<S> {
        if let Some(token) = request.token {
            let note = Transition::Use { by: request.key, keep: token.keep };
            match self.ask(self.store.apply(&token.key, &note)).await {
                Ok(Reply::Refused) => return replayed(),
                Ok(_) => {}
                Err(error) => return Admission::Answer(self.failed(&error)),
            }
        }
        self.sweep();
        Admission::Run(Run::unclaimed(self.clone(), request))
    }

    /// Waits for the store, but not forever.
    pub(crate) async fn ask<T>(
        &self,
        reply: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let after = self.settings.store_timeout;
        tokio::time::timeout(after, reply).await.unwrap_or(Err(StoreError::Slow { after }))
    }

    /// Logs, once a minute, and answers so that QStash keeps to its own backoff, which is longer than a failover.
    fn failed(&self, error: &StoreError) -> StoredAnswer {
        self.log_failure(error, "deliveries are answered with 503");
        StoredAnswer::text(503, "try again")
    }

    pub(crate) fn log_failure(&self, error: &StoreError, so: &'static str) {
        if let Some(suppressed) = self.pace.failures.pass() {
            let error: &(dyn std::error::Error + 'static) = error;
            tracing::error!(error, suppressed, "the store of claims: {so}");
        }
    }

    /// Forgets what is too old, once a minute, step by step, beside everything else.
    pub(crate) fn sweep(&self) {
        const STEP: usize = 1000;
        if self.pace.sweeps.pass().is_none() {
            return;
        }
        let idempotent = self.clone();
        tokio::spawn(async move {
            loop {
                match idempotent.ask(idempotent.store.sweep(STEP)).await {
                    Ok(STEP..) => tokio::task::yield_now().await,
                    Ok(_) => return,
                    Err(error) => return idempotent.log_failure(&error, "what is too old stays"),
                }
            }
        });
    }
}

fn replayed<S: Store>() -> Admission<S> {
    tracing::warn!("delivery refused: its token came under another message id before");
    Admission::Answer(StoredAnswer::text(403, "used before"))
}

/// Sends away until the other one has ended or crashed, and not before QStash would come again by itself: every attempt
/// that is sent away counts.
fn busy(rest: Duration, retried: u32) -> StoredAnswer {
    let wait = rest.max(RetryDelay::default().delay(retried)).min(LONGEST_PAUSE);
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    StoredAnswer::text(503, "being handled").with_header("retry-after", seconds.to_string())
}

impl From<KeyError> for StoredAnswer {
    fn from(error: KeyError) -> Self {
        Self::text(error.status(), error.public_text())
    }
}
