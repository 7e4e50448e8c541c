//! The layer.

use std::sync::Arc;

use qstash_verify::{EnvError, Verifier, adapter::Guard};
use tower_layer::Layer;

use crate::VerifySignatureService;

/// Lets requests through that QStash signed, and refuses all others.
///
/// The headers are checked before any of the body is read, and the body is held back until it is proven too. All
/// settings are those of the [`Verifier`]. The [crate documentation](crate) has an example, the order of layers, and
/// what is signed.
///
/// | refusal | cause |
/// |---|---|
/// | 403 | there is no signature, or it does not fit the keys, the time, the URL or the body |
/// | 413 | the body is larger than [`Verifier::body_limit`] |
/// | 408 | the body took longer than [`VerifierBuilder::body_timeout`](crate::VerifierBuilder::body_timeout) |
/// | 400 | the body broke off |
///
/// QStash tries again after each of them, so a mis-deployed key delays messages and loses none. The response is a
/// short fixed text with the [`Rejection`](crate::Rejection) in its extensions, and there is one `tracing` event, with the
/// reason, the likely cause, and which request it was. It is a warning if one of the keys signed the request. Of all
/// others, one a minute is a warning, with the number of those in between, which are debug events: strangers cannot fill
/// the log. A request without a signature is a debug event. With the feature `env-filter` of `tracing-subscriber`, the
/// variable `RUST_LOG` must let warnings through (`RUST_LOG=warn`), because nothing but errors is shown where it is not set.
///
/// The time for a body is kept by a timer of tokio, which runtimes have unless they are built without `enable_time` or
/// `enable_all`. Without any runtime of tokio, and on `wasm32-unknown-unknown`, it is looked at when a chunk arrives.
#[derive(Clone, Debug)]
pub struct VerifySignature {
    guard: Arc<Guard>,
}

impl VerifySignature {
    /// Takes the verifier that decides.
    ///
    /// A verifier without an origin causes a warning in the log: it cannot tell a delivery to this service from one to
    /// the same path of another.
    pub fn new(verifier: Verifier) -> Self {
        Self { guard: Arc::new(Guard::new(verifier)) }
    }

    /// Takes keys and origin from the environment: see [`Verifier::from_env`].
    ///
    /// # Errors
    ///
    /// A variable is missing or cannot be used; the error names it.
    pub fn from_env() -> Result<Self, EnvError> {
        Verifier::from_env().map(Self::new)
    }
}

impl<S> Layer<S> for VerifySignature {
    type Service = VerifySignatureService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        VerifySignatureService::new(inner, Arc::clone(&self.guard))
    }
}
