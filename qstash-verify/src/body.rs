//! The body: counted, hashed and kept while it arrives, and out of reach until its digest matches.

use std::{any::Any, fmt, sync::Arc};

use bytes::Bytes;
use qstash_types::{Callback, FailureCallback};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::{Claims, JsonError, VerifyError, error::Undecodable};

/// A request whose headers are proven and whose body is not read yet.
///
/// Give it the body as it arrives, then [`finish`](Self::finish). Before that, neither claims nor body can be reached:
///
/// ```compile_fail,E0599
/// fn subject(unread: qstash_verify::Unread) -> String {
///     unread.claims().subject().to_owned()
/// }
/// ```
#[must_use = "a request is verified by `finish`"]
pub struct Unread {
    claims: Claims,
    key: Arc<str>,
    limit: usize,
    undecodable: Undecodable,
    announced: usize,
    /// How many bytes have arrived. Once beyond the limit it stays there, so that this error is final.
    len: usize,
    hasher: Sha256,
    body: Body,
}

/// What has arrived. A body of one chunk is never copied.
enum Body {
    Chunk(Bytes),
    Joined(Vec<u8>),
}

impl Unread {
    pub(crate) fn new(claims: Claims, key: Arc<str>, limit: usize, undecodable: Undecodable) -> Self {
        let body = Body::Chunk(Bytes::new());
        Self { claims, key, limit, undecodable, announced: 0, len: 0, hasher: Sha256::new(), body }
    }

    /// Takes the value of the `Content-Length` header, before the first chunk.
    ///
    /// # Errors
    ///
    /// [`VerifyError::BodyTooLarge`] if the body would be, so that nothing of it has to be read.
    pub fn content_length(&mut self, len: u64) -> Result<(), VerifyError> {
        match usize::try_from(len) {
            Ok(len) if len <= self.limit => {
                self.announced = len;
                Ok(())
            }
            _ => Err(self.too_large()),
        }
    }

    /// Takes the next chunk of the body, of any size.
    ///
    /// # Errors
    ///
    /// [`VerifyError::BodyTooLarge`] as soon as the limit is passed. What had arrived is dropped then, and no later call
    /// succeeds.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), VerifyError> {
        self.len = self.len.saturating_add(chunk.len());
        if self.len > self.limit {
            self.body = Body::Chunk(Bytes::new());
            return Err(self.too_large());
        }
        self.hasher.update(&chunk);
        match &mut self.body {
            _ if chunk.is_empty() => {}
            Body::Chunk(first) if first.is_empty() => *first = chunk,
            Body::Chunk(first) => {
                // Room that is announced and never filled costs addresses, not memory, and stays within the limit.
                let mut joined = Vec::with_capacity(self.len.max(self.announced));
                joined.extend_from_slice(first);
                joined.extend_from_slice(&chunk);
                self.body = Body::Joined(joined);
            }
            Body::Joined(joined) => {
                if joined.capacity() < self.len {
                    // As a vector grows by itself, but never beyond the limit.
                    let capacity = joined.capacity().saturating_mul(2).clamp(self.len, self.limit);
                    joined.reserve_exact(capacity - joined.len());
                }
                joined.extend_from_slice(&chunk);
            }
        }
        Ok(())
    }

    /// Compares the digest of the body with the signed one, and gives the request out.
    ///
    /// # Errors
    ///
    /// [`VerifyError::BodyMismatch`] if they differ, [`VerifyError::BodyTooLarge`] if the body was refused before.
    pub fn finish(self) -> Result<Verified, VerifyError> {
        self.finish_or_return().map_err(|(error, _)| error)
    }

    /// Like [`finish`](Self::finish), but a refusal gives the bytes back that arrived, for
    /// [`Verifier::diagnose`](crate::Verifier::diagnose). **Nobody signed them.**
    ///
    /// # Errors
    ///
    /// Those of [`finish`](Self::finish). A body that is too large is gone, so there are no bytes then.
    pub fn finish_or_return(self) -> Result<Verified, (VerifyError, Bytes)> {
        let too_large = self.too_large();
        let body = match self.body {
            Body::Chunk(chunk) => chunk,
            Body::Joined(joined) => joined.into(),
        };
        if self.len > self.limit {
            return Err((too_large, body));
        }
        // Not in constant time: both digests are known to the sender.
        if self.hasher.finalize()[..] != self.claims.digest {
            return Err((VerifyError::BodyMismatch { len: self.len }, body));
        }
        Ok(Verified { claims: Arc::new(self.claims), key: self.key, body, undecodable: self.undecodable })
    }

    /// The label of the key that signed the token.
    pub fn key(&self) -> &str {
        &self.key
    }

    fn too_large(&self) -> VerifyError {
        VerifyError::BodyTooLarge { limit: self.limit }
    }
}

impl fmt::Debug for Unread {
    /// Shows how far the body has come, and nothing of what is not proven yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").field("len", &self.len).field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// A request that comes from QStash, with the body that was signed. Cheap to clone.
#[derive(Clone)]
pub struct Verified {
    claims: Arc<Claims>,
    key: Arc<str>,
    body: Bytes,
    undecodable: Undecodable,
}

impl Verified {
    /// What the token says.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The body, byte for byte as it was signed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The label of the key that signed the token.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Reads the body as JSON; a [`Callback`] or [`FailureCallback`] as by [`Callback::from_json`].
    ///
    /// # Errors
    ///
    /// The body is not JSON of that form.
    pub fn json<T: DeserializeOwned + 'static>(&self) -> Result<T, JsonError> {
        serde_json::from_slice(&self.body).or_else(|source| {
            odd_callback(&self.body).ok_or(JsonError { source, undecodable: self.undecodable })
        })
    }
}

/// What serde makes nothing of, if it is a callback all the same and `T` is its type.
fn odd_callback<T: 'static>(body: &[u8]) -> Option<T> {
    let mut read: Option<T> = None;
    let slot: &mut dyn Any = &mut read;
    if let Some(slot) = slot.downcast_mut::<Option<Callback>>() {
        *slot = Callback::from_json(body).ok();
    } else if let Some(slot) = slot.downcast_mut::<Option<FailureCallback>>() {
        *slot = FailureCallback::from_json(body).ok();
    }
    read
}

impl fmt::Debug for Verified {
    /// Shows the size of the body instead of the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("claims", &self.claims)
            .field("key", &self.key)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}
