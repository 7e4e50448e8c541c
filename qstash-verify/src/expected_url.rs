//! Which URL a token must have been signed for.

use std::fmt;

use qstash_types::Url;

use crate::{
    BuildError, Diagnosis, VerifyError, readable,
    target::{Difference, Target},
};

/// What the subject of a token is compared with.
#[derive(Clone)]
pub(crate) enum ExpectedUrl {
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
    origin: Option<Url>,
    /// What a proxy strips from the path.
    prefix: String,
    /// Both in one.
    text: String,
}

impl ExpectedUrl {
    pub(crate) fn at_origin(self, origin: &str) -> Result<Self, BuildError> {
        let Self::Request(base) = self else { return Err(BuildError::Contradiction) };
        Ok(Self::Request(Base::new(Some(parse_origin(origin)?), base.prefix)))
    }

    pub(crate) fn behind_prefix(self, prefix: &str) -> Result<Self, BuildError> {
        let Self::Request(base) = self else { return Err(BuildError::Contradiction) };
        if !prefix.starts_with('/') || !is_plain(prefix) {
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
        let mismatch = |expected| Err(VerifyError::Destination { expected, subject: readable::url(subject) });
        match self {
            Self::Any => Ok(()),
            Self::Exact(url) if url == subject => Ok(()),
            Self::Request(base) if base.matches(subject, request) => Ok(()),
            Self::Exact(url) => mismatch(readable::url(url)),
            Self::Request(base) => mismatch(base.text.clone() + &readable::target(request)),
        }
    }

    /// What a mismatch is about, if it is about one thing alone.
    pub(crate) fn difference(&self, subject: &str, request: &str) -> Option<Diagnosis> {
        match self {
            Self::Any => None,
            Self::Request(base) => base.difference(subject, request),
            Self::Exact(url) => {
                let url = Url::parse(url).ok()?;
                let origin = Url::received(url.origin()).ok()?;
                Base::new(Some(origin), String::new()).difference(subject, url.target())
            }
        }
    }
}

impl Base {
    fn new(origin: Option<Url>, prefix: String) -> Self {
        let text = origin.as_ref().map(Url::origin).unwrap_or_default() + &prefix;
        Self { origin, prefix, text }
    }

    /// Whether a call of the subject arrives as this request.
    fn matches(&self, subject: &str, request: &str) -> bool {
        // The request targets `*` and `host:port` have no path.
        if !request.starts_with(['/', '?']) {
            return false;
        }
        // The usual case: the target arrived exactly as it was signed. A fragment can only be in the subject.
        if self.origin.is_some()
            && subject.strip_prefix(&self.text) == Some(request)
            && !request.contains('#')
        {
            return true;
        }
        let Ok(subject) = Url::parse(subject) else { return false };
        if self.origin.as_ref().is_some_and(|origin| !subject.has_origin_of(origin)) {
            return false;
        }
        let signed = Target::new(subject.target());
        let is_signed = |request: &str| signed.arrives_as(&self.prefix, Target::new(request)).is_ok();
        // Proxies forward the bare prefix as `/`.
        let bare = request.strip_prefix('/').filter(|query| query.is_empty() || query.starts_with('?'));
        is_signed(request) || bare.is_some_and(is_signed)
    }

    fn difference(&self, subject: &str, request: &str) -> Option<Diagnosis> {
        let subject = Url::parse(subject).ok()?;
        let (signed, request) = (Target::new(subject.target()), Target::new(request));
        let difference = signed.arrives_as(&self.prefix, request).err();
        if let Some(origin) = self.origin.as_ref().filter(|origin| !subject.has_origin_of(origin)) {
            return difference.is_none().then_some(if differ_in_scheme_alone(&subject, origin) {
                Diagnosis::Scheme
            } else {
                Diagnosis::Host
            });
        }
        match difference? {
            Difference::Escaped(character) => Some(Diagnosis::Escaped { character }),
            Difference::Unescaped(character) => Some(Diagnosis::Unescaped { character }),
            Difference::Parameter(name) => Some(Diagnosis::AddedParameter { name }),
            Difference::Other => self.other_path(signed, request),
        }
    }

    /// What is the matter with the path, if one step explains it.
    fn other_path(&self, signed: Target<'_>, request: Target<'_>) -> Option<Diagnosis> {
        let expected = format!("{}{}", self.prefix, request.path());
        let expected = request.with_path(&expected);
        if let Some(prefix) = signed.prefix_stripped_by(request) {
            Some(Diagnosis::StrippedPrefix { prefix: prefix.to_owned() })
        } else if let Some(prefix) = expected.prefix_before(signed) {
            Some(Diagnosis::AddedPrefix { prefix: prefix.to_owned() })
        } else {
            let is_same = signed.without_last_slash().arrives_as("", expected.without_last_slash()).is_ok();
            is_same.then_some(Diagnosis::TrailingSlash)
        }
    }
}

fn parse_origin(origin: &str) -> Result<Url, BuildError> {
    let url = Url::received(origin).map_err(|_| BuildError::Origin)?;
    if url.user_info().is_some() || !is_plain(origin) {
        return Err(BuildError::Origin);
    }
    if url.is_origin() { Ok(url) } else { Err(BuildError::OriginWithPath) }
}

/// Whether a part of a URL has neither query nor fragment nor anything that no URL has.
fn is_plain(part: &str) -> bool {
    !part.contains(|c: char| matches!(c, '?' | '#' | '\\') || c.is_whitespace() || c.is_control())
}

/// Whether only the scheme is another one, and with it perhaps the default port.
fn differ_in_scheme_alone(subject: &Url<&str>, origin: &Url) -> bool {
    let have_default_ports = subject.port_or_default() == subject.scheme().default_port()
        && origin.port_or_default() == origin.scheme().default_port();
    subject.scheme() != origin.scheme()
        && subject.host() == origin.host()
        && (have_default_ports || subject.port_or_default() == origin.port_or_default())
}

impl fmt::Debug for ExpectedUrl {
    /// Leaves out what may be a secret in an exact URL, as everything does that shows URLs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(base) => base.fmt(f),
            Self::Exact(url) => f.debug_tuple("Exact").field(&readable::url(url)).finish(),
            Self::Any => f.write_str("Any"),
        }
    }
}

impl Default for ExpectedUrl {
    fn default() -> Self {
        Self::Request(Base::default())
    }
}
