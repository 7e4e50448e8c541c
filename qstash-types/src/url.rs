//! Absolute http(s) URLs, kept byte for byte and parsed once.

mod authority;
mod error;
mod punycode;
mod text;

use std::{borrow::Cow, cmp::Ordering, fmt, hash, str::FromStr, sync::Arc};

pub use self::{
    authority::{Authority, Host},
    error::InvalidUrl,
    text::{UrlText, without_secrets},
};
use crate::percent;

/// An absolute `http://` or `https://` URL, exactly as it was given.
///
/// QStash signs the URL that it was told to call, and a receiver compares that text. On the way there the URL is a part
/// of a request path, and an HTTP client that parses the request by the WHATWG rules would rewrite it silently:
/// `https://h/../../../../messages/x` would even become a call of another API method. [`Url::new`] therefore refuses
/// every URL that such a parser would change, and says how to write it instead.
///
/// There is one parser for all three ways to make one; they differ in which characters path and query may hold:
///
/// | for a URL that | use | owns its text |
/// |---|---|---|
/// | is to be sent to QStash | [`Url::new`] | yes |
/// | arrived at a server | [`Url::received`] | yes |
/// | is only looked at, such as the subject of a token | [`Url::parse`] | no |
///
/// ```
/// use qstash_types::{Host, Scheme, Url};
///
/// let url = Url::new("https://user:secret@api.example.com/jobs?id=7")?;
/// assert_eq!(url.scheme(), Scheme::Https);
/// assert_eq!(url.host(), Host::Name("API.example.com"));
/// assert_eq!(url.port_or_default(), 443);
/// assert_eq!(url.path(), "/jobs");
/// assert_eq!(url.query(), Some("id=7"));
/// assert_eq!(url.user_info().unwrap().password, Some("secret"));
/// assert_eq!(url.as_str(), "https://user:secret@api.example.com/jobs?id=7");
/// # Ok::<_, qstash_types::InvalidUrl>(())
/// ```
#[derive(Clone, Copy)]
pub struct Url<Text = Arc<str>> {
    text: Text,
    places: Places,
}

/// Where the parts of a URL begin and end: offsets into its text, all at boundaries of characters.
#[derive(Clone, Copy)]
struct Places {
    /// The first byte of the host.
    host: u16,
    /// The first byte after the authority.
    path: u16,
    path_end: u16,
    /// The first byte of the fragment with its `#`, or the end of the text.
    query_end: u16,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

/// The user information of a URL, as it is written: percent-encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserInfo<'a> {
    /// What stands before the colon.
    pub user: &'a str,
    /// What stands behind it; `None` without a colon.
    pub password: Option<&'a str>,
}

impl Url {
    /// The longest URL, in bytes. The `http` crate takes none that is longer.
    pub const MAX_LEN: usize = u16::MAX as usize - 1;

    /// Takes a URL that is to be sent.
    ///
    /// # Errors
    ///
    /// Refused are: another scheme or none, a host that does not exist or is not ASCII, a port that is not a number, a
    /// fragment, a character that a URL parser would escape or drop, and dot segments (`..`, `%2e%2e`).
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        let url = Url::parse(url.as_ref())?;
        check_verbatim(&url)?;
        Ok(url.to_owned())
    }

    /// Takes a URL that arrived at a server, where nothing will parse it again: only what cannot be called at all is
    /// refused.
    ///
    /// # Errors
    ///
    /// Refused are: another scheme or none, a host that does not exist or has [no known form in ASCII](Host::to_ascii), a
    /// port that is not a number, blanks and control characters, and what is too long to be sent once it is
    /// [escaped](Self::request_target).
    pub fn received(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        let url = Url::parse(url.as_ref())?;
        if let Some(found) = url.text.chars().find(|c| c.is_control() || c.is_whitespace()) {
            return Err(InvalidUrl::character(found));
        }
        if let name @ Host::Name(_) = url.host() {
            name.to_ascii()?;
        }
        if url.request_target().len() > Self::MAX_LEN {
            return Err(InvalidUrl::Length);
        }
        Ok(url.to_owned())
    }
}

