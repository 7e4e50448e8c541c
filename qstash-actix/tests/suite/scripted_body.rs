//! A payload that does what a test tells it, and counts how often it is asked.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_http::Request;
use actix_web::{dev::Payload, error::PayloadError, test::TestRequest, web::Bytes};
use futures_core::Stream;

pub(crate) struct ScriptedBody {
    chunks: Box<dyn Iterator<Item = Result<Bytes, PayloadError>>>,
    polls: Polls,
    is_hesitant: bool,
    is_endless: bool,
}

/// How often a payload was asked for a chunk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Polls(Rc<Cell<usize>>);

impl Polls {
    pub(crate) fn count(&self) -> usize {
        self.0.get()
    }
}

impl ScriptedBody {
    fn new(chunks: impl Iterator<Item = Result<Bytes, PayloadError>> + 'static) -> Self {
        Self { chunks: Box::new(chunks), polls: Polls::default(), is_hesitant: false, is_endless: false }
    }

    /// These chunks.
    pub(crate) fn chunks<const N: usize>(chunks: [&'static str; N]) -> Self {
        Self::new(chunks.into_iter().map(|chunk| Ok(chunk.into())))
    }

    /// These bytes, in chunks of this size.
    pub(crate) fn chunked(body: impl Into<Bytes>, size: usize) -> Self {
        let mut rest = body.into();
        Self::new(std::iter::from_fn(move || {
            let chunk = rest.split_to(size.min(rest.len()));
            (!chunk.is_empty()).then_some(Ok(chunk))
        }))
    }

    /// Chunks of a kilobyte, for ever.
    pub(crate) fn endless() -> Self {
        Self::new(std::iter::repeat_with(|| Ok(vec![0; 1024].into())))
    }

    /// These bytes, then the connection ends.
    pub(crate) fn broken(body: &'static str) -> Self {
        Self::new([Ok(body.into()), Err(PayloadError::Incomplete(None))].into_iter())
    }

    /// Has nothing yet at every other poll.
    pub(crate) fn hesitating(self) -> Self {
        Self { is_hesitant: true, ..self }
    }

    /// Has nothing more at its end, and does not end.
    pub(crate) fn then_nothing(self) -> Self {
        Self { is_endless: true, ..self }
    }

    pub(crate) fn polls(&self) -> Polls {
        self.polls.clone()
    }

    /// Makes this the body of a request.
    pub(crate) fn of(self, request: TestRequest) -> Request {
        let mut request = request.to_request();
        *request.payload() = Payload::Stream { payload: Box::pin(self) };
        request
    }
}

impl Stream for ScriptedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polls = self.polls.0.replace(self.polls.0.get() + 1);
        if self.is_hesitant && polls.is_multiple_of(2) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.chunks.next() {
            None if self.is_endless => Poll::Pending,
            next => Poll::Ready(next),
        }
    }
}
