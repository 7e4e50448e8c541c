//! What the layer of axum and the middleware of actix-web have in common.

use std::{
    collections::VecDeque,
    future::poll_fn,
    panic::resume_unwind,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use qstash_verify::Verified;
use tokio::task::JoinHandle;

use crate::{Admission, ClaimRequest, Idempotent, Run, Store, StoredAnswer};

/// A delivery that may be claimed: what the store is told, and how many attempts came before.
pub(crate) struct Arrival {
    request: ClaimRequest,
    retried: u32,
}

impl<S: Store> Idempotent<S> {
    /// Reads a delivery: its proof, all values of the header with the id of its message, and the one with the number of earlier
    /// attempts. That number is not signed, and only decides how long to wait.
    pub(crate) fn arrive<'a>(
        &self,
        verified: Option<&Verified>,
        message_ids: impl IntoIterator<Item = &'a [u8]>,
        retried: Option<&[u8]>,
    ) -> Result<Arrival, StoredAnswer> {
        let request = self.request(verified.ok_or_else(|| self.unprotected())?, message_ids)?;
        let retried = retried.and_then(|value| str::from_utf8(value).ok()?.trim().parse().ok());
        Ok(Arrival { request, retried: retried.unwrap_or(0) })
    }

    /// Admits what has arrived.
    pub(crate) async fn admit_arrival(&self, arrived: Result<Arrival, StoredAnswer>) -> Admission<S> {
        match arrived {
            Ok(Arrival { request, retried }) => self.admit(request, retried).await,
            Err(answer) => Admission::Answer(answer),
        }
    }

    /// What is answered on a route without `VerifySignature`, which is a mistake of the program: status 500.
    fn unprotected(&self) -> StoredAnswer {
        if let Some(suppressed) = self.pace.unprotected.pass() {
            tracing::error!(
                suppressed,
                "`Idempotent` is not behind `VerifySignature`: add that one after it, by `.layer` in axum and by `.wrap` in actix-web"
            );
        }
        StoredAnswer::text(500, "this route is not behind `VerifySignature`")
    }
}

/// A handler takes a [`Claim`](crate::Claim) on a route without [`Idempotent`] of the same store. Status 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the handler takes a `Claim` of a type of store that no `Idempotent` around its route has: add `Idempotent::new(store)` before `VerifySignature`"
)]
pub struct MissingClaim;

/// Waits for a task that ends by itself. Its panic is that of whoever waits.
pub(crate) async fn joined<T>(task: JoinHandle<T>) -> T {
    task.await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        // Nobody else has a handle to end it by.
        Err(_) => unreachable!("a handler's task ends by itself"),
    })
}

/// The headers that belong to an answer, and not to the connection or the moment that it was sent on.
pub(crate) fn kept_headers<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<(String, Bytes)> {
    const OTHERS: [&str; 9] = [
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let kept = headers.filter(|(name, _)| !OTHERS.contains(name));
    kept.map(|(name, value)| (name.to_owned(), Bytes::copy_from_slice(value))).collect()
}

/// What of the body of an answer can be kept.
pub(crate) enum Kept {
    Whole(Bytes),
    /// It is longer than may be kept, or has trailers, which cannot be.
    Nothing,
    /// It broke.
    Broken,
}

/// Reads a body of at most so many bytes, which comes in chunks, some of which have no data. Also returns what was read.
pub(crate) async fn read<C, E>(
    room: usize,
    mut poll_next: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<C, E>>>,
    data: impl Fn(&C) -> Option<&Bytes>,
) -> (Kept, VecDeque<Result<C, E>>) {
    let (mut chunks, mut len) = (VecDeque::new(), 0);
    let kept = loop {
        match poll_fn(&mut poll_next).await {
            None => break Kept::Whole(concat(len, chunks.iter().flatten().filter_map(&data))),
            Some(Ok(chunk)) => {
                let fits = data(&chunk).is_some_and(|data| {
                    len += data.len();
                    len <= room
                });
                chunks.push_back(Ok(chunk));
                if !fits {
                    break Kept::Nothing;
                }
            }
            Some(Err(error)) => {
                chunks.push_back(Err(error));
                break Kept::Broken;
            }
        }
    };
    (kept, chunks)
}

/// Chunks of so many bytes in all, without a copy if they are one.
fn concat<'a>(len: usize, mut chunks: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let first = chunks.next().cloned().unwrap_or_default();
    if first.len() == len {
        return first;
    }
    let mut all = BytesMut::with_capacity(len);
    all.extend_from_slice(&first);
    chunks.for_each(|chunk| all.extend_from_slice(chunk));
    all.freeze()
}

impl<S: Store> Run<S> {
    /// Ends the run of a handler that has succeeded, as far as its answer can be kept.
    pub(crate) async fn answered(self, status: u16, headers: Vec<(String, Bytes)>, kept: Kept) {
        match kept {
            Kept::Whole(body) => self.finish(StoredAnswer { status, headers, body: Some(body) }).await,
            Kept::Nothing => self.finish(StoredAnswer::without_body(status)).await,
            Kept::Broken => self.release().await,
        }
    }
}