impl<'a> Url<&'a str> {
    /// Finds the parts of a URL, whatever characters path and query hold.
    ///
    /// # Errors
    ///
    /// Refused are: another scheme or none, a host that does not exist, a port that is not a number, and user information
    /// with a backslash, since parsers disagree about whether it ends there.
    pub fn parse(text: &'a str) -> Result<Self, InvalidUrl> {
        if text.len() > Url::MAX_LEN {
            return Err(InvalidUrl::Length);
        }
        let UrlText { scheme, user_info, authority, target } = UrlText::new(text);
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(InvalidUrl::Scheme);
        }
        Authority::parse(authority)?;
        if user_info.is_some_and(|user_info| user_info.contains('\\')) {
            return Err(InvalidUrl::character('\\'));
        }
        let path = text.len() - target.len();
        let bytes = target.as_bytes();
        let path_len = bytes.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(bytes.len());
        let query_len =
            bytes[path_len..].iter().position(|&byte| byte == b'#').unwrap_or(bytes.len() - path_len);
        let (path_end, query_end) = (path + path_len, path + path_len + query_len);
        let place = |place: usize| u16::try_from(place).map_err(|_| InvalidUrl::Length);
        let places = Places {
            host: place(path - authority.len())?,
            path: place(path)?,
            path_end: place(path_end)?,
            query_end: place(query_end)?,
        };
        Ok(Self { text, places })
    }

    fn to_owned(self) -> Url {
        Url { text: self.text.into(), places: self.places }
    }
}

impl<Text: AsRef<str>> Url<Text> {
    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        self.text.as_ref()
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        // The letter behind `http`, the two being the only schemes.
        if self.as_str().as_bytes()["http".len()] == b':' { Scheme::Http } else { Scheme::Https }
    }

    /// User and password, if there is an `@`.
    pub fn user_info(&self) -> Option<UserInfo<'_>> {
        let start = self.scheme().as_str().len() + "://".len();
        let user_info = self.as_str()[start..self.places.host.into()].strip_suffix('@')?;
        Some(match user_info.split_once(':') {
            Some((user, password)) => UserInfo { user, password: Some(password) },
            None => UserInfo { user: user_info, password: None },
        })
    }

    /// Host and port, without user information.
    pub fn authority(&self) -> Authority<'_> {
        Authority::parse(self.authority_str()).expect("the authority was parsed when the URL was made")
    }

    /// Host and port as they are written, without user information.
    pub fn authority_str(&self) -> &str {
        &self.as_str()[self.places.host.into()..self.places.path.into()]
    }

    /// The host.
    pub fn host(&self) -> Host<'_> {
        self.authority().host
    }

    /// The host as it is written; an IPv6 address is in brackets.
    pub fn host_str(&self) -> &str {
        authority::cut(self.authority_str()).0
    }

    /// The port, if one is written.
    pub fn port(&self) -> Option<u16> {
        self.authority().port
    }

    /// The port, or the default one of the scheme.
    pub fn port_or_default(&self) -> u16 {
        self.port().unwrap_or(self.scheme().default_port())
    }

    /// The path as it is written, which may be empty.
    pub fn path(&self) -> &str {
        &self.as_str()[self.places.path.into()..self.places.path_end.into()]
    }

    /// The query as it is written, without `?`. An empty query is not the same as none.
    pub fn query(&self) -> Option<&str> {
        self.as_str()[self.places.path_end.into()..self.places.query_end.into()].strip_prefix('?')
    }

    /// Path and query as they are written, without the fragment. Both may be empty.
    pub fn target(&self) -> &str {
        &self.as_str()[self.places.path.into()..self.places.query_end.into()]
    }

    /// Scheme, host and port in one spelling: letters in lower case, no default port, and no path.
    pub fn origin(&self) -> String {
        let scheme = self.scheme();
        let port = self.port().filter(|port| *port != scheme.default_port());
        let authority = Authority { host: self.host(), port };
        format!("{scheme}://{}", authority.to_string().to_ascii_lowercase())
    }

    /// What a request for this URL asks for: path and query in ASCII, at least `/`. What RFC 3986 allows there stays as it is
    /// written, escapes included; everything else is escaped.
    ///
    /// ```
    /// let url = qstash_types::Url::received("http://h?q=<ä>&p=%zz")?;
    /// assert_eq!(url.request_target(), "/?q=%3C%C3%A4%3E&p=%zz");
    /// # Ok::<_, qstash_types::InvalidUrl>(())
    /// ```
    pub fn request_target(&self) -> Cow<'_, str> {
        let target = percent::escape_illegal(self.target());
        if target.starts_with('/') { target } else { format!("/{target}").into() }
    }

    /// Whether two URLs have the same scheme, host and port; the default port is the same as none.
    pub fn has_origin_of<Other: AsRef<str>>(&self, other: &Url<Other>) -> bool {
        self.scheme() == other.scheme()
            && self.host() == other.host()
            && self.port_or_default() == other.port_or_default()
    }

    /// Whether nothing follows scheme, host and port but perhaps a slash, and no user information precedes them.
    pub fn is_origin(&self) -> bool {
        self.user_info().is_none() && matches!(&self.as_str()[self.places.path.into()..], "" | "/")
    }
}

