//! The parts of a URL that say where a request went.

use std::fmt;

use crate::{BuildError, target};

/// An `http(s)` URL, without its user information and fragment.
pub(crate) struct Url<'a> {
    origin: Origin<&'a str>,
    /// Path and query as they are written, perhaps empty.
    pub(crate) target: &'a str,
}

/// Scheme, host and port.
#[derive(Clone, Debug)]
pub(crate) struct Origin<Host = String> {
    scheme: Scheme,
    host: Host,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl<'a> Url<'a> {
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = [Scheme::Http, Scheme::Https]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known.name()))?;
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // Parsers disagree about whether a backslash ends the host.
        if authority.contains('\\') {
            return None;
        }
        let host_and_port = authority.rsplit('@').next()?;
        let (host, port) = match host_and_port.rsplit_once(':') {
            // The last colon of `[::1]` stands inside the address.
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (host_and_port, ""),
        };
        let port = match port {
            "" => scheme.port(),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            _ => return None,
        };
        if host.is_empty() {
            return None;
        }
        Some(Self { origin: Origin { scheme, host, port }, target: target.split('#').next()? })
    }

    pub(crate) fn is_at(&self, origin: &Origin) -> bool {
        let Origin { scheme, host, port } = self.origin;
        scheme == origin.scheme && host.eq_ignore_ascii_case(&origin.host) && port == origin.port
    }

    /// Whether only the scheme is another one, and with it perhaps the default port.
    pub(crate) fn is_at_other_scheme(&self, origin: &Origin) -> bool {
        let Origin { scheme, host, port } = self.origin;
        let is_default = port == scheme.port() && origin.port == origin.scheme.port();
        scheme != origin.scheme
            && host.eq_ignore_ascii_case(&origin.host)
            && (port == origin.port || is_default)
    }
}

/// Whether a part of a URL has neither query nor fragment nor anything that no URL has.
pub(crate) fn is_plain(part: &str) -> bool {
    !part.contains(|c: char| matches!(c, '?' | '#' | '\\') || c.is_whitespace() || c.is_control())
}

/// A URL for a log: in one line, without user information and without the parameters of QStash. Otherwise as it is
/// written, since a person compares it; and whatever it is, since a subject need not be a URL.
pub(crate) fn readable(url: &str) -> String {
    let is_scheme = |text: &str| !text.contains(['/', '?', '#', '@']);
    let scheme = url.find("://").filter(|end| is_scheme(&url[..*end])).map_or(0, |end| end + "://".len());
    let (scheme, rest) = url.split_at(scheme);
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{}{}{}", scheme.escape_debug(), host.escape_debug(), target::readable(target))
}

impl Origin {
    /// The origin of a whole URL.
    pub(crate) fn of(url: &Url<'_>) -> Self {
        let Origin { scheme, host, port } = url.origin;
        Self { scheme, host: host.to_ascii_lowercase(), port }
    }

    pub(crate) fn parse(origin: &str) -> Result<Self, BuildError> {
        let url = Url::parse(origin).ok_or(BuildError::Origin)?;
        if !is_plain(origin) || origin.contains('@') {
            return Err(BuildError::Origin);
        }
        if !matches!(url.target, "" | "/") {
            return Err(BuildError::OriginWithPath);
        }
        Ok(Self::of(&url))
    }
}

impl<Host: AsRef<str>> fmt::Display for Origin<Host> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host.as_ref().escape_debug())?;
        if self.port == self.scheme.port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}
