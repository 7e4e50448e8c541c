//! Why a text is not a URL that can be sent.

use crate::percent;

/// A text is not a URL that can be sent as it stands.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// The URL is longer than HTTP libraries send it: [`Url::MAX_LEN`](crate::Url::MAX_LEN).
    #[error("the URL is longer than {} bytes", crate::Url::MAX_LEN)]
    Length,
    /// The scheme is missing or another one.
    #[error("the URL must start with http:// or https://")]
    Scheme,
    /// There is no host, or it is an IP address that does not exist.
    #[error("the URL has no valid host")]
    Host,
    /// A character that no host has.
    #[error("the host of the URL contains {found:?}")]
    HostCharacter {
        /// The character.
        found: char,
    },
    /// The host has letters outside ASCII.
    #[error("the host of the URL contains {found:?}, write the host in its ASCII form (punycode, xn--…)")]
    InternationalHost {
        /// The first of them.
        found: char,
    },
    /// The port is not a number up to 65535.
    #[error("the port of the URL is not a number up to 65535")]
    Port,
    /// Fragments are not sent over HTTP.
    #[error("the URL has a fragment (#…), which HTTP does not transmit")]
    Fragment,
    /// A character that a URL parser would escape or drop.
    #[error("the URL contains {found:?}, write {escaped} instead")]
    Character {
        /// The character.
        found: char,
        /// How to write it.
        escaped: String,
    },
    /// A segment that a URL parser would resolve.
    #[error("the URL contains the dot segment {segment:?}, which a URL parser would resolve")]
    DotSegment {
        /// The segment as written.
        segment: String,
    },
}

impl InvalidUrl {
    pub(super) fn character(found: char) -> Self {
        let escaped = found.to_string().bytes().map(percent::escape).collect();
        Self::Character { found, escaped }
    }
}
