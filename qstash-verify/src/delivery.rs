//! A verified request together with its metadata.

use std::sync::Arc;

use bytes::Bytes;
use qstash_types::{DeliveryHeaders, MessageId};
use serde::de::DeserializeOwned;

use crate::{Claims, JsonError, Verified};

/// A verified delivery: what was signed, and beside it what QStash says in the other headers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Delivery {
    verified: Verified,
    headers: Arc<DeliveryHeaders>,
}

impl Delivery {
    /// Puts a verified request and the headers that came with it together.
    pub fn new(verified: Verified, headers: DeliveryHeaders) -> Self {
        Self { verified, headers: Arc::new(headers) }
    }

    /// What the token says.
    pub fn claims(&self) -> &Claims {
        self.verified.claims()
    }

    /// The body, byte for byte as it was signed.
    pub fn body(&self) -> &Bytes {
        self.verified.body()
    }

    /// The label of the key that signed the token.
    pub fn key(&self) -> &str {
        self.verified.key()
    }

    /// Reads the body as JSON: see [`Verified::json`].
    ///
    /// # Errors
    ///
    /// The body is not JSON of that form.
    pub fn json<T: DeserializeOwned + 'static>(&self) -> Result<T, JsonError> {
        self.verified.json()
    }

    /// The id of the message, the same for all attempts to deliver it. **It is not covered by the signature**, as no header is: see
    /// [`headers`](Self::headers). Header: `Upstash-Message-Id`.
    pub fn message_id(&self) -> Option<&MessageId> {
        self.headers.message_id.as_ref()
    }

    /// Message id, attempts, schedule, labels: the `Upstash-*` headers. **They are not covered by the signature**:
    /// good for logs and for recognising a message, not for decisions about rights or money.
    pub fn headers(&self) -> &DeliveryHeaders {
        &self.headers
    }
}
