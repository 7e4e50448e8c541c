//! The settings of a verifier.

use std::{
    fmt,
    sync::RwLock,
    time::{Duration, SystemTime},
};

use crate::{
    BuildError, DEFAULT_BODY_LIMIT, KeySet, Verifier,
    destination::Destination,
    keys::PublishedKeys,
    verifier::{Clock, Settings},
};

/// Collects the settings of a [`Verifier`].
///
/// A token is good for one URL. What the verifier compares with it is set here:
///
/// | setting | a delivery must be signed for |
/// |---|---|
/// | [`origin`](Self::origin) | that origin, and path and query of the request |
/// | [`public_prefix`](Self::public_prefix) | … with this before the path: what a proxy strips |
/// | [`exact_url`](Self::exact_url) | that very URL |
/// | [`any_destination`](Self::any_destination) | anything |
/// | none of them | path and query of the request, at any host |
///
/// `Host` and `X-Forwarded-*` are never read: whoever sends the request writes them.
///
/// Setters do not fail. The first mistake is kept and returned by [`build`](Self::build).
#[must_use = "a builder does nothing until it is built"]
pub struct VerifierBuilder {
    keys: KeySet,
    published_keys: PublishedKeys,
    destination: Result<Destination, BuildError>,
    tolerance: Duration,
    body_limit: usize,
    clock: Clock,
}

impl VerifierBuilder {
    pub(crate) fn new(keys: KeySet) -> Self {
        Self {
            keys,
            published_keys: PublishedKeys::Refused,
            destination: Ok(Destination::default()),
            tolerance: Duration::from_secs(5),
            body_limit: DEFAULT_BODY_LIMIT,
            clock: Box::new(SystemTime::now),
        }
    }

    /// Sets scheme, host and port under which QStash reaches this receiver: `https://api.example.com`.
    ///
    /// Scheme and host are compared without regard to case, and the default port is the same as none. Path and query
    /// are compared in a normal spelling: escapes that need not be and the case of the others make no difference, and
    /// the query parameters of QStash itself (`qstash_token`, `upstash-…`) do not count. Everything else does: `//`,
    /// dot segments, `%2F`, a trailing slash, the order of the query.
    pub fn origin(self, origin: impl AsRef<str>) -> Self {
        self.destination(|destination| destination.at_origin(origin.as_ref()))
    }

    /// Sets what a proxy strips from the path before the request arrives here, such as `/v1`.
    pub fn public_prefix(self, prefix: impl AsRef<str>) -> Self {
        self.destination(|destination| destination.behind_prefix(prefix.as_ref()))
    }

    /// Sets the whole URL, compared code point by code point whatever the request looks like: for a single route.
    pub fn exact_url(self, url: impl Into<String>) -> Self {
        self.destination(|destination| destination.exactly(url.into()))
    }

    /// Takes a token for any URL. A token for one route of this service is then good for every other one, and so is
    /// one for a URL of a stranger that this service has ever published to.
    pub fn any_destination(self) -> Self {
        self.destination(Destination::anywhere)
    }

    fn destination(self, change: impl FnOnce(Destination) -> Result<Destination, BuildError>) -> Self {
        Self { destination: self.destination.and_then(change), ..self }
    }

    /// Sets by how much the clocks of QStash and of this machine may differ; 5 seconds unless set. Applies to the begin
    /// and to the end of a token.
    pub fn tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// Sets the longest body that is read, in bytes; [`DEFAULT_BODY_LIMIT`] unless set.
    pub fn body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }

    /// Sets the clock of [`Verifier::now`], which the middlewares ask; the system's unless set.
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// Takes the signing keys that QStash's documentation prints for its development server. Anybody can sign with
    /// them, so they are refused unless this is set.
    pub fn allow_published_dev_keys(self) -> Self {
        Self { published_keys: PublishedKeys::Allowed, ..self }
    }

    /// Builds the verifier.
    ///
    /// # Errors
    ///
    /// The first mistake that a setter was given, no key at all, or a published development key.
    pub fn build(self) -> Result<Verifier, BuildError> {
        let destination = self.destination?;
        self.keys.check(self.published_keys)?;
        Ok(Verifier::new(Settings {
            keys: RwLock::new(self.keys),
            published_keys: self.published_keys,
            destination,
            tolerance: self.tolerance,
            body_limit: self.body_limit,
            clock: self.clock,
        }))
    }
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("keys", &self.keys)
            .field("destination", &self.destination)
            .field("tolerance", &self.tolerance)
            .field("body_limit", &self.body_limit)
            .finish_non_exhaustive()
    }
}
