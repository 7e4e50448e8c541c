//! The signing keys, which may change while the server runs.

use std::sync::{Arc, RwLock};

use qstash_types::{SigningKey, SigningKeys};
use qstash_verify::Signer;

/// The keys that are in force. All clones are the same ring.
#[derive(Clone, Debug)]
pub(crate) struct Keyring(Arc<RwLock<(SigningKeys, Signer)>>);

const WHOLE: &str = "nobody panics with the ring in hand";

impl Keyring {
    pub(crate) fn new(keys: SigningKeys) -> Self {
        let signer = Signer::new(keys.current.clone());
        Self(Arc::new(RwLock::new((keys, signer))))
    }

    pub(crate) fn current(&self) -> SigningKeys {
        self.0.read().expect(WHOLE).0.clone()
    }

    pub(crate) fn signer(&self) -> Signer {
        self.0.read().expect(WHOLE).1.clone()
    }

    /// Makes the next key the current one, and this one the next, and says what holds now.
    pub(crate) fn rotate(&self, fresh: SigningKey) -> SigningKeys {
        let mut ring = self.0.write().expect(WHOLE);
        let keys = SigningKeys::new(ring.0.next.clone(), fresh);
        *ring = (keys.clone(), Signer::new(keys.current.clone()));
        keys
    }
}
