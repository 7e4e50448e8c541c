//! What makes two deliveries the same.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use qstash_verify::{Callback, Claims, Verified};
use sha2::{Digest, Sha256};

/// Under which a store keeps a claim: 32 bytes, a digest of what two deliveries of one effect have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey([u8; 32]);

/// How many bytes of a key say with which others it is looked at.
const GROUP: usize = 8;

impl ClaimKey {
    /// A key that a store has kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to keep it by.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight bytes, which the key of a delivery and that of its token share. A store of several machines
    /// keeps what shares them on one, so that it can look at both at once.
    pub fn group(&self) -> &[u8; GROUP] {
        self.0.first_chunk().expect("a key is longer than its group")
    }

    /// A delivery of a message: its id, which is not signed, together with what is.
    fn message(id: &[u8], claims: &Claims) -> Self {
        let digest = digest("message", &[id, claims.subject().as_bytes(), claims.body_digest()]);
        Self::grouped(claims, digest)
    }

    /// A token. Whoever reads the store cannot use what is kept of it.
    fn token(verified: &Verified) -> Self {
        Self::grouped(verified.claims(), digest("token", &[verified.token_mac()]))
    }

    fn grouped(claims: &Claims, mut digest_of_all: [u8; 32]) -> Self {
        let group = digest("group", &[claims.subject().as_bytes(), claims.body_digest()]);
        digest_of_all[..GROUP].copy_from_slice(&group[..GROUP]);
        Self(digest_of_all)
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimKey({self})")
    }
}

impl fmt::Display for ClaimKey {
    /// As 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Hashes parts so that no two lists of parts give the same bytes.
fn digest(kind: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [b"qstash-idempotency 1", kind.as_bytes()].iter().chain(parts) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Where the key of a delivery comes from.
#[derive(Clone, Default)]
pub(crate) enum KeySource {
    /// The id of the message, with signed subject and body.
    #[default]
    Message,
    /// The source of a callback, and which attempt it reports.
    Callback,
    /// What the application says.
    Application(Arc<ApplicationKey>),
}

pub(crate) type ApplicationKey = dyn Fn(&Claims, &Bytes) -> Option<Vec<u8>> + Send + Sync;

/// The key of a delivery, and that of its token if the same token must not come under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) delivery: ClaimKey,
    pub(crate) token: Option<ClaimKey>,
}

impl KeySource {
    /// Derives the keys of a delivery from the proof and from all values of the `Upstash-Message-Id` header.
    ///
    /// Only the first source looks at what is not signed. With the others a token always has the same key.
    pub(crate) fn keys<'a>(
        &self,
        verified: &Verified,
        message_ids: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Keys, KeyError> {
        let claims = verified.claims();
        let signed = |delivery| Keys { delivery, token: None };
        match self {
            Self::Message => Ok(Keys {
                delivery: ClaimKey::message(message_id(message_ids)?, claims),
                token: Some(ClaimKey::token(verified)),
            }),
            Self::Callback => callback_key(verified).map(signed).ok_or(KeyError::NoCallback),
            Self::Application(key) => {
                let key = key(claims, verified.body()).ok_or(KeyError::NoKey)?;
                Ok(signed(ClaimKey(digest("application", &[&key]))))
            }
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "Message",
            Self::Callback => "Callback",
            Self::Application(_) => "Application(..)",
        })
    }
}

/// The longest id that is looked at, in bytes. Those of QStash have about 70.
const LONGEST_ID: usize = 256;

fn message_id<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<&'a [u8], KeyError> {
    let mut values = values.into_iter();
    let id = values.next().filter(|id| !id.trim_ascii().is_empty()).ok_or(KeyError::MissingId)?;
    if values.next().is_some() {
        return Err(KeyError::RepeatedId);
    }
    if id.len() > LONGEST_ID {
        return Err(KeyError::OversizedId { len: id.len() });
    }
    Ok(id)
}

/// All of it is signed: where the callback goes, whose it is, which attempt it reports, and whether as the last.
fn callback_key(verified: &Verified) -> Option<ClaimKey> {
    let callback = Callback::from_json(verified.body()).ok()?;
    let source = callback.source_message_id().ok()?;
    let kind = if callback.dlq_id().is_some() { "failure callback" } else { "callback" };
    let subject = verified.claims().subject().as_bytes();
    let attempt = callback.retried().to_be_bytes();
    Some(ClaimKey(digest(kind, &[subject, source.as_str().as_bytes(), &attempt])))
}

/// Why a verified delivery has no key. Each is answered so that QStash tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no `Upstash-Message-Id` header, or it is blank. Status 400.
    #[error("the request has no Upstash-Message-Id header")]
    MissingId,
    /// There is more than one `Upstash-Message-Id` header. Status 400.
    #[error("the request has more than one Upstash-Message-Id header")]
    RepeatedId,
    /// The `Upstash-Message-Id` header has more than 256 bytes. Status 400.
    #[error("the Upstash-Message-Id header has {len} bytes")]
    OversizedId {
        /// How many bytes it has.
        len: usize,
    },
    /// The function that was given to [`Idempotent::key_by`](crate::Idempotent::key_by) returned nothing. Status 422.
    #[error("the application has no key for the delivery")]
    NoKey,
    /// With [`Idempotent::key_by_callback`](crate::Idempotent::key_by_callback), the body is not a callback that names
    /// its source. Status 422.
    #[error("the delivery is not a callback that names its source")]
    NoCallback,
}

impl KeyError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::MissingId | Self::RepeatedId | Self::OversizedId { .. } => 400,
            Self::NoKey | Self::NoCallback => 422,
        }
    }

    /// What the sender may know.
    pub fn public_text(&self) -> &'static str {
        match self {
            Self::MissingId => "no message id",
            Self::RepeatedId => "more than one message id",
            Self::OversizedId { .. } => "message id too long",
            Self::NoKey | Self::NoCallback => "unexpected body",
        }
    }
}
