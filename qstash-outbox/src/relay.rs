//! The relay, which hands over what is staged.

mod send;

use std::{
    error::Error,
    fmt,
    future::pending,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::FutureExt;
use qstash_client::Client;
use tokio::time::{Instant, sleep, timeout};

use self::send::Sender;
use crate::{
    Outbox, OutboxDatabase, OutboxError,
    life::{End, Failure, LONGEST_ASKED, Millis, Rules, millis},
    turn::{Ended, Fates, Job, Turns, Wanted},
};

/// With both at their most, a call still ends long before QStash forgets what it accepted before it.
const MOST: Duration = Duration::from_mins(4);

/// Hands over the messages of an [`Outbox`] to QStash: a task beside an application, or a process of its own. Any number of relays
/// may work on one outbox.
///
/// A relay may be dropped or killed at any time. What it was working on is taken over by another one, or by itself when it is
/// started again, after at most twice the [deadline](Self::deadline).
#[must_use = "a relay does nothing until it runs"]
pub struct Relay<DB: OutboxDatabase> {
    outbox: Outbox<DB>,
    client: Client,
    deadline: Duration,
    batch: usize,
    poll: Duration,
    first_wait: Duration,
    longest_wait: Duration,
    log_margin: Duration,
    log_retention: Option<Duration>,
    clock: Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>,
    fence: i64,
}

/// What a relay has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayReport {
    /// Messages that QStash has.
    pub accepted: u64,
    /// Tries in vain, of messages that are tried again.
    pub postponed: u64,
    /// Messages that a person has to decide about.
    pub died: u64,
}

impl<DB: OutboxDatabase> Relay<DB> {
    /// A relay of an outbox, which sends by this client.
    ///
    /// The [defaults for messages](qstash_client::ClientBuilder::message_defaults) of the client apply, except for labels.
    pub fn new(outbox: Outbox<DB>, client: Client) -> Self {
        Self {
            outbox,
            client,
            deadline: Duration::from_secs(30),
            batch: 100,
            poll: Duration::from_secs(1),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(1),
            log_margin: Duration::from_mins(1),
            log_retention: None,
            clock: None,
            fence: fresh_fence(),
        }
    }