/// Refuses what the path and query states of the WHATWG URL parser would escape, drop or resolve.
///
/// The whole URL is checked, scheme and host too, since all of it stands in the path of the request to QStash.
fn check_verbatim(url: &Url<&str>) -> Result<(), InvalidUrl> {
    if usize::from(url.places.query_end) == url.text.len() && is_plain(url) {
        return Ok(());
    }
    let host = url.host_str();
    if let Some(found) = host.chars().find(|c| !c.is_ascii()) {
        return Err(InvalidUrl::InternationalHost { found });
    }
    if usize::from(url.places.query_end) < url.text.len() {
        return Err(InvalidUrl::Fragment);
    }
    let (path, query) = url.text.split_at(url.places.path_end.into());
    if let Some(found) = percent::find(path, percent::PATH).or_else(|| percent::find(query, percent::QUERY)) {
        return Err(InvalidUrl::character(found));
    }
    match path.split('/').find(|segment| is_dot_segment(segment)) {
        Some(segment) => Err(InvalidUrl::DotSegment { segment: segment.into() }),
        None => Ok(()),
    }
}

/// Whether nothing in a URL is worth a closer look, which is the usual case.
fn is_plain(url: &Url<&str>) -> bool {
    let (path, query) = (usize::from(url.places.path), usize::from(url.places.path_end));
    let text = url.text.as_bytes();
    let (before, path, query) = (&text[..path], &text[path..query], &text[query..]);
    let authority = &before[url.scheme().as_str().len() + "://".len()..];
    let in_path = classes(path);
    // The authority is a segment as well. In a path, dots are rare.
    let may_have_dot_segment = classes(&authority[..1]) & DOT != 0
        || in_path & DOT != 0
            && path.windows(2).any(|pair| pair[0] == b'/' && classes(&pair[1..]) & DOT != 0);
    (classes(before) | in_path) & ODD == 0 && classes(query) & (ODD | QUOTE) == 0 && !may_have_dot_segment
}

/// The classes of all bytes together.
fn classes(text: &[u8]) -> u8 {
    text.iter().fold(0, |found, &byte| found | CLASSES[usize::from(byte)])
}

/// The class of a byte that may be the first one of a dot.
const DOT: u8 = 1;
/// The class of a byte that a URL parser would change.
const ODD: u8 = 2;
/// The class of a byte that it would change in a query.
const QUOTE: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 256 bytes")]
        let class = match byte as u8 {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'}' => ODD,
            b'\'' => QUOTE,
            b'.' | b'%' => DOT,
            b'!'..=b'~' => 0,
            _ => ODD,
        };
        classes[byte] = class;
        byte += 1;
    }
    classes
};

/// Whether a parser would resolve the segment: `.` or `..`, with any dot spelled `%2e`.
fn is_dot_segment(segment: &str) -> bool {
    segment.starts_with(['.', '%']) && matches!(&*percent::decode(segment), b"." | b"..")
}

impl Scheme {
    /// The scheme in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that a URL without one means.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UserInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserInfo(..)")
    }
}

impl<Text: AsRef<str>> fmt::Display for Url<Text> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<Text: AsRef<str>> fmt::Debug for Url<Text> {
    /// Leaves out user info and query: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({})", without_secrets(self.as_str()))
    }
}

impl<Text: AsRef<str>> AsRef<str> for Url<Text> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl<Text: AsRef<str>, Other: AsRef<str>> PartialEq<Url<Other>> for Url<Text> {
    fn eq(&self, other: &Url<Other>) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<Text: AsRef<str>> Eq for Url<Text> {}

impl<Text: AsRef<str>> PartialOrd for Url<Text> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<Text: AsRef<str>> Ord for Url<Text> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl<Text: AsRef<str>> hash::Hash for Url<Text> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
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
