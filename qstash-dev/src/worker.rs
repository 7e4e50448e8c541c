//! The worker: it owns the broker, tells it what happens, and carries out what it wants done.

mod handle;

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use qstash_types::LogState;
use tokio::{
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinError, JoinSet, spawn_blocking},
    time::sleep,
};
use tracing::error;

pub(crate) use handle::Handle;
use handle::Request;

use crate::{
    broker::{Answer, AttemptId, Broker, CallId, Effect, Event, Millis, Outcome},
    clock::Clock,
    deliver::Courier,
    feed::Feed,
    reply::Refusal,
    store::{Memory, NotKept, Store},
    trace,
};

/// How many requests are taken in before their effects are carried out. With a store they share a commit.
const MOST_AT_ONCE: usize = 1024;
/// Sets the ids of a server apart from those of the servers before it with the same seed and the same data.
const LARGE_AND_ODD: u64 = 0xd6e8_feb8_6659_fd93;

/// A single task, so that effects are carried out in the broker's order without a lock.
#[derive(Debug)]
pub(crate) struct Worker {
    broker: Broker,
    clock: Clock,
    /// Nobody, once the server is to end: no attempt begins any more.
    courier: Option<Courier>,
    store: Option<Arc<Store>>,
    /// Why nothing happens any more: something could not be kept, and the broker has run ahead of the store.
    not_kept: Option<NotKept>,
    /// What the broker wants done, and is not done yet.
    effects: Vec<Effect>,
    /// Who waits for the answer to a call.
    callers: BTreeMap<CallId, oneshot::Sender<Result<Answer, Refusal>>>,
    calls: u64,
    deliveries: JoinSet<(AttemptId, Outcome)>,
    attempts: BTreeMap<AttemptId, Attempt>,
    advances: VecDeque<Advance>,
    /// Who waits until nothing is left to do.
    settling: Vec<oneshot::Sender<()>>,
    /// Who waits until a message enters a state.
    watchers: Vec<(String, LogState, oneshot::Sender<()>)>,
    feed: Feed,
}

#[derive(Debug)]
struct Attempt {
    since: Instant,
    delivery: AbortHandle,
}

/// Somebody wants it to be later.
#[derive(Debug)]
struct Advance {
    target: Millis,
    since: Instant,
    patience: Duration,
    done: oneshot::Sender<()>,
}

