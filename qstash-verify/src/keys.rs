//! The keys that deliveries may be signed with.

use std::{fmt, sync::Arc};

use qstash_types::{PublishedAccount, Region, SigningKey, SigningKeys};

use crate::{BuildError, VerifyError, hash::HmacKey, token::Token};

/// Labelled signing keys, for all requests and for those of one region.
///
/// Any number of keys may sign. Two are usual: QStash signs with the current key, and after a rotation with what was the
/// next key, so a receiver that knows both never refuses a genuine delivery. The labels appear in logs and in
/// [`Verified::key`](crate::Verified::key); the keys appear nowhere.
///
/// ```
/// use qstash_verify::{KeySet, Region, SigningKey, SigningKeys};
///
/// // The pair that the console shows and that `GET /v2/keys` answers …
/// let pair = SigningKeys::new(SigningKey::new("sig_current")?, SigningKey::new("sig_next")?);
/// let keys = KeySet::from(pair.clone());
///
/// // … keys under names of your own, and another pair for the deliveries of one region.
/// let keys = KeySet::new([("2025", SigningKey::new("sig_old")?), ("2026", SigningKey::new("sig_new")?)])
///     .region(Region::UsEast1, pair);
/// assert_eq!(format!("{keys:?}"), r#"KeySet { everyone: ["2025", "2026"], regions: [(UsEast1, ["current", "next"])], .. }"#);
/// # Ok::<_, qstash_verify::InvalidSigningKey>(())
/// ```
#[derive(Clone)]
pub struct KeySet {
    pub(crate) everyone: Vec<PreparedKey>,
    pub(crate) regions: Vec<(Region, Vec<PreparedKey>)>,
    pub(crate) retired: Vec<PreparedKey>,
    pub(crate) warnings: Vec<String>,
}

/// A key in the form that verifies fastest: HMAC with the key already hashed in.
#[derive(Clone)]
pub(crate) struct PreparedKey {
    pub(crate) label: Arc<str>,
    pub(crate) mac: HmacKey,
    pub(crate) form: Form,
}

/// What the text of a key looks like. Noted when the key is prepared, because the text is wiped then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Usual,
    /// Not as QStash makes them, and good all the same.
    Odd,
    /// Anybody can read it in the documentation.
    Published,
    /// Base64 of a JSON object, as the tokens of the API are.
    ApiToken,
    Quoted,
}

impl KeySet {
    /// Labels keys for all requests.
    pub fn new<L: Into<String>>(keys: impl IntoIterator<Item = (L, SigningKey)>) -> Self {
        Self { everyone: labelled(keys), regions: Vec::new(), retired: Vec::new(), warnings: Vec::new() }
    }

    /// Takes other keys for requests whose `Upstash-Region` header names this region.
    ///
    /// Requests of such a region are verified with these keys alone. A region that is set twice keeps the last keys; of
    /// a set that has regions itself, only the keys for all requests are taken.
    pub fn region(mut self, region: Region, keys: impl Into<KeySet>) -> Self {
        self.regions.retain(|(known, _)| *known != region);
        self.regions.push((region, keys.into().everyone));
        self
    }

    /// Names keys that were in use earlier. They verify nothing: [`Verifier::diagnose`](crate::Verifier::diagnose)
    /// recognises them, so that a refusal after a rotation explains itself.
    pub fn retired<L: Into<String>>(mut self, keys: impl IntoIterator<Item = (L, SigningKey)>) -> Self {
        self.retired.extend(labelled(keys));
        self
    }

    /// The keys that may sign, whatever the region.
    pub(crate) fn active(&self) -> impl Iterator<Item = &PreparedKey> {
        self.everyone.iter().chain(self.regions.iter().flat_map(|(_, keys)| keys))
    }

    /// Refuses a set that can verify nothing, and one that anybody can sign for.
    pub(crate) fn check(&self, published: PublishedKeys) -> Result<(), BuildError> {
        if self.active().next().is_none() {
            return Err(BuildError::NoKeys);
        }
        let is_refused =
            |key: &&PreparedKey| key.form == Form::Published && published == PublishedKeys::Refused;
        match self.active().find(is_refused) {
            Some(key) => Err(BuildError::PublishedKey { label: key.label.as_ref().into() }),
            None => Ok(()),
        }
    }

    /// The label of the key that signed the token.
    ///
    /// The region header is a stranger's word: it chooses among the configured sets, and an unknown region gets the
    /// keys for all requests.
    pub(crate) fn signer(&self, token: &Token<'_>, region: Option<&[u8]>) -> Result<Arc<str>, VerifyError> {
        let region = region.and_then(|text| str::from_utf8(text).ok()?.parse::<Region>().ok());
        let keys = match self.regions.iter().find(|(known, _)| Some(*known) == region) {
            Some((_, keys)) => keys,
            None => &self.everyone,
        };
        if keys.is_empty() {
            return Err(VerifyError::NoKeys);
        }
        let key = keys.iter().find(|key| token.is_signed_with(&key.mac)).ok_or(VerifyError::UnknownKey)?;
        Ok(Arc::clone(&key.label))
    }
}

impl From<SigningKeys> for KeySet {
    /// Labels the pair `current` and `next`.
    fn from(keys: SigningKeys) -> Self {
        Self::new([("current", keys.current), ("next", keys.next)])
    }
}

impl fmt::Debug for KeySet {
    /// Shows the labels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("everyone", &self.everyone)
            .field("regions", &self.regions)
            .finish_non_exhaustive()
    }
}

fn labelled<L: Into<String>>(keys: impl IntoIterator<Item = (L, SigningKey)>) -> Vec<PreparedKey> {
    keys.into_iter()
        .map(|(label, key)| PreparedKey {
            label: label.into().into(),
            mac: keyed(&key),
            form: Form::of(key.expose()),
        })
        .collect()
}

impl Form {
    pub(crate) fn of(key: &str) -> Self {
        if PublishedAccount::has_signing_key(key) {
            Self::Published
        } else if key.starts_with("eyJ") {
            Self::ApiToken
        } else if key.starts_with(['"', '\'']) {
            Self::Quoted
        } else if key.starts_with("sig_") {
            Self::Usual
        } else {
            Self::Odd
        }
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.label.fmt(f)
    }
}

/// HMAC with the key hashed in.
pub(crate) fn keyed(key: &SigningKey) -> HmacKey {
    HmacKey::new(key.expose().as_bytes())
}

/// What to do about keys that anybody can read in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishedKeys {
    Refused,
    Allowed,
}
