//! The settings of a receiver, which are its layer and its middleware as well.

use std::{fmt, mem, sync::Arc, time::Duration};

use bytes::Bytes;
use qstash_verify::Claims;

use crate::{Store, key::KeySource, throttle::Throttle};

/// Lets each delivery have its effect once.
///
/// It stands inside of `VerifySignature`: a layer of tower with the feature `axum`, a middleware of actix-web with the
/// feature `actix`. All of it that is not about a framework is [`admit`](Self::admit), for every other one.
///
/// | setting | default |
/// |---|---|
/// | [`lease`](Self::lease) | 30 seconds |
/// | [`wait`](Self::wait) | 5 seconds |
/// | [`retention`](Self::retention) | 30 days |
/// | [`answer_limit`](Self::answer_limit) | 64 KiB |
/// | [`store_timeout`](Self::store_timeout) | 5 seconds |
/// | the key | the message's id, the signed URL, the signed body |
/// | form | leased |
///
/// The [crate documentation](crate) says what each form promises.
pub struct Idempotent<S> {
    pub(crate) store: Arc<S>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) pace: Arc<Pace>,
}

/// What all clones do at most once a minute.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pub(crate) failures: Throttle,
    pub(crate) sweeps: Throttle,
    pub(crate) unclaimed: Throttle,
    #[cfg(any(feature = "axum", feature = "actix"))]
    pub(crate) unprotected: Throttle,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) lease: Duration,
    pub(crate) wait: Duration,
    pub(crate) retention: Duration,
    pub(crate) answer_limit: usize,
    pub(crate) store_timeout: Duration,
    pub(crate) skew: Duration,
    pub(crate) key: KeySource,
    pub(crate) replays: Replays,
    pub(crate) form: Form,
    pub(crate) hang_up: HangUp,
}

/// Whether a token may come with one delivery alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replays {
    Refused,
    Taken,
}

/// Who claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The layer, before it calls the handler.
    Leased,
    /// The handler, in a transaction of its own.
    Transactional,
}

/// What a caller that hangs up does to the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HangUp {
    Ends,
    Ignored,
}

/// The longest time between two attempts of QStash, which ignores a longer `Retry-After`.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_hours(24);

impl<S: Store> Idempotent<S> {
    /// Takes the store that decides.
    pub fn new(store: S) -> Self {
        let settings = Settings {
            lease: Duration::from_secs(30),
            wait: Duration::from_secs(5),
            retention: Duration::from_hours(30 * 24),
            answer_limit: 64 * 1024,
            store_timeout: Duration::from_secs(5),
            skew: Duration::from_hours(1),
            key: KeySource::default(),
            replays: Replays::Refused,
            form: Form::Leased,
            hang_up: HangUp::Ends,
        };
        Self { store: Arc::new(store), settings: Arc::new(settings), pace: Arc::default() }
    }

