//! The body: counted, hashed and kept while it arrives, and out of reach until its digest matches.

use std::{
    any::Any,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use qstash_types::{Callback, FailureCallback};
use serde::de::DeserializeOwned;

use crate::{Claims, JsonError, VerifyError, error::Undecodable, hash::Sha256};

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
    token: TokenUse,
    terms: BodyTerms,
    announced: usize,
    /// How many bytes have arrived. Once beyond the limit it stays there, so that this error is final.
    len: usize,
    hasher: Sha256,
    body: Body,
}

/// Which token it was, and for how long it is taken after its end.
#[derive(Clone, Copy)]
pub(crate) struct TokenUse {
    pub(crate) mac: [u8; 32],
    pub(crate) tolerance: Duration,
}

/// On which terms a body is read.
#[derive(Clone, Copy)]
pub(crate) struct BodyTerms {
    /// The longest body, in bytes.
    pub(crate) limit: usize,
    pub(crate) timeout: Duration,
    /// When the timeout is over; `None` if no clock gets there.
    pub(crate) deadline: Option<SystemTime>,
    pub(crate) undecodable: Undecodable,
}

/// What has arrived. A body of one chunk is never copied.
enum Body {
    Chunk(Bytes),
    Joined(Vec<u8>),
}

impl Unread {
    pub(crate) fn new(claims: Claims, key: Arc<str>, token: TokenUse, terms: BodyTerms) -> Self {
        let body = Body::Chunk(Bytes::new());
        Self { claims, key, token, terms, announced: 0, len: 0, hasher: Sha256::new(), body }
    }

    /// Takes the value of the `Content-Length` header, before the first chunk.
    ///
    /// # Errors
    ///
    /// [`VerifyError::BodyTooLarge`] if the body would be, so that nothing of it has to be read.
    pub fn content_length(&mut self, len: u64) -> Result<(), VerifyError> {
        match usize::try_from(len) {
            Ok(len) if len <= self.terms.limit => {
                self.announced = len;
                Ok(())
            }
            _ => Err(self.too_large()),
        }
    }

    /// Takes the next chunk of the body, of any size, and the time.
    ///
    /// # Errors
    ///
    /// [`VerifyError::BodyTooLarge`] as soon as the limit is passed. What had arrived is dropped then, and no later call
    /// succeeds. [`VerifyError::BodyTooSlow`] if the [timeout](crate::VerifierBuilder::body_timeout) is over.
    pub fn push(&mut self, chunk: Bytes, now: SystemTime) -> Result<(), VerifyError> {
        self.check_deadline(now)?;
        self.len = self.len.saturating_add(chunk.len());
        if self.len > self.terms.limit {
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
                    let capacity = joined.capacity().saturating_mul(2).clamp(self.len, self.terms.limit);
                    joined.reserve_exact(capacity - joined.len());
                }
                joined.extend_from_slice(&chunk);
            }
        }
        Ok(())
    }

    /// Compares the digest of the body with the signed one, and gives the request out. Takes the time at which the body
    /// ended.
    ///
    /// # Errors
    ///
    /// [`VerifyError::BodyMismatch`] if they differ, [`VerifyError::BodyTooLarge`] if the body was refused before,
    /// [`VerifyError::BodyTooSlow`] if the [timeout](crate::VerifierBuilder::body_timeout) is over.
    pub fn finish(self, now: SystemTime) -> Result<Verified, VerifyError> {
        self.finish_or_return(now).map_err(|(error, _)| error)
    }

    /// Like [`finish`](Self::finish), but a refusal gives the bytes back that arrived, for
    /// [`Verifier::diagnose`](crate::Verifier::diagnose). **Nobody signed them.**
    ///
    /// # Errors
    ///
    /// Those of [`finish`](Self::finish). A body that is too large is gone, so there are no bytes then.
    pub fn finish_or_return(self, now: SystemTime) -> Result<Verified, (VerifyError, Bytes)> {
        let too_slow = self.check_deadline(now);
        let too_large = self.too_large();
        let body = match self.body {
            Body::Chunk(chunk) => chunk,
            Body::Joined(joined) => joined.into(),
        };
        if self.len > self.terms.limit {
            return Err((too_large, body));
        }
        if let Err(error) = too_slow {
            return Err((error, body));
        }
        // Not in constant time: both digests are known to the sender.
        if self.hasher.finish() != self.claims.digest {
            return Err((VerifyError::BodyMismatch { len: self.len }, body));
        }
        Ok(Verified {
            claims: self.claims,
            key: self.key,
            token: self.token,
            body,
            undecodable: self.terms.undecodable,
        })
    }

    /// How much time is left for the body. A caller that can wait for a timer gives the request up after it, with
    /// [`too_slow`](Self::too_slow), since a sender that sends nothing at all is met by no chunk.
    pub fn time_left(&self, now: SystemTime) -> Duration {
        let left = self.terms.deadline.map(|deadline| deadline.duration_since(now).unwrap_or_default());
        left.unwrap_or(Duration::MAX)
    }

    /// The refusal of a body whose time is over.
    pub fn too_slow(&self) -> VerifyError {
        VerifyError::BodyTooSlow { timeout: self.terms.timeout }
    }

    fn check_deadline(&self, now: SystemTime) -> Result<(), VerifyError> {
        if self.terms.deadline.is_some_and(|deadline| now > deadline) { Err(self.too_slow()) } else { Ok(()) }
    }

    /// The label of the key that signed the token.
    pub fn key(&self) -> &str {
        &self.key
    }

    fn too_large(&self) -> VerifyError {
        VerifyError::BodyTooLarge { limit: self.terms.limit }
    }
}

impl fmt::Debug for Unread {
    /// Shows how far the body has come, and nothing of what is not proven yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread")
            .field("len", &self.len)
            .field("limit", &self.terms.limit)
            .finish_non_exhaustive()
    }
}

/// A request that comes from QStash, with the body that was signed. Cheap to clone.
#[derive(Clone)]
pub struct Verified {
    claims: Claims,
    key: Arc<str>,
    token: TokenUse,
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

    /// The MAC of the token, which tells it from every other one. Of claims that are signed anew it is another.
    ///
    /// For recognising a token that comes twice. Keep a digest of it rather than the MAC itself.
    pub fn token_mac(&self) -> &[u8; 32] {
        &self.token.mac
    }

    /// Until when the token is taken: its end and the tolerance of the verifier. It may come again before that.
    pub fn valid_until(&self) -> SystemTime {
        let end = self.claims.expires_at();
        end.checked_add(self.token.tolerance).unwrap_or(end)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// The body is not JSON of that form.
    pub fn json<T: DeserializeOwned + 'static>(&self) -> Result<T, JsonError> {
        match callback(&self.body) {
            Some(callback) => Ok(callback),
            None => serde_json::from_slice(&self.body)
                .map_err(|source| JsonError { source, undecodable: self.undecodable }),
        }
    }
}

/// What `serde_json` would make of a callback, by the reader that is made for it and faster; `None` if `T` is another type.
fn callback<T: 'static>(body: &[u8]) -> Option<T> {
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
