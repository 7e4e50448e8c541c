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

use super::{beside, pace::Pace};
use crate::{
    Client, FailedMessage, Message,
    batch::{Batch, BatchLimits, Cause, Results},
};

/// What is done next with one or more messages.
pub(super) enum Step {
    /// They are sent.
    Batch(Batch),
    /// One has a mistake, and is given back in its place.
    Mistake(FailedMessage),
}

impl Step {
    pub(super) async fn send(self, client: Client, pace: Pace) -> Results {
        match self {
            Step::Batch(mut batch) => {
                let (call, expected) = (batch.call(), batch.messages.len());
                let answers = beside(async move { pace.send(call, expected, &client).await }).await;
                batch.results(answers)
            }
            Step::Mistake(failed) => vec![Err(failed)],
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
        // Runs from the first message of the batch, as long as there is one. A task, because a timer cannot be polled any
        // more when its runtime is gone.
        timer: JoinSet<()>,
        // Comes after the batch that is given out before it.
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
    type Item = Step;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Step>> {
        let mut this = self.project();
        loop {
            if let Some(mistake) = this.mistake.take() {
                return Poll::Ready(Some(Step::Mistake(mistake)));
            }
            if *this.ended {
                return Poll::Ready(None);
            }
            let message = match this.messages.as_mut().poll_next(context) {
                Poll::Ready(Some(message)) => message,
                Poll::Ready(None) => {
                    *this.ended = true;
                    return Poll::Ready(this.batch.take().map(Step::Batch));
                }
                Poll::Pending => {
                    return match ready!(this.timer.poll_join_next(context)) {
                        Some(_) => Poll::Ready(this.batch.take().map(Step::Batch)),
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
                return Poll::Ready(Some(Step::Batch(full)));
            }
        }
    }
}

/// Adds a message to a batch, and gives out the batch that is full by then, if one is.
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
    match client.complete(&mut parts).and_then(|()| batch.write(&mut parts)) {
        Ok(()) => Ok(batch.keep(parts, limits)),
        Err(mistake) => Err(failed(Ok(parts), mistake.into())),
    }
}
