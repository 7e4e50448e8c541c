//! Deliveries as QStash sends them, with a token of their own each.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use qstash_verify::{KeySet, Signer, SigningKey, TokenBuilder, Verifier};

pub(crate) const ORIGIN: &str = "https://api.example.com";

pub(crate) fn signing_key() -> SigningKey {
    SigningKey::new("sig_test").unwrap()
}

pub(crate) fn verifier() -> Verifier {
    Verifier::builder(KeySet::new([("test", signing_key())])).origin(ORIGIN).build().unwrap()
}

/// A token for a path and a body that no other delivery has.
pub(crate) fn token(path: &str, body: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let id = format!("jwt_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let url = format!("{ORIGIN}{path}");
    Signer::new(signing_key()).token(&TokenBuilder::new(&url, body.as_bytes(), SystemTime::now()).id(&id))
}

/// One attempt to deliver a message.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) path: &'static str,
    pub(crate) ids: Vec<String>,
    pub(crate) body: String,
    pub(crate) retried: u32,
    pub(crate) token: String,
}

impl Attempt {
    /// The first attempt to deliver a message to `/hook`.
    pub(crate) fn new(id: &str, body: &str) -> Self {
        let token = token("/hook", body);
        Self { path: "/hook", ids: vec![id.to_owned()], body: body.to_owned(), retried: 0, token }
    }

    /// The next attempt, with a token of its own.
    pub(crate) fn next(&self) -> Self {
        let token = token(self.path, &self.body);
        Self { retried: self.retried + 1, token, ..self.clone() }
    }

    /// The same attempt with other ids. The token does not say which is right.
    pub(crate) fn with_ids(&self, ids: &[&str]) -> Self {
        Self { ids: ids.iter().map(|&id| id.to_owned()).collect(), ..self.clone() }
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let ids = self.ids.iter().map(|id| ("upstash-message-id", id.clone()));
        let others =
            [("upstash-signature", self.token.clone()), ("upstash-retried", self.retried.to_string())];
        ids.chain(others)
    }
}
