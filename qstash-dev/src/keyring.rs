//! The signing keys, which may change while the server runs.

use std::sync::{Arc, RwLock};

use qstash_types::{SigningKey, SigningKeys};
use qstash_verify::Signer;
use tokio::task::spawn_blocking;

use crate::store::{KeptKeys, NotKept, Store};

/// The keys that are in force. All clones are the same ring.
#[derive(Clone, Debug)]
pub(crate) struct Keyring(Arc<RwLock<Ring>>);

#[derive(Debug)]
struct Ring {
    keys: KeptKeys,
    signer: Signer,
    store: Option<Arc<Store>>,
}

const WHOLE: &str = "nobody panics with the ring in hand";

impl Keyring {
    pub(crate) fn new(keys: KeptKeys, store: Option<Arc<Store>>) -> Self {
        let signer = Signer::new(keys.in_force.current.clone());
        Self(Arc::new(RwLock::new(Ring { keys, signer, store })))
    }

    pub(crate) fn current(&self) -> SigningKeys {
        self.0.read().expect(WHOLE).keys.in_force.clone()
    }

    pub(crate) fn signer(&self) -> Signer {
        self.0.read().expect(WHOLE).signer.clone()
    }

    /// Makes the next key the current one, and this one the next, and says what holds now.
    pub(crate) async fn rotate(&self, fresh: SigningKey) -> Result<SigningKeys, NotKept> {
        let ring = self.clone();
        // It may have to wait for the disk.
        let rotated = spawn_blocking(move || {
            let mut ring = ring.0.write().expect(WHOLE);
            let in_force = SigningKeys::new(ring.keys.in_force.next.clone(), fresh);
            let keys = KeptKeys { in_force, ..ring.keys.clone() };
            if let Some(store) = &ring.store {
                store.commit_keys(&keys)?;
            }
            ring.signer = Signer::new(keys.in_force.current.clone());
            ring.keys = keys;
            Ok(ring.keys.in_force.clone())
        });
        rotated.await.unwrap_or(Err(NotKept::BROKEN))
    }
}
