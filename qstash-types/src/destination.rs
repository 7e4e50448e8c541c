//! Where a message goes.

use std::{convert::Infallible, fmt};

use crate::{InvalidId, InvalidUrl, Url, UrlGroupName};

/// Where a message goes: a URL, or every endpoint of a URL group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Destination {
    /// One URL.
    Url(Url),
    /// Each endpoint of the group gets its own message.
    UrlGroup(UrlGroupName),
}

impl Destination {
    /// A URL group by its name.
    ///
    /// # Errors
    ///
    /// A name outside letters, digits, `-`, `_` and `.` is refused.
    pub fn url_group(name: impl AsRef<str>) -> Result<Self, InvalidDestination> {
        Ok(Self::UrlGroup(UrlGroupName::new(name)?))
    }

    /// Reads a destination as it arrives at a server: text with a scheme is a URL, a legal name is a URL group.
    ///
    /// # Errors
    ///
    /// See [`InvalidDestination`].
    pub fn received(text: &str) -> Result<Self, InvalidDestination> {
        if text.is_empty() {
            return Err(InvalidDestination::Empty);
        }
        match UrlGroupName::new(text) {
            Ok(name) => Ok(Self::UrlGroup(name)),
            Err(_) => Ok(Self::Url(Url::received(text)?)),
        }
    }

    /// The URL or the group's name: what stands in a request path.
    pub fn as_str(&self) -> &str {
        match self {
            Destination::Url(url) => url.as_str(),
            Destination::UrlGroup(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Url> for Destination {
    fn from(url: Url) -> Self {
        Self::Url(url)
    }
}

impl From<UrlGroupName> for Destination {
    fn from(name: UrlGroupName) -> Self {
        Self::UrlGroup(name)
    }
}

impl TryFrom<&str> for Destination {
    type Error = InvalidDestination;

    /// Reads a URL. A URL group is named by [`Destination::url_group`], so that a forgotten scheme is not taken for one.
    fn try_from(url: &str) -> Result<Self, InvalidDestination> {
        if url.is_empty() { Err(InvalidDestination::Empty) } else { Ok(Self::Url(Url::new(url)?)) }
    }
}

impl TryFrom<String> for Destination {
    type Error = InvalidDestination;

    fn try_from(url: String) -> Result<Self, InvalidDestination> {
        Self::try_from(url.as_str())
    }
}

impl TryFrom<&String> for Destination {
    type Error = InvalidDestination;

    fn try_from(url: &String) -> Result<Self, InvalidDestination> {
        Self::try_from(url.as_str())
    }
}

/// A text is not a destination.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDestination {
    /// The text is empty.
    #[error("a non-empty destination must be provided")]
    Empty,
    /// The text is not a usable URL.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The text is not the name of a URL group.
    #[error(transparent)]
    UrlGroup(#[from] InvalidId),
}

impl From<Infallible> for InvalidDestination {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
