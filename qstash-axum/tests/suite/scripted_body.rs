//! A body that does what a test tells it, and counts how often it is asked.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    BoxError,
    body::Bytes,
    http::{HeaderMap, HeaderValue},
};
use http_body::{Body, Frame, SizeHint};

pub(crate) struct ScriptedBody {
    frames: Box<dyn Iterator<Item = Result<Frame<Bytes>, BoxError>> + Send>,
    announced: u64,
    polls: Polls,
    is_hesitant: bool,
    is_endless: bool,
}

/// How often a body was asked for a frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Polls(Arc<AtomicUsize>);

impl Polls {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl ScriptedBody {
    fn new(frames: impl Iterator<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static) -> Self {
        Self {
            frames: Box::new(frames),
            announced: 0,
            polls: Polls::default(),
            is_hesitant: false,
            is_endless: false,
        }
    }

    /// These frames.
    pub(crate) fn frames<const N: usize>(frames: [Frame<Bytes>; N]) -> Self {
        Self::new(frames.into_iter().map(Ok))
    }

    /// These bytes, in frames of this size.
    pub(crate) fn chunked(body: impl Into<Bytes>, size: usize) -> Self {
        let mut rest = body.into();
        Self::new(std::iter::from_fn(move || {
            let chunk = rest.split_to(size.min(rest.len()));
            (!chunk.is_empty()).then(|| Ok(data(chunk)))
        }))
    }

    /// Frames of a kilobyte, for ever.
    pub(crate) fn endless() -> Self {
        Self::new(std::iter::repeat_with(|| Ok(data(vec![0; 1024]))))
    }

    /// These bytes, then an error.
    pub(crate) fn broken(body: &'static str, error: &'static str) -> Self {
        Self::new([Ok(data(body)), Err(error.into())].into_iter())
    }

    /// Says that at least this many bytes will come.
    pub(crate) fn announcing(self, len: u64) -> Self {
        Self { announced: len, ..self }
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
}

pub(crate) fn data(bytes: impl Into<Bytes>) -> Frame<Bytes> {
    Frame::data(bytes.into())
}

pub(crate) fn trailers() -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", HeaderValue::from_static("unsigned"));
    Frame::trailers(trailers)
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polls = self.polls.0.fetch_add(1, Ordering::Relaxed);
        if self.is_hesitant && polls.is_multiple_of(2) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.frames.next() {
            None if self.is_endless => Poll::Pending,
            next => Poll::Ready(next),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.announced);
        hint
    }
}
