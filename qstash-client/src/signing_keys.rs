//! The keys that QStash signs deliveries with.

use http::Method;
use qstash_types::SigningKeys;

use crate::{
    Client, Error,
    request::{Call, json},
};

impl Client {
    /// The signing keys of the account.
    pub fn signing_keys(&self) -> SigningKeysHandle {
        SigningKeysHandle(self.clone())
    }
}

/// The signing keys of the account.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct SigningKeysHandle(Client);

impl SigningKeysHandle {
    /// Reads both keys.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn get(&self) -> Result<SigningKeys, Error> {
        self.0.call(Call::new(Method::GET, &["keys"]), json).await
    }

    /// Makes the next key the current one, and creates a new next key. Returns the keys as they are afterwards.
    ///
    /// Receivers that hold both keys keep working through one rotation, not through two. The call is therefore never
    /// repeated once it may have arrived.
    ///
    /// # Errors
    ///
    /// See [`Error`]. After an [ambiguous](Error::is_ambiguous) one, [`get`](Self::get) shows what has happened.
    pub async fn rotate(&self) -> Result<SigningKeys, Error> {
        self.0.call(Call::new(Method::POST, &["keys", "rotate"]).once(), json).await
    }
}
