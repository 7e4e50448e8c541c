//! The worker: it owns the broker, tells it what happens, and carries out what it wants done.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use qstash_types::LogState;
use tokio::{
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinError, JoinSet},
    time::sleep,
};

use crate::{
    broker::{Answer, AttemptId, Broker, CallId, Command, Effect, Event, Millis, Outcome, Refused},
    clock::Clock,
    deliver::Courier,
    feed::{Feed, Listener},
    reply::Refusal,
    trace,
};

/// A single task, so that effects are carried out in the broker's order without a lock.
#[derive(Debug)]
pub(crate) struct Worker {
    broker: Broker,
    clock: Clock,
    courier: Courier,
    /// Who waits for the answer to a call.
    callers: HashMap<CallId, oneshot::Sender<Result<Answer, Refused>>>,
    calls: u64,
    deliveries: JoinSet<(AttemptId, Outcome)>,
    attempts: HashMap<AttemptId, Attempt>,
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

/// What the worker is asked to do.
enum Request {
    Call(Box<Command>, oneshot::Sender<Result<Answer, Refused>>),
    Look(Box<dyn FnOnce(&Broker) + Send>),
    Listen(oneshot::Sender<Option<Listener>>),
    Advance { span: Duration, patience: Duration, done: oneshot::Sender<()> },
    Settle(oneshot::Sender<()>),
    WaitFor(String, LogState, oneshot::Sender<()>),
}

/// The other end of the worker, for everybody else.
#[derive(Clone, Debug)]
pub(crate) struct Handle(mpsc::UnboundedSender<Request>);

/// The worker is gone: the server shuts down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl Handle {
    /// Has a command carried out.
    pub(crate) async fn call(&self, command: Command) -> Result<Answer, Refusal> {
        Ok(self.ask(|answer| Request::Call(Box::new(command), answer)).await??)
    }

    /// Looks something up in the broker.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Broker) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        self.ask(|found| {
            Request::Look(Box::new(move |broker| {
                // Whoever asked may have left.
                let _ = found.send(look(broker));
            }))
        })
        .await
    }

    /// Listens to the feed, unless too many do already.
    pub(crate) async fn listen(&self) -> Result<Option<Listener>, Gone> {
        self.ask(Request::Listen).await
    }

    pub(crate) async fn advance(&self, span: Duration, patience: Duration) -> Result<(), Gone> {
        self.ask(|done| Request::Advance { span, patience, done }).await
    }

    pub(crate) async fn settled(&self) -> Result<(), Gone> {
        self.ask(Request::Settle).await
    }

    pub(crate) async fn wait_for(&self, message: &str, state: LogState) -> Result<(), Gone> {
        self.ask(|done| Request::WaitFor(message.to_owned(), state, done)).await
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Gone> {
        let (sender, receiver) = oneshot::channel();
        self.0.send(request(sender)).map_err(|_| Gone)?;
        receiver.await.map_err(|_| Gone)
    }
}

impl Worker {
    /// Starts a worker as a task of the set.
    pub(crate) fn spawn(tasks: &mut JoinSet<()>, seed: u64, courier: Courier) -> Handle {
        let (sender, requests) = mpsc::unbounded_channel();
        let worker = Self {
            broker: Broker::new(seed),
            clock: Clock::start(),
            courier,
            callers: HashMap::new(),
            calls: 0,
            deliveries: JoinSet::new(),
            attempts: HashMap::new(),
            advances: VecDeque::new(),
            settling: Vec::new(),
            watchers: Vec::new(),
            feed: Feed::default(),
        };
        tasks.spawn(worker.run(requests));
        Handle(sender)
    }

    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        loop {
            self.advance();
            let wake_up = self.wake_up();
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.take(request),
                    None => return,
                },
                Some(ended) = self.deliveries.join_next() => self.delivery_ended(ended),
                () = sleep(wake_up.unwrap_or_default()), if wake_up.is_some() => self.handle(Event::Due),
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
            Request::Look(look) => look(&self.broker),
            Request::Listen(listener) => {
                let _ = listener.send(self.feed.listen(&self.broker, self.clock.now()));
            }
            Request::Advance { span, patience, done } => {
                let target = self.clock.now() + span;
                self.advances.push_back(Advance { target, since: Instant::now(), patience, done });
            }
            Request::Settle(done) => self.settling.push(done),
            Request::WaitFor(message, state, done) => {
                if self.broker.has_entered(&message, &state) {
                    let _ = done.send(());
                } else {
                    self.watchers.push((message, state, done));
                }
            }
        }
    }

    fn handle(&mut self, event: Event) {
        for effect in self.broker.handle(self.clock.now(), event) {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            // This worker has no disk; what the broker remembers is all there is.
            Effect::Keep(_) => {}
            Effect::Answer { call, answer } => {
                if let Some(caller) = self.callers.remove(&call) {
                    // The caller may have hung up; the message was accepted all the same.
                    let _ = caller.send(answer);
                }
            }
            Effect::Deliver(delivery) => {
                let attempt = delivery.attempt;
                let courier = self.courier.clone();
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
    fn advance(&mut self) {
        while let Some(advance) = self.advances.front()
            && self.waits_until(advance).is_none()
        {
            let target = advance.target;
            match self.broker.next_due() {
                Some(due) if due <= target => {
                    self.clock.skip_to(due);
                    self.handle(Event::Due);
                }
                _ => {
                    self.clock.skip_to(target);
                    self.feed.skipped_to(target);
                    let advance = self.advances.pop_front().expect("the loop has seen it");
                    let _ = advance.done.send(());
                }
            }
        }
        if self.attempts.is_empty() && self.broker.next_due().is_none_or(|due| due > self.clock.now()) {
            for done in self.settling.drain(..) {
                // Whoever asked may have left.
                let _ = done.send(());
            }
        }
    }

    /// How long it takes until something is to be done although nothing happens.
    fn wake_up(&self) -> Option<Duration> {
        let due = self.broker.next_due().map(|due| self.clock.wait_until(due));
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
