//! Accounts: the tokens that open the API, and the keys that deliveries are signed with.

use std::fmt;

use qstash_types::{SigningKey, SigningKeys};
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

    /// Makes an account that nobody knows yet.
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
        PUBLISHED.map(|(token, current, next)| {
            let key = |key| SigningKey::new(key).expect("the published keys are not blank");
            Self::new(token, SigningKeys::new(key(current), key(next)))
        })
    }
}

impl fmt::Debug for Account {
    /// Leaves out the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("signing_keys", &self.signing_keys).finish_non_exhaustive()
    }
}

const PUBLISHED: [(&str, &str, &str); 4] = [
    (
        "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=",
        "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r",
        "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs",
    ),
    (
        "eyJVc2VySUQiOiJ0ZXN0VXNlcjEiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
        "sig_7GVPjvuwsfqF65iC8fSrs1dfYruM",
        "sig_5NoELc3EFnZn4DVS5bDs2Nk4b7Ua",
    ),
    (
        "eyJVc2VySUQiOiJ0ZXN0VXNlcjIiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
        "sig_6jWGaWRxHsw4vMSPJprXadyvrybF",
        "sig_7qHbvhmahe5GwfePDiS5Lg3pi6Qx",
    ),
    (
        "eyJVc2VySUQiOiJ0ZXN0VXNlcjMiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
        "sig_5T8FcSsynBjn9mMLBsXhpacRovJf",
        "sig_7GFR4YaDshFcqsxWRZpRB161jguD",
    ),
];
