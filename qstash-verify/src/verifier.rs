//! The verifier: the settings of a receiver, applied to one request after the other.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use crate::{
    BuildError, Claims, DEFAULT_BODY_LIMIT, DEFAULT_BODY_TIMEOUT, KeySet, Unread, Verified, VerifierBuilder,
    VerifyError,
    body::{BodyTerms, TokenUse},
    cooldown::Cooldown,
    error::Undecodable,
    expected_url::ExpectedUrl,
    keys::PublishedKeys,
    token::Token,
};

/// Says whether a request comes from QStash. Cheap to clone; all clones share their keys.
///
/// See the [crate documentation](crate) for an example.
#[derive(Clone, Debug)]
pub struct Verifier(pub(crate) Arc<Config>);

pub(crate) struct Config {
    keys: RwLock<KeySet>,
    pub(crate) published_keys: PublishedKeys,
    pub(crate) expected_url: ExpectedUrl,
    pub(crate) tolerance: Duration,
    pub(crate) body_limit: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) undecodable: Undecodable,
    pub(crate) clock: Option<Clock>,
    pub(crate) refresh_interval: Duration,
    pub(crate) refreshes: Mutex<Cooldown>,
}

pub(crate) type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// The clock of the system, if it has one: that of `wasm32-unknown-unknown` panics when it is asked.
fn system_clock() -> Option<Clock> {
    let has_clock = !cfg!(all(target_family = "wasm", target_os = "unknown"));
    has_clock.then(|| -> Clock { Box::new(SystemTime::now) })
}

impl Config {
    pub(crate) fn new(keys: KeySet) -> Self {
        Self {
            keys: RwLock::new(keys),
            published_keys: PublishedKeys::Refused,
            expected_url: ExpectedUrl::default(),
            tolerance: Duration::from_secs(5),
            body_limit: DEFAULT_BODY_LIMIT,
            body_timeout: DEFAULT_BODY_TIMEOUT,
            undecodable: Undecodable::Retried,
            clock: system_clock(),
            refresh_interval: Duration::from_secs(60),
            refreshes: Mutex::default(),
        }
    }

    pub(crate) fn keys(&self) -> RwLockReadGuard<'_, KeySet> {
        // Nothing that holds the lock for writing can panic halfway.
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("keys", &*self.keys())
            .field("published_keys", &self.published_keys)
            .field("expected_url", &self.expected_url)
            .field("tolerance", &self.tolerance)
            .field("body_limit", &self.body_limit)
            .field("body_timeout", &self.body_timeout)
            .field("undecodable", &self.undecodable)
            .field("refresh_interval", &self.refresh_interval)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Starts a verifier that takes tokens of these keys.
    pub fn builder(keys: impl Into<KeySet>) -> VerifierBuilder {
        VerifierBuilder::new(keys.into())
    }

    pub(crate) fn new(config: Config) -> Result<Self, BuildError> {
        config.keys().check(config.published_keys)?;
        if config.clock.is_none() {
            return Err(BuildError::NoClock);
        }
        Ok(Self(Arc::new(config)))
    }

    /// Looks at what a request presents in its headers; the body may still be on its way.
    ///
    /// # Errors
    ///
    /// Every [`VerifyError`] but those about the body.
    pub fn authenticate(&self, request: &Presented<'_>, now: SystemTime) -> Result<Unread, VerifyError> {
        let token = Token::parse(request.token()?)?;
        let key = self.0.keys().signer(&token, request.region)?;
        let claims = Claims::read(token.claims)?;
        claims.check_time(now, self.0.tolerance)?;
        self.0.expected_url.check(claims.subject(), request.path_and_query)?;
        let token = TokenUse { mac: token.mac, tolerance: self.0.tolerance };
        let terms = BodyTerms {
            limit: self.0.body_limit,
            timeout: self.0.body_timeout,
            deadline: now.checked_add(self.0.body_timeout),
            undecodable: self.0.undecodable,
        };
        Ok(Unread::new(claims, key, token, terms))
    }

    /// Looks at a whole request: [`authenticate`](Self::authenticate), then the body in one piece.
    ///
    /// # Errors
    ///
    /// Every [`VerifyError`].
    pub fn verify(
        &self,
        request: &Presented<'_>,
        body: impl Into<Bytes>,
        now: SystemTime,
    ) -> Result<Verified, VerifyError> {
        let mut unread = self.authenticate(request, now)?;
        unread.push(body.into(), now)?;
        unread.finish(now)
    }

    /// Takes other keys from now on, in all clones. Requests that are being read are not disturbed.
    ///
    /// # Errors
    ///
    /// An empty set and published development keys are refused as they are by [`VerifierBuilder::build`]; the verifier
    /// then keeps the keys that it has.
    pub fn replace_keys(&self, keys: impl Into<KeySet>) -> Result<(), BuildError> {
        let keys = keys.into();
        keys.check(self.0.published_keys)?;
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The time on the verifier's clock.
    pub fn now(&self) -> SystemTime {
        self.0.clock.as_ref().expect("nothing is built without a clock")()
    }

    /// The longest body that is read, in bytes.
    pub fn body_limit(&self) -> usize {
        self.0.body_limit
    }

    /// Whether a token for the same path and query at another host is refused.
    ///
    /// A middleware that meets `false` should say once in the log that an origin is missing.
    pub fn checks_origin(&self) -> bool {
        self.0.expected_url.has_origin()
    }

    /// What a person should know about the key set, one sentence each: see [`KeySet::warnings`].
    pub fn warnings(&self) -> Vec<String> {
        self.0.keys().warnings().to_vec()
    }
}

/// What a request presents before its body is read.
///
/// Built from bytes and text, so that every version of every HTTP library will do.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    signature: Signature<'a>,
    pub(crate) path_and_query: &'a str,
    region: Option<&'a [u8]>,
    pub(crate) content_encoding: Option<&'a [u8]>,
}

#[derive(Clone, Copy)]
enum Signature<'a> {
    None,
    One(&'a [u8]),
    Several,
}

impl<'a> Presented<'a> {
    /// Takes the values of **all** `Upstash-Signature` headers, and path and query of the request target as they
    /// arrived, without scheme and host.
    ///
    /// A request without a path (`*`, `host:port`) gives an empty text.
    pub fn new(signatures: impl IntoIterator<Item = &'a [u8]>, path_and_query: &'a str) -> Self {
        let mut signatures = signatures.into_iter();
        let signature = match (signatures.next(), signatures.next()) {
            (None, _) => Signature::None,
            (Some(token), None) => Signature::One(token),
            (Some(_), Some(_)) => Signature::Several,
        };
        Self { signature, path_and_query, region: None, content_encoding: None }
    }

    /// Takes the value of the `Upstash-Region` header. It chooses among the configured keys.
    pub fn region(self, region: Option<&'a [u8]>) -> Self {
        Self { region, ..self }
    }

    /// Takes the value of the `Content-Encoding` header. Only [`Verifier::diagnose`] looks at it.
    pub fn content_encoding(self, content_encoding: Option<&'a [u8]>) -> Self {
        Self { content_encoding, ..self }
    }

    /// The signature, if there is exactly one.
    pub(crate) fn token(&self) -> Result<&'a [u8], VerifyError> {
        match self.signature {
            Signature::None => Err(VerifyError::Missing),
            Signature::One(token) => Ok(token),
            Signature::Several => Err(VerifyError::Repeated),
        }
    }
}

impl fmt::Debug for Presented<'_> {
    /// Leaves out the token, which is good for a delivery while it lives, and the query, which may hold another one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").finish_non_exhaustive()
    }
}
