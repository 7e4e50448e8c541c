//! Which URL a token must have been signed for.

use std::fmt;

use crate::{
    BuildError, Diagnosis, VerifyError, target,
    url::{self, Origin, Url},
};

/// What the subject of a token is compared with.
#[derive(Clone)]
pub(crate) enum Destination {
    /// Where the request went: its path and query, behind a base.
    Request(Base),
    /// This URL, code point by code point.
    Exact(String),
    /// Nothing.
    Any,
}

/// What stands before path and query of a request in the URL that QStash calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base {
    /// `None` for any.
    origin: Option<Origin>,
    /// What a proxy strips from the path.
    prefix: String,
    /// Both in one.
    text: String,
}

impl Destination {
    pub(crate) fn at_origin(self, origin: &str) -> Result<Self, BuildError> {
        let Self::Request(base) = self else { return Err(BuildError::Contradiction) };
        Ok(Self::Request(Base::new(Some(Origin::parse(origin)?), base.prefix)))
    }

    pub(crate) fn behind_prefix(self, prefix: &str) -> Result<Self, BuildError> {
        let Self::Request(base) = self else { return Err(BuildError::Contradiction) };
        if !prefix.starts_with('/') || !url::is_plain(prefix) {
            return Err(BuildError::Prefix);
        }
        Ok(Self::Request(Base::new(base.origin, prefix.trim_end_matches('/').to_owned())))
    }

    pub(crate) fn exactly(self, url: String) -> Result<Self, BuildError> {
        if url.is_empty() { Err(BuildError::ExactUrl) } else { self.replaced_by(Self::Exact(url)) }
    }

    pub(crate) fn anywhere(self) -> Result<Self, BuildError> {
        self.replaced_by(Self::Any)
    }

    /// For the settings that leave nothing for the others to say.
    fn replaced_by(self, setting: Self) -> Result<Self, BuildError> {
        match self {
            Self::Request(base) if base.text.is_empty() => Ok(setting),
            _ => Err(BuildError::Contradiction),
        }
    }

    pub(crate) fn has_origin(&self) -> bool {
        match self {
            Self::Request(base) => base.origin.is_some(),
            Self::Exact(_) => true,
            Self::Any => false,
        }
    }

    /// Compares the subject of a token with the path and query of the request that it came with.
    pub(crate) fn check(&self, subject: &str, request: &str) -> Result<(), VerifyError> {
        let mismatch = |expected| Err(VerifyError::Destination { expected, subject: url::readable(subject) });
        match self {
            Self::Any => Ok(()),
            Self::Exact(url) if url == subject => Ok(()),
            Self::Request(base) if base.matches(subject, request) => Ok(()),
            Self::Exact(url) => mismatch(url::readable(url)),
            Self::Request(base) => mismatch(base.text.clone() + &target::readable(request)),
        }
    }

    /// What a mismatch is about, if it is about one thing alone.
    pub(crate) fn difference(&self, subject: &str, request: &str) -> Option<Diagnosis> {
        match self {
            Self::Any => None,
            Self::Request(base) => base.difference(subject, request),
            Self::Exact(url) => {
                let url = Url::parse(url)?;
                Base::new(Some(Origin::of(&url)), String::new()).difference(subject, url.target)
            }
        }
    }
}

impl Base {
    fn new(origin: Option<Origin>, prefix: String) -> Self {
        let text = origin.as_ref().map(ToString::to_string).unwrap_or_default() + &prefix;
        Self { origin, prefix, text }
    }

    /// Whether a call of the subject arrives as this request.
    fn matches(&self, subject: &str, request: &str) -> bool {
        // The request targets `*` and `host:port` have no path.
        if !request.starts_with(['/', '?']) {
            return false;
        }
        // The usual case: nobody respelled anything. A fragment belongs to the subject alone.
        if self.origin.is_some()
            && subject.strip_prefix(&self.text) == Some(request)
            && !request.contains('#')
        {
            return true;
        }
        let Some(subject) = Url::parse(subject) else { return false };
        if self.origin.as_ref().is_some_and(|origin| !subject.is_at(origin)) {
            return false;
        }
        let signed = target::normal(subject.target);
        let is_signed = |request: &str| signed == target::normal(&format!("{}{request}", self.prefix));
        // Proxies forward the bare prefix as `/`.
        let bare = request.strip_prefix('/').filter(|query| query.is_empty() || query.starts_with('?'));
        is_signed(request) || bare.is_some_and(is_signed)
    }

    fn difference(&self, subject: &str, request: &str) -> Option<Diagnosis> {
        let subject = Url::parse(subject)?;
        let signed = target::normal(subject.target);
        let expected = target::normal(&format!("{}{request}", self.prefix));
        if let Some(origin) = self.origin.as_ref().filter(|origin| !subject.is_at(origin)) {
            return (signed == expected).then_some(if subject.is_at_other_scheme(origin) {
                Diagnosis::Scheme
            } else {
                Diagnosis::Host
            });
        }
        let arrived = target::normal(request);
        let before = |whole: &str, end: &str| {
            Some(whole.strip_suffix(end)?.to_owned()).filter(|prefix| !prefix.contains('?'))
        };
        if let Some(prefix) = before(&signed, &arrived).filter(|prefix| !prefix.is_empty()) {
            Some(Diagnosis::StrippedPrefix { prefix })
        } else if let Some(prefix) = before(&expected, &signed) {
            Some(Diagnosis::AddedPrefix { prefix })
        } else if without_last_slash(&signed) == without_last_slash(&expected) {
            Some(Diagnosis::TrailingSlash)
        } else {
            None
        }
    }
}

/// Path and query of a target, the path without the slashes at its end.
fn without_last_slash(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path.trim_end_matches('/'), Some(query)),
        None => (target.trim_end_matches('/'), None),
    }
}

impl fmt::Debug for Destination {
    /// Leaves out what may be a secret in an exact URL, as everything does that shows URLs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(base) => base.fmt(f),
            Self::Exact(url) => f.debug_tuple("Exact").field(&url::readable(url)).finish(),
            Self::Any => f.write_str("Any"),
        }
    }
}

impl Default for Destination {
    fn default() -> Self {
        Self::Request(Base::default())
    }
}
