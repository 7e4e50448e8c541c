//! What the worker is asked to do, and how.

use std::time::Duration;

use http::StatusCode;
use qstash_types::LogState;
use tokio::sync::{mpsc, oneshot};

use crate::{
    broker::{Answer, Broker, Command, Millis},
    feed::Listener,
    reply::Refusal,
};

/// What somebody wants to see of the broker, at the time it is then.
type Look = Box<dyn FnOnce(&Broker, Millis) + Send>;

/// What the worker is asked to do.
pub(super) enum Request {
    Call(Box<Command>, oneshot::Sender<Result<Answer, Refusal>>),
    Look(Look),
    Listen(oneshot::Sender<Option<Listener>>),
    Advance { span: Duration, patience: Duration, done: oneshot::Sender<()> },
    Settle(oneshot::Sender<()>),
    WaitFor(String, LogState, oneshot::Sender<()>),
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

    /// Has a command carried out.
    pub(crate) async fn call(&self, command: Command) -> Result<Answer, Refusal> {
        self.begin(command).await
    }

    /// Has a command carried out, after those that were begun before. Its answer can be waited for later.
    pub(crate) fn begin(&self, command: Command) -> impl Future<Output = Result<Answer, Refusal>> + use<> {
        let begun = self.send(|answer| Request::Call(Box::new(command), answer));
        async { begun?.await.map_err(|_| Gone)? }
    }

    /// Looks something up in the broker.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Broker) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        self.look_now(|broker, _| look(broker)).await
    }

    /// Looks something up in the broker that changes as time goes by.
    pub(crate) async fn look_now<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Broker, Millis) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        self.ask(|found| {
            Request::Look(Box::new(move |broker, now| {
                // Whoever asked may have left.
                let _ = found.send(look(broker, now));
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

    /// Has no further attempt begin. The worker ends when the attempts in flight have, and nobody can ask it any more.
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
