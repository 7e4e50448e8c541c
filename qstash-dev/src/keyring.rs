//! The signing keys, which may change while the server runs.

use std::sync::{Arc, Mutex, RwLock};

use qstash_types::{SigningKey, SigningKeys};
use qstash_verify::Signer;
use tokio::task::spawn_blocking;

use crate::store::{KeptKeys, NotKept, Store};

/// The keys that are in force. All clones are the same ring.
#[derive(Clone, Debug)]
pub(crate) struct Keyring(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    keys: RwLock<(KeptKeys, Signer)>,
    /// Held over a rotation, which may wait for the disk. Meanwhile deliveries go on to be signed with the keys of before.
    rotation: Mutex<()>,
    store: Option<Arc<Store>>,
}

const WHOLE: &str = "no code panics while the keys are locked";

impl Keyring {
    pub(crate) fn new(keys: KeptKeys, store: Option<Arc<Store>>) -> Self {
        let signer = Signer::new(keys.in_force.current.clone());
        Self(Arc::new(Ring { keys: RwLock::new((keys, signer)), rotation: Mutex::default(), store }))
    }

    pub(crate) fn current(&self) -> SigningKeys {
        self.kept().in_force
    }

    pub(crate) fn signer(&self) -> Signer {
        self.0.keys.read().expect(WHOLE).1.clone()
    }

    fn kept(&self) -> KeptKeys {
        self.0.keys.read().expect(WHOLE).0.clone()
    }

    /// Makes the next key the current one, and this one the next, and says what holds now.
    pub(crate) async fn rotate(&self, fresh: SigningKey) -> Result<SigningKeys, NotKept> {
        let ring = self.clone();
        let rotated = spawn_blocking(move || {
            let _rotation = ring.0.rotation.lock().expect(WHOLE);
            let kept = ring.kept();
            let in_force = SigningKeys::new(kept.in_force.next.clone(), fresh);
            let keys = KeptKeys { in_force: in_force.clone(), ..kept };
            if let Some(store) = &ring.0.store {
                store.commit_keys(&keys)?;
            }
            let signer = Signer::new(in_force.current.clone());
            *ring.0.keys.write().expect(WHOLE) = (keys, signer);
            Ok(in_force)
        });
        rotated.await.unwrap_or(Err(NotKept::BROKEN))
    }
}