    /// How long the calls for a batch may take in all, the client's repetitions included: 30 seconds unless set, four minutes at the
    /// most. Keys are leased for twice as long.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: deadline.clamp(Duration::from_millis(1), MOST), ..self }
    }

    /// How many messages are sent at once: 100 unless set. At most one of them is of the same key.
    pub fn batch(self, messages: usize) -> Self {
        Self { batch: messages.max(1), ..self }
    }

    /// How often the database is asked whether there is something to send, unless it tells: once a second unless set.
    pub fn poll(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// The wait after a try in vain, which doubles from the first to the longest: 1 second to 1 minute unless set. QStash may ask
    /// for a longer one.
    pub fn backoff(self, first: Duration, longest: Duration) -> Self {
        Self { first_wait: first, longest_wait: longest, ..self }
    }

    /// How far QStash's log may lag behind what it accepts, and its clock be apart from that of the database: 1 minute unless
    /// set, four at the most.
    pub fn log_margin(self, margin: Duration) -> Self {
        Self { log_margin: margin.min(MOST), ..self }
    }

    /// How long QStash certainly keeps its log, which depends on the plan of the account.
    ///
    /// Unless it is set, a relay believes that a message is not in the log only if the log has an entry from before the message
    /// was sent first. A local server that is started again has an empty log: do not set it there.
    pub fn log_retention(self, retention: Duration) -> Self {
        Self { log_retention: Some(retention), ..self }
    }

    /// Tells the time in place of the database, for tests. All relays of an outbox have to have the same time.
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Some(Arc::new(clock)), ..self }
    }

    /// Hands over what is staged, for ever. What fails is an event of `tracing`, and is tried again.
    pub async fn run(self) {
        self.run_until(pending::<()>()).await;
    }

    /// Hands over what is staged until a future ends, such as one that waits for a signal. Calls to QStash that are under way then
    /// come to their end, which takes up to the [deadline](Self::deadline), and what became of them is noted.
    pub async fn run_until(self, end: impl Future) {
        let mut end = pin!(end.fuse());
        let (mut ended, mut pause, mut failures, mut stops) = (Vec::new(), None, 0, false);
        let mut listener = None;
        loop {
            stops = stops || end.as_mut().now_or_never().is_some();
            let wanted = if stops || pause.is_some() { Wanted::Nothing } else { Wanted::UpTo(self.batch) };
            let began = Instant::now();
            let wait = match self.turn(&ended, wanted).await {
                Ok((jobs, _)) => {
                    ended.clear();
                    match pause.take() {
                        Some(pause) => pause,
                        None if jobs.is_empty() => self.poll,
                        None => {
                            ended = self.sender().send(jobs, began + self.deadline).await;
                            pause = self.pause_after(&ended, &mut failures);
                            continue;
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn Error, "the outbox cannot be worked on");
                    self.pause(&mut failures)
                }
            };
            if stops {
                return;
            }
            if listener.is_none() {
                listener = self.listen().await;
                // Nobody told what was staged meanwhile.
                if listener.is_some() && failures == 0 {
                    continue;
                }
            }
            let told = async {
                match &mut listener {
                    // After a failure nothing but time helps.
                    Some(listener) if failures == 0 => DB::told(listener).await,
                    _ => pending().await,
                }
            };
            let told = tokio::select! {
                () = sleep(wait) => Ok(()),
                told = told => told,
                _ = &mut end => {
                    stops = true;
                    Ok(())
                }
            };
            if told.is_err() {
                listener = None;
            }
        }
    }

    /// Hands over what is due now, and returns when nothing is, or when QStash is in trouble: for a test, or for a program that
    /// something else starts from time to time.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn run_once(&self) -> Result<RelayReport, OutboxError> {
        let (mut ended, mut is_in_trouble) = (Vec::new(), false);
        let mut report = RelayReport::default();
        loop {
            let wanted = if is_in_trouble { Wanted::Nothing } else { Wanted::UpTo(self.batch) };
            let began = Instant::now();
            let (jobs, fates) = self.turn(&ended, wanted).await?;
            report.add(fates);
            if jobs.is_empty() {
                return Ok(report);
            }
            ended = self.sender().send(jobs, began + self.deadline).await;
            is_in_trouble = trouble(&ended).is_some();
        }
    }

    async fn turn(&self, ended: &[Ended], wanted: Wanted) -> Result<(Vec<Job>, Fates), OutboxError> {
        let turns = Turns {
            pool: &self.outbox.pool,
            table: &self.outbox.table,
            fence: self.fence,
            lease: 2 * millis(self.deadline),
            rules: self.rules(),
        };
        let now = self.clock.as_ref().map(|clock| since_1970(clock()));
        let turn = timeout(2 * self.deadline, turns.take(ended, wanted, now));
        turn.await.unwrap_or_else(|elapsed| Err(OutboxError::Database(elapsed.into())))
    }

    fn rules(&self) -> Rules {
        Rules {
            deadline: millis(self.deadline),
            margin: millis(self.log_margin),
            first_wait: millis(self.first_wait),
            longest_wait: millis(self.longest_wait),
        }
    }

    fn sender(&self) -> Sender<'_> {
        Sender { client: &self.client, margin: self.log_margin, retention: self.log_retention }
    }

    async fn listen(&self) -> Option<DB::Listener> {
        let listener = DB::listen(&self.outbox.pool, &self.outbox.table).await;
        listener.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn Error, "nothing tells what is staged, so the relay asks");
            None
        })
    }

    /// How long to leave QStash alone when nothing of a batch came through.
    fn pause_after(&self, ended: &[Ended], failures: &mut i32) -> Option<Duration> {
        let Some(failure) = trouble(ended) else {
            *failures = 0;
            return None;
        };
        let pause = self.pause(failures).max(failure.asked_wait.min(LONGEST_ASKED));
        tracing::warn!(reason = failure.why, ?pause, "nothing can be handed over to QStash");
        Some(pause)
    }

    fn pause(&self, failures: &mut i32) -> Duration {
        let pause = self.rules().wait(*failures);
        *failures = failures.saturating_add(1);
        Duration::from_millis(pause.unsigned_abs())
    }
}

/// What went wrong, if nothing of a batch came through.
fn trouble(ended: &[Ended]) -> Option<&Failure> {
    let failures = ended.iter().map(|job| match &job.end {
        End::NotAccepted(failure) | End::Unclear(failure) | End::NotLookedUp(failure) => Some(failure),
        _ => None,
    });
    // The one that asks for the longest wait, unless something came through.
    let failures: Option<Vec<_>> = failures.collect();
    failures?.into_iter().max_by_key(|failure| failure.asked_wait)
}

impl RelayReport {
    fn add(&mut self, fates: Fates) {
        self.accepted += fates.gone;
        self.postponed += fates.waiting;
        self.died += fates.dead;
    }
}

impl<DB: OutboxDatabase> fmt::Debug for Relay<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("outbox", &self.outbox)
            .field("deadline", &self.deadline)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

/// A number that no other relay has.
fn fresh_fence() -> i64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    i64::from_ne_bytes(bytes)
}

fn since_1970(time: SystemTime) -> Millis {
    millis(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}