impl Worker {
    /// Starts a worker as a task of the set, which goes on from what a store has kept.
    pub(crate) fn spawn(
        tasks: &mut JoinSet<()>,
        seed: u64,
        memory: Memory,
        store: Option<Arc<Store>>,
        courier: Courier,
    ) -> Handle {
        let (sender, requests) = mpsc::unbounded_channel();
        let worker = Self {
            broker: Broker::restore(memory.starts.wrapping_mul(LARGE_AND_ODD) ^ seed, memory.records),
            clock: Clock::start_after(memory.time),
            courier: Some(courier),
            store,
            not_kept: None,
            effects: Vec::new(),
            callers: BTreeMap::new(),
            calls: 0,
            deliveries: JoinSet::new(),
            attempts: BTreeMap::new(),
            advances: VecDeque::new(),
            settling: Vec::new(),
            watchers: Vec::new(),
            feed: Feed::default(),
        };
        tasks.spawn(worker.run(requests));
        Handle::new(sender)
    }

    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        let mut waiting = Vec::new();
        let mut is_wanted = true;
        while is_wanted || !self.attempts.is_empty() {
            self.advance().await;
            let wake_up = self.wake_up();
            tokio::select! {
                count = requests.recv_many(&mut waiting, MOST_AT_ONCE), if is_wanted => {
                    is_wanted = count > 0;
                },
                Some(ended) = self.deliveries.join_next() => self.delivery_ended(ended),
                () = sleep(wake_up.unwrap_or_default()), if wake_up.is_some() => self.handle(Event::Due),
            }
            while let Some(ended) = self.deliveries.try_join_next() {
                self.delivery_ended(ended);
            }
            // Whoever looks at the broker sees nothing that is not kept yet.
            let (calls, others): (Vec<_>, Vec<_>) =
                waiting.drain(..).partition(|request| matches!(request, Request::Call(..)));
            for call in calls {
                self.take(call);
            }
            self.carry_out().await;
            for request in others {
                self.take(request);
            }
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Call(command, answer) => {
                let call = CallId(self.calls);
                self.calls += 1;
                self.callers.insert(call, answer);
                self.handle(Event::Call { call, command });
            }
            Request::Look(look) => look(&self.broker, self.clock.now()),
            Request::Listen(listener) => {
                // Once the server is to end, nobody would tell a page that it is over.
                let is_open = self.courier.is_some();
                let heard = is_open.then(|| self.feed.listen(&self.broker, self.clock.now()));
                let _ = listener.send(heard.flatten());
            }
            Request::Advance { span, patience, done } => {
                let target = self.clock.now() + span;
                self.advances.push_back(Advance { target, since: Instant::now(), patience, done });
            }
            Request::Finish => {
                self.courier = None;
                // A page would listen for ever.
                self.feed = Feed::default();
            }
            Request::Settle(done) => self.settling.push(done),
            Request::WaitFor(message, state, done) => {
                if self.broker.has_entered(&message, &state) {
                    let _ = done.send(());
                } else {
                    // Those who gave up would be kept for as long as their message does not get there.
                    self.watchers.retain(|(_, _, done)| !done.is_closed());
                    self.watchers.push((message, state, done));
                }
            }
        }
    }

    /// Has the broker take in an event. What it wants done about it is carried out later, together with what else
    /// happens meanwhile.
    fn handle(&mut self, event: Event) {
        if self.not_kept.is_none() {
            self.effects.extend(self.broker.handle(self.clock.now(), event));
        }
    }

    /// Keeps all that must be kept, and then does all that must be done.
    async fn carry_out(&mut self) {
        let effects = mem::take(&mut self.effects);
        match self.keep(effects).await {
            Ok(effects) => effects.into_iter().for_each(|effect| self.do_now(effect)),
            Err(error) => {
                error!("{error}");
                self.not_kept = Some(error);
                self.attempts.clear();
                self.deliveries.abort_all();
            }
        }
        if let Some(error) = &self.not_kept {
            for caller in mem::take(&mut self.callers).into_values() {
                // The caller may have hung up.
                let _ = caller.send(Err(error.clone().into()));
            }
        }
    }

    async fn keep(&self, effects: Vec<Effect>) -> Result<Vec<Effect>, NotKept> {
        let must_be_kept = |effect: &Effect| matches!(effect, Effect::Keep(_) | Effect::Forget(_));
        match &self.store {
            Some(store) if effects.iter().any(must_be_kept) => {
                let (store, now) = (store.clone(), self.clock.now());
                let kept = spawn_blocking(move || store.commit(now, &effects).map(|()| effects));
                kept.await.unwrap_or(Err(NotKept::BROKEN))
            }
            _ => Ok(effects),
        }
    }

    fn do_now(&mut self, effect: Effect) {
        match effect {
            Effect::Keep(_) | Effect::Forget(_) => {}
            Effect::Answer { call, answer } => {
                if let Some(caller) = self.callers.remove(&call) {
                    // The caller may have hung up; the message was accepted all the same.
                    let _ = caller.send(answer.map_err(Into::into));
                }
            }
            Effect::Deliver(delivery) => {
                let Some(courier) = self.courier.clone() else { return };
                let attempt = delivery.attempt;
                let delivery =
                    self.deliveries.spawn(async move { (attempt, courier.deliver(delivery).await) });
                self.attempts.insert(attempt, Attempt { since: Instant::now(), delivery });
            }
            Effect::Abandon(attempt) => {
                if let Some(attempt) = self.attempts.remove(&attempt) {
                    attempt.delivery.abort();
                }
            }
            Effect::Log(entry) => {
                trace::entry(&entry);
                self.feed.entry(&entry);
                let entered = |message: &str, state: &LogState| {
                    entry.message.id.as_str() == message && entry.state == *state
                };
                for (_, _, done) in
                    self.watchers.extract_if(.., |(message, state, _)| entered(message, state))
                {
                    // Whoever asked may have left.
                    let _ = done.send(());
                }
            }
        }
    }

    fn delivery_ended(&mut self, ended: Result<(AttemptId, Outcome), JoinError>) {
        let (attempt, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let broken = self.attempts.iter().find(|(_, attempt)| attempt.delivery.id() == error.id());
                // One that was abandoned is no longer among the attempts; one that panicked is.
                let Some((&attempt, _)) = broken else { return };
                (attempt, Outcome::Failed("the delivery broke down".to_owned()))
            }
        };
        self.attempts.remove(&attempt);
        self.handle(Event::AttemptEnded { attempt, outcome });
    }

    /// Makes it as late as is wanted, one due instant after the other, and tells those who wait for quiet.
    async fn advance(&mut self) {
        while let Some(advance) = self.advances.front()
            && self.waits_until(advance).is_none()
        {
            let target = advance.target;
            match self.next_due() {
                Some(due) if due <= target => {
                    self.clock.skip_to(due);
                    self.handle(Event::Due);
                    self.carry_out().await;
                }
                _ => {
                    self.clock.skip_to(target);
                    self.feed.skipped_to(target);
                    let advance = self.advances.pop_front().expect("the loop has seen it");
                    let _ = advance.done.send(());
                }
            }
        }
        if self.attempts.is_empty() && self.next_due().is_none_or(|due| due > self.clock.now()) {
            for done in self.settling.drain(..) {
                // Whoever asked may have left.
                let _ = done.send(());
            }
        }
    }

    fn next_due(&self) -> Option<Millis> {
        self.broker.next_due().filter(|_| self.not_kept.is_none())
    }

    /// How long it takes until something is to be done although nothing happens.
    fn wake_up(&self) -> Option<Duration> {
        let due = self.next_due().map(|due| self.clock.wait_until(due));
        let patience = self.advances.front().and_then(|advance| self.waits_until(advance));
        let patience = patience.map(|end| end.saturating_duration_since(Instant::now()));
        due.into_iter().chain(patience).min()
    }

    /// When an advance stops waiting for the attempts that are running, if it has to wait at all.
    fn waits_until(&self, advance: &Advance) -> Option<Instant> {
        let last = self.attempts.values().map(|attempt| attempt.since.max(advance.since)).max()?;
        Some(last + advance.patience).filter(|&end| end > Instant::now())
    }
}
