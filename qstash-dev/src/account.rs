//! Accounts: the tokens that open the API, and the keys that deliveries are signed with.

use std::fmt;

use qstash_types::{PublishedAccount, SigningKeys};
use sha2::{Digest as _, Sha256};

use crate::{StartError, hex, secret};

/// What the owner of an account knows: tokens for clients, and keys for receivers.
#[derive(Clone)]
#[non_exhaustive]
pub struct Account {
    /// The token that API calls must carry.
    pub token: String,
    /// The token that API calls may carry that only read.
    pub read_only_token: String,
    /// The keys that deliveries are signed with.
    pub signing_keys: SigningKeys,
}

impl Account {
    /// Describes an account. Its read-only token follows from its token, which it does not give away.
    pub fn new(token: impl Into<String>, signing_keys: SigningKeys) -> Self {
        let token = token.into();
        let digest = Sha256::new().chain_update(b"read-only token of ").chain_update(&token).finalize();
        Self { read_only_token: hex::encode(&digest), token, signing_keys }
    }

    /// Makes an account with a random token and random keys.
    ///
    /// # Errors
    ///
    /// The system gave no random bytes.
    pub fn fresh() -> Result<Self, StartError> {
        Ok(Self::new(secret::token()?, secret::signing_keys()?))
    }

    /// The four development users whose tokens and keys are published, the default user first. Everybody can use these
    /// tokens, and forge deliveries with these keys.
    pub fn published() -> [Self; 4] {
        PublishedAccount::ALL.map(|account| Self::new(account.token, account.signing_keys()))
    }
}

impl fmt::Debug for Account {
    /// Leaves out the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("signing_keys", &self.signing_keys).finish_non_exhaustive()
    }
}
