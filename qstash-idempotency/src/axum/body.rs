//! Reads the body of an answer as far as it may be kept.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use axum_core::{Error, body::Body};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use crate::framework::{self, Kept};

/// Reads a body of at most so many bytes; nothing, if the headers alone are too long already. The body that is returned is as if
/// it had not been read.
pub(super) async fn read(mut body: Body, room: Option<usize>) -> (Kept, Body) {
    let lower = body.size_hint().lower();
    let Some(room) = room.filter(|room| lower <= *room as u64) else { return (Kept::Nothing, body) };
    let (kept, frames) =
        framework::read(room, |cx| Pin::new(&mut body).poll_frame(cx), Frame::data_ref).await;
    let body = match &kept {
        Kept::Whole(bytes) => Body::from(bytes.clone()),
        Kept::Nothing | Kept::Broken => Body::new(Unread { frames, rest: body }),
    };
    (kept, body)
}

/// A body with what was read of it before the rest.
struct Unread {
    frames: VecDeque<Result<Frame<Bytes>, Error>>,
    rest: Body,
}

impl http_body::Body for Unread {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read: usize = self.frames.iter().flatten().filter_map(Frame::data_ref).map(Bytes::len).sum();
        let (read, rest) = (read as u64, self.rest.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
            hint.set_upper(upper);
        }
        hint
    }
}
