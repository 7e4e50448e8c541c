//! Bodies: read up to a limit, and kept in no more memory than they have bytes.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::reply::Refusal;

/// How long a client may take to send a body.
const SLOWEST: Duration = Duration::from_secs(60);
/// How many bytes the bodies of calls that are being processed may take up together. Two of the longest batches fit.
const ROOM: usize = 256 * 1024 * 1024;
/// Bodies up to this length need no room. There are at most as many as connections.
const SMALL: usize = 64 * 1024;

/// Where the bodies of calls have room while they are processed.
#[derive(Debug)]
pub(crate) struct Bodies(Semaphore);

impl Default for Bodies {
    fn default() -> Self {
        Self(Semaphore::new(ROOM))
    }
}

impl Bodies {
    /// Reads the body of a call, once there is room for it; the room is given back with the permit. Of one that is too long
    /// as much again is read and dropped, so that a client that sends first and reads later gets to see the refusal.
    pub(crate) async fn read(
        &self,
        mut body: Incoming,
        limit: usize,
    ) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Refusal> {
        let announced = body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        // A body that does not say how long it is may take up twice its length while it grows.
        let room = announced.map_or(2 * limit, |length| length.min(limit));
        let permit = if room > SMALL { Some(self.room(room).await?) } else { None };
        let mut kept = Vec::with_capacity(announced.unwrap_or_default().min(limit));
        let mut length = 0;
        in_time(async {
            while length <= 2 * limit
                && let Some(frame) = body.frame().await
            {
                if let Some(data) = frame.map_err(|error| broke_off(&error))?.data_ref() {
                    length += data.len();
                    if length <= limit {
                        kept.extend_from_slice(data);
                    }
                }
            }
            if length > limit { Err(too_long(limit)) } else { Ok(()) }
        })
        .await?;
        Ok((exact(kept), permit))
    }

    async fn room(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Refusal> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.0
            .acquire_many(bytes)
            .await
            .map_err(|_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down"))
    }
}

pub(crate) fn too_long(limit: usize) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {limit} bytes"))
}

fn broke_off(error: &hyper::Error) -> Refusal {
    Refusal::bad_request(format!("the body broke off: {error}"))
}

async fn in_time<T>(read: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let read = timeout(SLOWEST, read).await;
    read.map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body takes too long"))?
}

/// Reads the body of a call, and keeps its first bytes.
pub(crate) async fn read_start(mut body: Incoming, most: usize, limit: usize) -> Result<Bytes, Refusal> {
    in_time(async {
        let (mut kept, mut length) = (Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broke_off(&error))?;
            let Some(data) = frame.data_ref() else { continue };
            length += data.len();
            if length > limit {
                return Err(too_long(limit));
            }
            kept.extend_from_slice(&data[..data.len().min(most - kept.len())]);
        }
        Ok(exact(kept))
    })
    .await
}

/// Reads a body up to the limit. Whether that is all of it; otherwise the rest is left unread.
pub(crate) async fn beginning(mut body: Incoming, limit: usize) -> Result<(Bytes, bool), hyper::Error> {
    let mut kept = Vec::new();
    let mut is_whole = false;
    while kept.len() < limit && !is_whole {
        match body.frame().await {
            Some(frame) => {
                if let Some(data) = frame?.data_ref() {
                    kept.extend_from_slice(data);
                }
            }
            None => is_whole = true,
        }
    }
    kept.truncate(limit);
    Ok((exact(kept), is_whole))
}

/// The bytes without the room that was left for more: what is kept is counted by its length.
fn exact(bytes: Vec<u8>) -> Bytes {
    bytes.into_boxed_slice().into()
}
