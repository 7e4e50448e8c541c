//! Messages collected into batches, by number, size and time.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::{task::JoinSet, time::sleep};

use super::{gate::RateLimitGate, in_a_task};
use crate::{
    Client, Message,
    batch::{Batch, BatchLimits, Cause, FailedMessage, Results},
    observe::Created,
};

/// What the publisher does next.
pub(super) enum Work {
    /// It sends messages.
    Batch(Batch),
    /// It gives back a message with a mistake.
    Mistake(FailedMessage),
}

impl Work {
    pub(super) async fn send(self, client: Client, gate: RateLimitGate) -> Results {
        match self {
            Work::Batch(mut batch) => {
                let (call, expected) = (batch.call(), batch.messages.len());
                let api = client.inner.api.clone();
                let answers = in_a_task(async move { gate.send(call, expected, &client).await }).await;
                batch.results(answers, &api)
            }
            Work::Mistake(failed) => vec![Err(failed)],
        }
    }
}

pin_project! {
    /// The batches of a stream of messages.
    pub(super) struct Batches<S> {
        #[pin]
        messages: S,
        ended: bool,
        client: Client,
        limits: BatchLimits,
        longest_wait: Duration,
        batch: Batch,
        // Runs while the batch has messages, from the first one on. It is a task, because a timer cannot be polled any more
        // after its runtime has been shut down.
        timer: JoinSet<()>,
        // Given back after the batch of the messages before it.
        mistake: Option<FailedMessage>,
    }
}

impl<S> Batches<S> {
    pub(super) fn new(messages: S, client: Client, limits: BatchLimits, longest_wait: Duration) -> Self {
        Self {
            messages,
            ended: false,
            client,
            limits,
            longest_wait,
            batch: Batch::default(),
            timer: JoinSet::new(),
            mistake: None,
        }
    }
}

impl<S: Stream<Item = Message>> Stream for Batches<S> {
    type Item = Work;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Work>> {
        let mut this = self.project();
        loop {
            if let Some(mistake) = this.mistake.take() {
                return Poll::Ready(Some(Work::Mistake(mistake)));
            }
            if *this.ended {
                return Poll::Ready(None);
            }
            let message = match this.messages.as_mut().poll_next(context) {
                Poll::Ready(Some(message)) => message,
                Poll::Ready(None) => {
                    *this.ended = true;
                    return Poll::Ready(this.batch.take().map(Work::Batch));
                }
                Poll::Pending => {
                    return match ready!(this.timer.poll_join_next(context)) {
                        Some(_) => Poll::Ready(this.batch.take().map(Work::Batch)),
                        None => Poll::Pending,
                    };
                }
            };
            let full = match add(message, this.batch, this.client, *this.limits) {
                Ok(full) => full,
                Err(mistake) => {
                    *this.mistake = Some(mistake);
                    this.batch.take()
                }
            };
            if full.is_some() || this.batch.messages.is_empty() {
                *this.timer = JoinSet::new();
            }
            if this.timer.is_empty() && !this.batch.messages.is_empty() {
                this.timer.spawn(sleep(*this.longest_wait));
            }
            if let Some(full) = full {
                return Poll::Ready(Some(Work::Batch(full)));
            }
        }
    }
}

/// Adds a message to a batch. Returns the batch that is full now, if one is.
fn add(
    message: Message,
    batch: &mut Batch,
    client: &Client,
    limits: BatchLimits,
) -> Result<Option<Batch>, FailedMessage> {
    let failed = |message, mistake| FailedMessage::new(message, Cause::Call(Arc::new(mistake)));
    let mut parts = match message.finish() {
        Ok(parts) => parts,
        Err(mistake) => return Err(failed(Err(mistake.clone()), mistake.into())),
    };
    let written = client.complete(&mut parts).and_then(|()| {
        let created = Created::new(&parts);
        batch.write(&mut parts, &created.headers)?;
        Ok(created)
    });
    match written {
        Ok(created) => Ok(batch.keep(parts, created, limits)),
        Err(mistake) => Err(failed(Ok(parts), mistake.into())),
    }
}
