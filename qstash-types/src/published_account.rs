//! The accounts of the development server, whose tokens and keys are published.

use crate::{SigningKey, SigningKeys};

/// A user of the development server, as QStash's documentation prints it.
///
/// Everybody can use these tokens, and sign deliveries with these keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedAccount {
    /// The token that API calls carry.
    pub token: &'static str,
    /// The key that signs deliveries.
    pub current_signing_key: &'static str,
    /// The key after the next rotation.
    pub next_signing_key: &'static str,
}

impl PublishedAccount {
    /// All of them, the default user first.
    pub const ALL: [Self; 4] = [
        Self {
            token: "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=",
            current_signing_key: "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r",
            next_signing_key: "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs",
        },
        Self {
            token: "eyJVc2VySUQiOiJ0ZXN0VXNlcjEiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
            current_signing_key: "sig_7GVPjvuwsfqF65iC8fSrs1dfYruM",
            next_signing_key: "sig_5NoELc3EFnZn4DVS5bDs2Nk4b7Ua",
        },
        Self {
            token: "eyJVc2VySUQiOiJ0ZXN0VXNlcjIiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
            current_signing_key: "sig_6jWGaWRxHsw4vMSPJprXadyvrybF",
            next_signing_key: "sig_7qHbvhmahe5GwfePDiS5Lg3pi6Qx",
        },
        Self {
            token: "eyJVc2VySUQiOiJ0ZXN0VXNlcjMiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
            current_signing_key: "sig_5T8FcSsynBjn9mMLBsXhpacRovJf",
            next_signing_key: "sig_7GFR4YaDshFcqsxWRZpRB161jguD",
        },
    ];

    /// The keys of the account.
    pub fn signing_keys(&self) -> SigningKeys {
        let key = |key| SigningKey::new(key).expect("the published keys are not blank");
        SigningKeys::new(key(self.current_signing_key), key(self.next_signing_key))
    }

    /// Whether a text is a signing key of one of them.
    pub fn has_signing_key(key: &str) -> bool {
        Self::ALL.iter().any(|account| [account.current_signing_key, account.next_signing_key].contains(&key))
    }
}
