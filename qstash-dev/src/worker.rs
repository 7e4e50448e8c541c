//! The worker: it owns the broker, tells it what happens, and carries out what it wants done.

mod handle;

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use qstash_broker::{AttemptEnd, AttemptId, Broker, Capacity, Effect, Event, Time};
use qstash_types::LogState;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{AbortHandle, JoinError, JoinSet, spawn_blocking, yield_now},
    time::sleep,
};

pub(crate) use handle::{Gone, Handle};
use handle::{Reply, Request};

use crate::{
    clock::Clock,
    deliver::Courier,
    feed::Feed,
    metrics::Meters,
    otlp::{TracedAttempt, Tracer},
    store::{Memory, NotKept, Store},
    tell::tell,
};

/// How many requests are taken in before their effects are carried out. With a store they share a commit.
const MOST_AT_ONCE: usize = 1024;
/// How many instants an advance visits before everybody else has a turn.
const MOST_INSTANTS: usize = 64;
/// Sets the ids of a server apart from those of the servers before it with the same seed and the same data.
const LARGE_AND_ODD: u64 = 0xd6e8_feb8_6659_fd93;

/// A single task, so that effects are carried out in the broker's order without a lock.
pub(crate) struct Worker {
    broker: Broker,
    capacity: Capacity,
    /// Where the ids of the broker come from.
    seed: u64,
    clock: Clock,
    /// `None` once the server is shutting down: then no attempt begins any more.
    courier: Option<Courier>,
    store: Option<Arc<Store>>,
    /// Why nothing happens any more: something could not be kept, and the broker has run ahead of the store.
    not_kept: Option<NotKept>,
    /// What the broker wants done, and is not done yet.
    effects: Vec<Effect<Reply>>,
    deliveries: JoinSet<(AttemptId, AttemptEnd)>,
    attempts: BTreeMap<AttemptId, InFlight>,
    /// Attempts that cannot begin yet, through no fault of their destinations.
    held_up: (mpsc::UnboundedSender<AttemptId>, mpsc::UnboundedReceiver<AttemptId>),
    advances: VecDeque<Advance>,
    /// Who waits until nothing is left to do.
    settling: Vec<oneshot::Sender<()>>,
    /// Who waits until a message enters a state.
    watchers: Vec<(String, LogState, oneshot::Sender<()>)>,
    /// Who wants everything forgotten.
    resets: Vec<oneshot::Sender<Result<(), NotKept>>>,
    feed: Feed,
    meters: Meters,
    tracer: Option<Tracer>,
}

#[derive(Debug)]
struct InFlight {
    since: Instant,
    delivery: AbortHandle,
    traced: Option<TracedAttempt>,
}

/// Somebody wants it to be later.
#[derive(Debug)]
struct Advance {
    target: Time,
    since: Instant,
    patience: Duration,
    done: oneshot::Sender<()>,
}

