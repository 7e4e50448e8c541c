//! The settings of a verifier.

use std::{
    mem,
    time::{Duration, SystemTime},
};

use crate::{
    BuildError, KeySet, Verifier, destination::Destination, error::Undecodable, keys::PublishedKeys,
    verifier::Settings,
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
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct VerifierBuilder {
    settings: Settings,
    mistake: Option<BuildError>,
}

impl VerifierBuilder {
    pub(crate) fn new(keys: KeySet) -> Self {
        Self { settings: Settings::new(keys), mistake: None }
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

    fn destination(mut self, change: impl FnOnce(Destination) -> Result<Destination, BuildError>) -> Self {
        match change(mem::take(&mut self.settings.destination)) {
            Ok(destination) => self.settings.destination = destination,
            Err(mistake) => drop(self.mistake.get_or_insert(mistake)),
        }
        self
    }

    /// Sets by how much the clocks of QStash and of this machine may differ; 5 seconds unless set. Applies to the begin
    /// and to the end of a token.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.settings.tolerance = tolerance;
        self
    }

    /// Sets the longest body that is read, in bytes; [`DEFAULT_BODY_LIMIT`](crate::DEFAULT_BODY_LIMIT) unless set.
    pub fn body_limit(mut self, body_limit: usize) -> Self {
        self.settings.body_limit = body_limit;
        self
    }

    /// Gives up on messages whose verified body is not the JSON that the handler expects: status 489 with
    /// `Upstash-NonRetryable-Error`, so that failure callback and dead letter queue have them at once. Unless set, they
    /// are tried again, with status 422.
    ///
    /// Tried again is right where senders and this service change together: a sender may be ahead, and the next
    /// deployment understands the body. Permanent is right where a body that is wrong stays wrong: the attempts that are
    /// left would only put off what has to happen anyway.
    ///
    /// It holds for `Signed<T>` and for a `?` on [`Verified::json`](crate::Verified::json). A callback whose inner bodies
    /// cannot be decoded is tried again in any case.
    pub fn undecodable_is_permanent(mut self) -> Self {
        self.settings.undecodable = Undecodable::Permanent;
        self
    }

    /// Sets the clock of [`Verifier::now`], which the middlewares ask; the system's unless set.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.settings.clock = Box::new(clock);
        self
    }

    /// Sets how much time lies between two calls of [`Verifier::refresh_keys`] that fetch keys; a minute unless set.
    pub fn refresh_interval(mut self, refresh_interval: Duration) -> Self {
        self.settings.refresh_interval = refresh_interval;
        self
    }

    /// Takes the signing keys that QStash's documentation prints for its development server. Anybody can sign with
    /// them, so they are refused unless this is set.
    pub fn allow_published_dev_keys(mut self) -> Self {
        self.settings.published_keys = PublishedKeys::Allowed;
        self
    }

    /// Builds the verifier.
    ///
    /// # Errors
    ///
    /// The first mistake that a setter was given, no key at all, or a published development key.
    pub fn build(self) -> Result<Verifier, BuildError> {
        match self.mistake {
            Some(mistake) => Err(mistake),
            None => Verifier::new(self.settings),
        }
    }
}
