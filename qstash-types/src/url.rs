//! Absolute http(s) URLs, kept byte for byte.

use std::{fmt, net::Ipv6Addr, str::FromStr, sync::Arc};

use crate::digits;

/// An absolute `http://` or `https://` URL, exactly as it was given.
///
/// QStash signs the URL that it was told to call, and a receiver compares that text. On the way there the URL is a part
/// of a request path, and an HTTP client that parses the request by the WHATWG rules would rewrite it silently:
/// `https://h/../../../../messages/x` would even become a call of another API method. [`Url::new`] therefore refuses
/// every URL that such a parser would change, and says how to write it instead.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url(Arc<str>);

impl Url {
    /// Takes a URL that is to be sent.
    ///
    /// # Errors
    ///
    /// Refused are: another scheme or none, a missing host, a port that is none, a fragment, a character that a URL parser would escape or
    /// drop, and dot segments (`..`, `%2e%2e`).
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        let url = Self::received(url)?;
        check_verbatim(&url.0)?;
        Ok(url)
    }

    /// Takes a URL that arrived at a server, where nothing will parse it again: only what cannot be called at all is
    /// refused.
    ///
    /// # Errors
    ///
    /// Refused are: another scheme or none, a missing host, a port that is none, blanks and control characters.
    pub fn received(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        let text = url.as_ref();
        let after_scheme = strip_prefix_ignoring_case(text, "https://")
            .or_else(|| strip_prefix_ignoring_case(text, "http://"))
            .ok_or(InvalidUrl::Scheme)?;
        if let Some(found) = text.chars().find(|c| c.is_control() || c.is_whitespace()) {
            return Err(InvalidUrl::character(found));
        }
        let authority = &after_scheme[..after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len())];
        check_host_and_port(authority.rsplit('@').next().unwrap_or_default())?;
        Ok(Self(text.into()))
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// Refuses what names no place to connect to. The port may be empty, as in `https://example.com:/`.
fn check_host_and_port(text: &str) -> Result<(), InvalidUrl> {
    let (host, port) = if let Some(text) = text.strip_prefix('[') {
        let (address, port) = text.split_once(']').ok_or(InvalidUrl::Host)?;
        address.parse::<Ipv6Addr>().map_err(|_| InvalidUrl::Host)?;
        (address, port)
    } else {
        text.split_at(text.find(':').unwrap_or(text.len()))
    };
    if host.is_empty() {
        return Err(InvalidUrl::Host);
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some("") => Ok(()),
        Some(digits) if digits::parse::<u16>(digits).is_some() => Ok(()),
        _ => Err(InvalidUrl::Port),
    }
}

/// Refuses what the path and query states of the WHATWG URL parser would escape, drop or resolve.
///
/// The whole URL is checked, scheme and host too, since all of it stands in the path of the request to QStash.
fn check_verbatim(url: &str) -> Result<(), InvalidUrl> {
    if url.contains('#') {
        return Err(InvalidUrl::Fragment);
    }
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let illegal_in_path =
        |c: char| !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '}');
    let illegal_in_query = |c: char| illegal_in_path(c) || c == '\'';
    let found =
        path.chars().find(|&c| illegal_in_path(c)).or_else(|| query.chars().find(|&c| illegal_in_query(c)));
    if let Some(found) = found {
        return Err(InvalidUrl::character(found));
    }
    match path.split('/').find(|segment| is_dot_segment(segment)) {
        Some(segment) => Err(InvalidUrl::DotSegment { segment: segment.into() }),
        None => Ok(()),
    }
}

/// Whether a parser would resolve the segment: `.` or `..`, with any dot spelled `%2e`.
fn is_dot_segment(segment: &str) -> bool {
    let dots = segment.to_ascii_lowercase().replace("%2e", ".");
    dots == "." || dots == ".."
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Url {
    /// Leaves out user info and query: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({})", without_secrets(&self.0))
    }
}

/// The URL without user info, query and fragment, for errors and logs.
pub fn without_secrets(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let Some((scheme, rest)) = url[..end].split_once("://") else {
        return url[..end].to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

impl AsRef<str> for Url {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Url {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        Self::new(url)
    }
}

impl TryFrom<&str> for Url {
    type Error = InvalidUrl;

    fn try_from(url: &str) -> Result<Self, InvalidUrl> {
        Self::new(url)
    }
}

impl TryFrom<String> for Url {
    type Error = InvalidUrl;

    fn try_from(url: String) -> Result<Self, InvalidUrl> {
        Self::new(url)
    }
}

impl TryFrom<&String> for Url {
    type Error = InvalidUrl;

    fn try_from(url: &String) -> Result<Self, InvalidUrl> {
        Self::new(url)
    }
}

/// A text is not a URL that can be sent as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// The scheme is missing or another one.
    #[error("the URL must start with http:// or https://")]
    Scheme,
    /// There is no host, or an IPv6 address in brackets that is none.
    #[error("the URL has no host")]
    Host,
    /// What stands behind the host is no port.
    #[error("the port of the URL is no number up to 65535")]
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
    fn character(found: char) -> Self {
        let utf8 = found.to_string();
        let escaped = utf8.bytes().fold(String::new(), |escaped, byte| format!("{escaped}%{byte:02X}"));
        Self::Character { found, escaped }
    }
}
