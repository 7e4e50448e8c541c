//! What the worker is asked to do, and how.

use std::time::Duration;

use http::StatusCode;
use qstash_broker::{Broker, Command, Effect, Time};
use qstash_types::LogState;
use tokio::sync::{mpsc, oneshot};

use crate::{feed::Listener, reply::Refusal, store::NotKept};

/// Reads something from the broker, with the time of the moment at which it runs.
type Look = Box<dyn FnOnce(Result<(&Broker, Time), NotKept>) + Send>;

/// Sends an answer off, once everything is kept that it promises, or says why it is not.
pub(super) type Reply = Box<dyn FnOnce(Result<(), NotKept>) + Send>;

/// A command, and where its answer goes.
pub(super) trait Call: Send {
    /// Has the broker carry the command out. What it wants done is added to the effects.
    fn carry_out(self: Box<Self>, broker: &mut Broker, now: Time, effects: &mut Vec<Effect<Reply>>);

    fn refuse(self: Box<Self>, error: NotKept);
}

struct Asked<C: Command> {
    command: C,
    caller: oneshot::Sender<Result<C::Answer, Refusal>>,
}

impl<C: Command> Call for Asked<C> {
    fn carry_out(self: Box<Self>, broker: &mut Broker, now: Time, effects: &mut Vec<Effect<Reply>>) {
        let Self { command, caller } = *self;
        let mut caller = Some(caller);
        let wanted = broker.call(now, command).into_iter();
        let mut reply = |answer: Result<C::Answer, _>| -> Reply {
            let caller = caller.take();
            Box::new(move |kept| {
                let answer = kept.map_err(Refusal::from).and_then(|()| answer.map_err(Refusal::from));
                // The caller may have hung up; what was done is done all the same.
                drop(caller.map(|caller| caller.send(answer)));
            })
        };
        effects.extend(wanted.map(|effect| effect.map_answer(&mut reply)));
    }

    fn refuse(self: Box<Self>, error: NotKept) {
        // The caller may have hung up.
        drop(self.caller.send(Err(error.into())));
    }
}

/// What the worker is asked to do.
pub(super) enum Request {
    Call(Box<dyn Call>),
    Look(Look),
    Measure(oneshot::Sender<String>),
    Listen(oneshot::Sender<Option<Listener>>),
    Advance { span: Duration, patience: Duration, done: oneshot::Sender<()> },
    Settle(oneshot::Sender<()>),
    WaitFor(String, LogState, oneshot::Sender<()>),
    ReadClock(oneshot::Sender<(Time, Duration)>),
    Reset(oneshot::Sender<Result<(), NotKept>>),
    Finish,
}

/// The other end of the worker, for everybody else.
#[derive(Clone, Debug)]
pub(crate) struct Handle(mpsc::UnboundedSender<Request>);

/// The worker is gone: the server shuts down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl From<Gone> for Refusal {
    fn from(_: Gone) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down")
    }
}

impl Handle {
    pub(super) fn new(requests: mpsc::UnboundedSender<Request>) -> Self {
        Self(requests)
    }

    /// Has a command carried out, after those of earlier calls. Its answer can be waited for later.
    pub(crate) fn call<C: Command>(
        &self,
        command: C,
    ) -> impl Future<Output = Result<C::Answer, Refusal>> + use<C> {
        let begun = self.send(|caller| Request::Call(Box::new(Asked { command, caller })));
        async { begun?.await.map_err(|_| Gone)? }
    }

    /// Looks something up in the broker.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Broker) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        self.look_now(|broker, _| look(broker)).await
    }

    /// Looks something up in the broker that changes as time goes by.
    pub(crate) async fn look_now<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Broker, Time) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let found = self.ask(|found| {
            Request::Look(Box::new(move |seen| {
                // The caller may have hung up.
                let _ = found.send(seen.map(|(broker, now)| look(broker, now)));
            }))
        });
        Ok(found.await??)
    }

    /// What was done and how the broker stands, for Prometheus.
    pub(crate) async fn metrics(&self) -> Result<String, Gone> {
        self.ask(Request::Measure).await
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

    /// What time it is, and how far that is ahead of the clock of the machine.
    pub(crate) async fn clock(&self) -> Result<(Time, Duration), Gone> {
        self.ask(Request::ReadClock).await
    }

    /// Has everything forgotten, what is kept as well.
    pub(crate) async fn reset(&self) -> Result<(), Refusal> {
        Ok(self.ask(Request::Reset).await??)
    }

    /// Whether the worker is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Has no further attempt begin. The worker ends when the attempts in flight have ended and every handle is gone.
    pub(crate) fn finish(&self) {
        // If it is gone, it has finished.
        let _ = self.0.send(Request::Finish);
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Gone> {
        self.send(request)?.await.map_err(|_| Gone)
    }

    fn send<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<oneshot::Receiver<T>, Gone> {
        let (sender, receiver) = oneshot::channel();
        self.0.send(request(sender)).map_err(|_| Gone)?;
        Ok(receiver)
    }
}