impl Worker {
    /// Starts a worker as a task of the set, which goes on from what a store has kept. If it breaks down, `broken` gets to know
    /// why.
    pub(crate) fn spawn(
        tasks: &mut JoinSet<()>,
        broken: watch::Sender<Option<String>>,
        seed: u64,
        capacity: Capacity,
        (store, memory): (Option<Arc<Store>>, Memory),
        courier: Courier,
        tracer: Option<Tracer>,
    ) -> Handle {
        let (sender, requests) = mpsc::unbounded_channel();
        let seed = memory.starts.wrapping_mul(LARGE_AND_ODD) ^ seed;
        let worker = Self {
            broker: Broker::restore(seed, capacity, memory.records),
            capacity,
            seed,
            clock: Clock::start_after(memory.time),
            courier: Some(courier),
            store,
            not_kept: None,
            effects: Vec::new(),
            deliveries: JoinSet::new(),
            attempts: BTreeMap::new(),
            held_up: mpsc::unbounded_channel(),
            advances: VecDeque::new(),
            settling: Vec::new(),
            watchers: Vec::new(),
            resets: Vec::new(),
            feed: Feed::default(),
            meters: Meters::default(),
            tracer,
        };
        let mut running = JoinSet::new();
        running.spawn(worker.run(requests));
        tasks.spawn(async move {
            if let Some(Err(error)) = running.join_next().await
                && error.is_panic()
            {
                let reason = reason(error);
                tell!(ERROR, "the server has broken down: {reason}");
                broken.send_replace(Some(reason));
            }
        });
        Handle::new(sender)
    }

    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        let mut waiting = Vec::new();
        let mut is_wanted = true;
        // What is due first is mostly the same as before: the timer stays where it is then.
        let mut alarm = pin!(sleep(Duration::ZERO));
        while is_wanted || !self.attempts.is_empty() {
            self.advance().await;
            let wake_up = self.wake_up().map(tokio::time::Instant::from_std);
            if let Some(wake_up) = wake_up
                && alarm.deadline() != wake_up
            {
                alarm.as_mut().reset(wake_up);
            }
            tokio::select! {
                count = requests.recv_many(&mut waiting, MOST_AT_ONCE), if is_wanted => {
                    is_wanted = count > 0;
                },
                Some(ended) = self.deliveries.join_next() => self.delivery_ended(ended),
                Some(attempt) = self.held_up.1.recv() => self.handle(Event::AttemptWaits(attempt)),
                () = alarm.as_mut(), if wake_up.is_some() => self.handle(Event::Due),
            }
            while let Some(ended) = self.deliveries.try_join_next() {
                self.delivery_ended(ended);
            }
            // Reads run after the commit, so that they show nothing that is not stored yet.
            for call in waiting.extract_if(.., |request| matches!(request, Request::Call(_))) {
                self.take(call);
            }
            self.carry_out().await;
            for request in waiting.drain(..) {
                self.take(request);
            }
            if self.courier.is_none() && self.attempts.is_empty() {
                self.dismiss_waiting();
            }
            if !self.resets.is_empty() {
                let answer = self.reset().await;
                for done in self.resets.drain(..) {
                    // The caller may have hung up.
                    let _ = done.send(answer.clone());
                }
            }
        }
    }

    /// Forgets everything, and goes on at the time of the machine. Who waits for something goes on waiting.
    async fn reset(&mut self) -> Result<(), NotKept> {
        if let Some(error) = self.not_kept.clone() {
            return Err(error);
        }
        // In flight, or ended and not heard of yet: nothing of it is about a message of the next broker.
        self.deliveries = JoinSet::new();
        self.attempts.clear();
        let clock = Clock::start_after(Time::default());
        if let Some(store) = self.store.clone() {
            let now = clock.now();
            let cleared = spawn_blocking(move || store.clear(now)).await;
            if let Err(error) = cleared.unwrap_or(Err(NotKept::BROKEN)) {
                self.not_kept = Some(error.clone());
                return Err(error);
            }
        }
        self.seed = self.seed.wrapping_add(LARGE_AND_ODD);
        self.broker = Broker::sized(self.seed, self.capacity);
        self.clock = clock;
        for advance in self.advances.drain(..) {
            // The receiver may be gone.
            let _ = advance.done.send(());
        }
        // Listeners come back for the new past, which is none.
        self.feed = Feed::default();
        Ok(())
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::ReadClock(reader) => {
                // The receiver may be gone.
                let _ = reader.send((self.clock.now(), self.clock.ahead()));
            }
            Request::Reset(done) => self.resets.push(done),
            Request::Call(call) => match self.not_kept.clone() {
                None => call.carry_out(&mut self.broker, self.clock.now(), &mut self.effects),
                Some(error) => call.refuse(error),
            },
            Request::Look(look) => look(match self.not_kept.clone() {
                None => Ok((&self.broker, self.clock.now())),
                // The broker has what the store has not.
                Some(error) => Err(error),
            }),
            Request::Measure(caller) => {
                // The caller may have hung up.
                let _ = caller.send(self.meters.text(&self.broker, self.clock.now()));
            }
            Request::Listen(listener) => {
                // While the server shuts down, a listener would never be told that it is over.
                let is_open = self.courier.is_some() && self.not_kept.is_none();
                let heard = is_open.then(|| self.feed.listen(&self.broker, self.clock.now()));
                let _ = listener.send(heard.flatten());
            }
            // It will never get there.
            Request::Advance { .. } | Request::Settle(_) if self.not_kept.is_some() => {}
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
                if self.not_kept.is_some() {
                    // It will never get there.
                    drop(done);
                } else if self.broker.has_entered(&message, &state) {
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
            self.effects.extend(self.broker.handle(self.clock.now(), event).into_iter().map(Effect::among));
        }
    }

    /// Keeps all that must be kept, and then does all that must be done.
    async fn carry_out(&mut self) {
        let effects = mem::take(&mut self.effects);
        let Some(store) = self.store.clone() else {
            for effect in effects {
                self.do_now(effect);
            }
            return;
        };
        let to_keep = |effect: &Effect<_>| matches!(effect, Effect::Keep(_) | Effect::Forget(_));
        let (changes, effects): (Vec<_>, Vec<_>) = effects.into_iter().partition(to_keep);
        let (is_kept, since) = (!changes.is_empty(), Instant::now());
        let kept = keep(store, self.clock.now(), changes).await;
        if is_kept && kept.is_ok() {
            self.meters.committed(since.elapsed());
        }
        match kept {
            Ok(()) => effects.into_iter().for_each(|effect| self.do_now(effect)),
            Err(error) => {
                tell!(ERROR, "{error}");
                for effect in effects {
                    if let Effect::Answer(reply) = effect {
                        reply(Err(error.clone()));
                    }
                }
                self.not_kept = Some(error);
                self.feed = Feed::default();
                self.dismiss_waiting();
                self.attempts.clear();
                self.deliveries.abort_all();
            }
        }
    }

    fn do_now(&mut self, effect: Effect<Reply>) {
        match effect {
            Effect::Keep(_) | Effect::Forget(_) => {}
            Effect::Answer(reply) => reply(Ok(())),
            Effect::Send(dispatch) => {
                let Some(courier) = self.courier.clone() else { return };
                let now = self.clock.now();
                self.meters.attempt_began(dispatch.due.until(now));
                let traced = self.tracer.as_ref().and_then(|tracer| tracer.began(&dispatch, now));
                let (attempt, held_up) = (dispatch.attempt, self.held_up.0.clone());
                // The worker may be gone.
                let waits = move || _ = held_up.send(attempt);
                // It is large, and a task is moved several times before it runs.
                let delivery = Box::pin(async move { (attempt, courier.deliver(dispatch, &waits).await) });
                let delivery = self.deliveries.spawn(delivery);
                self.attempts.insert(attempt, InFlight { since: Instant::now(), delivery, traced });
            }
            Effect::Abandon(attempt) => {
                if let Some(attempt) = self.attempts.remove(&attempt) {
                    attempt.delivery.abort();
                    self.attempt_ended(&attempt, None);
                }
            }
            Effect::Log(entry) => {
                #[cfg(feature = "tracing")]
                crate::log_line::write(&entry);
                self.meters.entered(&entry);
                if let Some(tracer) = &self.tracer {
                    tracer.entered(&entry);
                }
                self.feed.entry(&entry);
                let entered = |message: &str, state: &LogState| {
                    entry.message.id.as_str() == message && entry.state == *state
                };
                for (_, _, done) in
                    self.watchers.extract_if(.., |(message, state, _)| entered(message, state))
                {
                    // The receiver may be gone.
                    let _ = done.send(());
                }
            }
        }
    }

    fn delivery_ended(&mut self, ended: Result<(AttemptId, AttemptEnd), JoinError>) {
        let (attempt, end) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let broken = self.attempts.iter().find(|(_, attempt)| attempt.delivery.id() == error.id());
                // One that was abandoned is no longer among the attempts; one that panicked is.
                let Some((&attempt, _)) = broken else { return };
                (attempt, AttemptEnd::Failed("the delivery broke down".to_owned()))
            }
        };
        if let Some(in_flight) = self.attempts.remove(&attempt) {
            self.attempt_ended(&in_flight, Some(&end));
        }
        self.handle(Event::AttemptEnded { attempt, end });
    }

    /// Counts an attempt that has ended, or was given up if there is no end.
    fn attempt_ended(&mut self, attempt: &InFlight, end: Option<&AttemptEnd>) {
        self.meters.attempt_ended(end, attempt.since.elapsed());
        if let (Some(tracer), Some(traced)) = (&self.tracer, &attempt.traced) {
            tracer.ended(traced, end, self.clock.now());
        }
    }

    /// Moves the clock as far as is wanted, one due instant after the other, and answers those who wait until nothing is due.
    async fn advance(&mut self) {
        let mut instants = 0;
        while let Some(advance) = self.advances.front()
            && self.waits_until(advance).is_none()
        {
            let target = advance.target;
            match self.next_due() {
                _ if advance.done.is_closed() => {
                    self.feed.skipped_to(self.clock.now());
                    self.advances.pop_front();
                }
                Some(_) if instants == MOST_INSTANTS => {
                    yield_now().await;
                    break;
                }
                Some(due) if due <= target => {
                    instants += 1;
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
        if self.advances.is_empty()
            && self.attempts.is_empty()
            && self.next_due().is_none_or(|due| due > self.clock.now())
        {
            for done in self.settling.drain(..) {
                // The receiver may be gone.
                let _ = done.send(());
            }
        }
    }

    /// Tells everybody who waits for something that it will not come.
    fn dismiss_waiting(&mut self) {
        self.advances.clear();
        self.settling.clear();
        self.watchers.clear();
    }

    fn next_due(&self) -> Option<Time> {
        self.broker.next_due().filter(|_| self.not_kept.is_none())
    }

    /// When something is to be done although nothing happens.
    fn wake_up(&self) -> Option<Instant> {
        let due = self.next_due().and_then(|due| self.clock.shows(due));
        let advance = self.advances.front();
        let advance = advance.map(|advance| self.waits_until(advance).unwrap_or_else(Instant::now));
        due.into_iter().chain(advance).min()
    }

    /// When an advance stops waiting for the attempts that are running, if it has to wait at all.
    fn waits_until(&self, advance: &Advance) -> Option<Instant> {
        let last = self.attempts.values().map(|attempt| attempt.since.max(advance.since)).max()?;
        Some(last + advance.patience).filter(|&end| end > Instant::now())
    }
}

async fn keep(store: Arc<Store>, now: Time, changes: Vec<Effect<Reply>>) -> Result<(), NotKept> {
    if changes.is_empty() {
        return Ok(());
    }
    let kept = spawn_blocking(move || store.commit(now, &changes));
    kept.await.unwrap_or(Err(NotKept::BROKEN))
}

/// What a task has said when it panicked.
fn reason(error: JoinError) -> String {
    match error.into_panic().downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast_ref::<&str>().map_or_else(String::new, |text| (*text).to_owned()),
    }
}
