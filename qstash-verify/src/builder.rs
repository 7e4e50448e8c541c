//! The settings of a verifier.

use std::{
    mem,
    time::{Duration, SystemTime},
};

use crate::{
    BuildError, KeySet, Verifier, error::Undecodable, expected_url::ExpectedUrl, keys::PublishedKeys,
    verifier::Config,
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
    config: Config,
    mistake: Option<BuildError>,
}

impl VerifierBuilder {
    pub(crate) fn new(keys: KeySet) -> Self {
        Self { config: Config::new(keys), mistake: None }
    }

    /// Sets scheme, host and port under which QStash reaches this receiver: `https://api.example.com`.
    ///
    /// Scheme and host are compared without regard to case, and the default port is the same as none. User information in
    /// the signed URL (`https://user:password@…`) does not count: HTTP sends it in the `Authorization` header or not at all, so a
    /// request cannot show it in its URL, and it names no other place. A service that relies on it checks that header.
    ///
    /// Path and query of the request must be those that were signed, as far as honest proxies respell them:
    ///
    /// | the signed URL has | the request may have |
    /// |---|---|
    /// | an escape | the same one, its digits in either case |
    /// | an escape of a letter, a digit, or one of `-._~` | the character, except where that makes a dot segment |
    /// | in the path, an escape of one of `!$&'()*+,;=:@` | the character |
    /// | an escape of a character that URLs do not allow, such as `[` or `é` | the character |
    /// | a character that URLs do not allow | its escape |
    /// | a query parameter of QStash itself (`qstash_token`, `upstash-…`) | nothing, since QStash may take it out |
    ///
    /// Everything else is another URL: an escape of what was signed as it is, `//`, a dot segment, an undone `%2F`, a slash at
    /// the end, another order of the query, and every parameter that was not signed.
    pub fn origin(self, origin: impl AsRef<str>) -> Self {
        self.expect(|expected| expected.at_origin(origin.as_ref()))
    }

    /// Sets what a proxy strips from the path before the request arrives here, such as `/v1`.
    pub fn public_prefix(self, prefix: impl AsRef<str>) -> Self {
        self.expect(|expected| expected.behind_prefix(prefix.as_ref()))
    }

    /// Sets the whole URL, compared code point by code point whatever the request looks like: for a single route.
    pub fn exact_url(self, url: impl Into<String>) -> Self {
        self.expect(|expected| expected.exactly(url.into()))
    }

    /// Takes a token for any URL. A token for one route of this service is then good for every other one, and so is
    /// one for a URL of a stranger that this service has ever published to.
    pub fn any_destination(self) -> Self {
        self.expect(ExpectedUrl::anywhere)
    }

    fn expect(mut self, change: impl FnOnce(ExpectedUrl) -> Result<ExpectedUrl, BuildError>) -> Self {
        match change(mem::take(&mut self.config.expected_url)) {
            Ok(expected) => self.config.expected_url = expected,
            Err(mistake) => drop(self.mistake.get_or_insert(mistake)),
        }
        self
    }

    /// Sets by how much the clocks of QStash and of this machine may differ; 5 seconds unless set. Applies to the begin
    /// and to the end of a token.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.config.tolerance = tolerance;
        self
    }

    /// Sets the longest body that is read, in bytes; [`DEFAULT_BODY_LIMIT`](crate::DEFAULT_BODY_LIMIT) unless set.
    pub fn body_limit(mut self, body_limit: usize) -> Self {
        self.config.body_limit = body_limit;
        self
    }

    /// Sets how long a body may take to arrive, counted from the moment at which the headers were proven;
    /// [`DEFAULT_BODY_TIMEOUT`](crate::DEFAULT_BODY_TIMEOUT) unless set.
    ///
    /// A token is looked at before the body. Without this limit, whoever holds the body back could have a token taken long
    /// after its end. The end itself is not looked at again, since an honest upload may be slow.
    ///
    /// It is checked at each chunk and at the end of the body. The middlewares of `qstash-axum` and `qstash-actix` also set
    /// a timer.
    pub fn body_timeout(mut self, body_timeout: Duration) -> Self {
        self.config.body_timeout = body_timeout;
        self
    }

    /// Gives up on messages whose verified body is not the JSON that the handler expects: status 489 with
    /// `Upstash-NonRetryable-Error`, so that failure callback and dead letter queue have them at once. Unless set, they
    /// are tried again, with status 422.
    ///
    /// Tried again is right where senders and this service change together: a sender may be ahead, and the next
    /// deployment understands the body. Giving up is right where a body that is wrong stays wrong: the attempts that are
    /// left would only put off what has to happen anyway.
    ///
    /// It holds for `Signed<T>` and for a `?` on [`Verified::json`](crate::Verified::json). A callback whose inner bodies
    /// cannot be decoded is tried again in any case.
    pub fn undecodable_is_non_retryable(mut self) -> Self {
        self.config.undecodable = Undecodable::NonRetryable;
        self
    }

    /// Sets the clock of [`Verifier::now`], which the middlewares ask; the system's unless set. Without this setting, nothing
    /// can be built on `wasm32-unknown-unknown`, which has none.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.config.clock = Some(Box::new(clock));
        self
    }

    /// Sets how much time lies between two calls of [`Verifier::refresh_keys`] that fetch keys; a minute unless set.
    pub fn refresh_interval(mut self, refresh_interval: Duration) -> Self {
        self.config.refresh_interval = refresh_interval;
        self
    }

    /// Takes the signing keys that QStash's documentation prints for its development server. Anybody can sign with
    /// them, so they are refused unless this is set.
    pub fn allow_published_dev_keys(mut self) -> Self {
        self.config.published_keys = PublishedKeys::Allowed;
        self
    }

    /// Builds the verifier.
    ///
    /// # Errors
    ///
    /// The first mistake that a setter was given, no key at all, a published development key, or no clock on a platform
    /// that has none.
    pub fn build(self) -> Result<Verifier, BuildError> {
        match self.mistake {
            Some(mistake) => Err(mistake),
            None => Verifier::new(self.config),
        }
    }
}