    /// How long a claim outlives a crash of its process; at least a second. It is renewed three times in that time while
    /// the handler runs.
    ///
    /// Longer than the store is ever away, so that a handler does not lose its claim for that.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings().lease = lease.max(Duration::from_secs(1));
        self
    }

    /// How long a delivery waits for another handler that has the claim, to answer as that one does. Then it is sent away
    /// with 503 and `Retry-After`. Zero: at once.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.settings().wait = wait;
        self
    }

    /// How long a finished delivery is known; at least an hour.
    ///
    /// Longer than QStash may still try it again, and than somebody may still publish it again from the dead letter
    /// queue under a key that [survives that](Self::key_by). Between two attempts there may be 24 hours: a shorter retention is a
    /// warning in the log.
    pub fn retention(mut self, retention: Duration) -> Self {
        if retention < LONGEST_PAUSE {
            tracing::warn!(
                ?retention,
                "finished deliveries are forgotten before QStash may try them again, which runs their handlers again: \
                 set `retention` to at least 24 hours for each retry of a message"
            );
        }
        self.settings().retention = retention.max(Duration::from_hours(1));
        self
    }

    /// How large an answer may be, in bytes of its headers and its body, to be kept. Of a larger one, the status is kept.
    ///
    /// Up to this size answers are held back until they are kept; the rest of a larger one passes as it comes.
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.settings().answer_limit = bytes;
        self
    }

    /// How long the store may take for each reply. A delivery is answered with 503 after that.
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.settings().store_timeout = timeout;
        self
    }

    /// How much the clocks of receivers may differ: an hour unless set. Tokens are known that much longer than they are
    /// taken. Leases do not depend on it.
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.settings().skew = skew;
        self
    }

    /// Takes the key from what is signed. Deliveries with the same key have one effect in all, so a key should say which:
    /// `charge/1007`, not `1007`. Nothing: there is no key, which is answered with 422.
    ///
    /// It takes the place of [`key_by_callback`](Self::key_by_callback), if that was set before, with a warning in the log.
    ///
    /// A retry from the dead letter queue has a new message id. What has to happen once even then needs such a key:
    ///
    /// ```
    /// use qstash_idempotency::{Idempotent, MemoryStore};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order {
    ///     id: u64,
    /// }
    ///
    /// let idempotent = Idempotent::new(MemoryStore::new()).key_by(|_claims, body| {
    ///     let order: Order = serde_json::from_slice(body).ok()?;
    ///     Some(format!("charge/{}", order.id))
    /// });
    /// ```
    pub fn key_by<K: Into<Vec<u8>>>(
        mut self,
        key: impl Fn(&Claims, &Bytes) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        self.set_key(KeySource::Application(Arc::new(move |claims, body| key(claims, body).map(Into::into))));
        self
    }

    /// For handlers of callbacks, `Signed<Callback>`: takes the key from the id of the source message, the attempt that is
    /// reported, and the signed URL. A failure callback has another key than the callback of the same attempt.
    ///
    /// It takes the place of [`key_by`](Self::key_by), if that was set before, with a warning in the log.
    pub fn key_by_callback(mut self) -> Self {
        self.set_key(KeySource::Callback);
        self
    }

    /// Takes a token under any number of message ids. By default the second one is answered with 403.
    ///
    /// The id is not signed: whoever sees a delivery can send it again under another id while its token lives, and
    /// without the guard that is another delivery.
    pub fn allow_replays(mut self) -> Self {
        self.settings().replays = Replays::Taken;
        self
    }

    /// Leaves the claim to the handler, which makes it a part of its own transaction with
    /// [`Claim::in_transaction`](crate::Claim::in_transaction). There is no lease then.
    ///
    /// A handler that succeeds without that is an error in the log: nothing has kept it from running twice.
    pub fn transactional(mut self) -> Self {
        self.settings().form = Form::Transactional;
        self
    }

    /// Lets a handler run to its end although the caller has hung up, as QStash does when the time for a delivery is
    /// over. The next attempt then waits for it, or is sent away until it has ended.
    ///
    /// Without it, the handler ends where it stands, and the next attempt begins from the start.
    pub fn ignore_hang_up(mut self) -> Self {
        self.settings().hang_up = HangUp::Ignored;
        self
    }

    fn set_key(&mut self, key: KeySource) {
        let replaced = mem::replace(&mut self.settings().key, key);
        if !matches!(replaced, KeySource::Message) {
            tracing::warn!(
                ?replaced,
                "a second key takes the place of the first: set one, by `key_by` or by `key_by_callback`"
            );
        }
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}

impl<S> Clone for Idempotent<S> {
    fn clone(&self) -> Self {
        let Self { store, settings, pace } = self;
        Self { store: Arc::clone(store), settings: Arc::clone(settings), pace: Arc::clone(pace) }
    }
}

impl<S> fmt::Debug for Idempotent<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotent").field("settings", &self.settings).finish_non_exhaustive()
    }
}
