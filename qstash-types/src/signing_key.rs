//! Signing keys: never empty, never printed, wiped on drop.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use zeroize::Zeroizing;

/// A key that QStash signs deliveries with, such as `sig_…`.
///
/// The key is its text as it stands: the UTF-8 bytes of the whole string are the HMAC key, and nothing is trimmed.
/// `Debug` shows no part of it, there is no `Display`, and the memory is wiped when the last owner drops it.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<String>);

impl SigningKey {
    /// Takes a key as it was issued.
    ///
    /// # Errors
    ///
    /// A key that is empty or only white space is refused: an unset variable would otherwise be a key that anybody
    /// can sign with. So is a key with a line break or another control character, which was read along with it.
    pub fn new(key: impl Into<String>) -> Result<Self, InvalidSigningKey> {
        let key = Zeroizing::new(key.into());
        if key.trim().is_empty() {
            Err(InvalidSigningKey::Blank)
        } else if key.contains(char::is_control) {
            Err(InvalidSigningKey::LineBreak)
        } else {
            Ok(Self(key))
        }
    }

    /// The key itself. Named so that a reader of the calling code sees a secret leave its wrapper.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl<'de> Deserialize<'de> for SigningKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of a value of another type would show the value.
        let key = String::deserialize(deserializer)
            .map_err(|_| D::Error::custom("a signing key must be a string"))?;
        Self::new(key).map_err(D::Error::custom)
    }
}

impl Serialize for SigningKey {
    /// Writes the key itself: serialising is how a server answers `GET /v2/keys`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The pair of keys that `GET /v2/keys` answers.
///
/// Deliveries are signed with `current`. A rotation makes `next` the current key, so a receiver that holds both keeps
/// working through one rotation.
#[derive(Clone, Debug, Serialize)]
pub struct SigningKeys {
    /// The key that signs deliveries now.
    pub current: SigningKey,
    /// The key that will sign after the next rotation.
    pub next: SigningKey,
}

impl SigningKeys {
    /// Pairs two keys.
    pub fn new(current: SigningKey, next: SigningKey) -> Self {
        Self { current, next }
    }
}

impl<'de> Deserialize<'de> for SigningKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Pair {
            current: SigningKey,
            next: SigningKey,
        }

        // As above: a key alone where the pair is expected would be shown.
        let expected =
            "the signing keys must be an object with `current` and `next`, two strings that are not blank";
        let Pair { current, next } =
            Pair::deserialize(deserializer).map_err(|_| D::Error::custom(expected))?;
        Ok(Self { current, next })
    }
}

/// A text is not a signing key.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSigningKey {
    /// It is empty or blank.
    #[error("a signing key must not be empty or blank")]
    Blank,
    /// It has a line break or another control character.
    #[error("a signing key has no line break or other control character: remove it")]
    LineBreak,
}
