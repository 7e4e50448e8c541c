//! Reads the body of an answer as far as it may be kept.

use std::{
    collections::VecDeque,
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use crate::framework::{self, Kept};

/// Reads a body of at most so many bytes; nothing, if the headers alone are too long already. The body that is returned is as if
/// it had not been read.
pub(super) async fn read(body: impl MessageBody + 'static, room: Option<usize>) -> (Kept, BoxBody) {
    let (size, mut body) = (body.size(), body.boxed());
    let fits = |room: &usize| !matches!(size, BodySize::Sized(size) if size > *room as u64);
    let Some(room) = room.filter(fits) else { return (Kept::Nothing, body) };
    let (kept, chunks) =
        framework::read(room, |cx| Pin::new(&mut body).poll_next(cx), |chunk| Some(chunk)).await;
    let body = match &kept {
        Kept::Whole(bytes) => BoxBody::new(bytes.clone()),
        Kept::Nothing | Kept::Broken => BoxBody::new(Unread { chunks, rest: body, size }),
    };
    (kept, body)
}

/// A body with what was read of it before the rest.
struct Unread {
    chunks: VecDeque<Result<Bytes, Box<dyn Error>>>,
    rest: BoxBody,
    size: BodySize,
}

impl MessageBody for Unread {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Box<dyn Error>>>> {
        match self.chunks.pop_front() {
            Some(chunk) => Poll::Ready(Some(chunk)),
            None => Pin::new(&mut self.rest).poll_next(cx),
        }
    }
}
