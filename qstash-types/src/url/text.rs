//! Text cut into the parts of a URL, whether it is one or not.

use std::fmt;

/// Text cut where a URL has its parts.
///
/// Nothing is checked: for logs and errors, which also show texts that are not URLs. Everything else wants a
/// [`Url`](crate::Url).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UrlText<'a> {
    /// What stands before `://`; empty without one.
    pub scheme: &'a str,
    /// What stands before the last `@` of the authority.
    pub user_info: Option<&'a str>,
    /// The rest of the authority.
    pub authority: &'a str,
    /// Path, query and fragment.
    pub target: &'a str,
}

impl<'a> UrlText<'a> {
    /// Cuts a text.
    pub fn new(text: &'a str) -> Self {
        let is_syntax = |byte: u8| matches!(byte, b'/' | b'?' | b'#');
        let (scheme, rest) = usual_scheme(text).unwrap_or_else(|| {
            let scheme = text.bytes().position(|byte| is_syntax(byte) || matches!(byte, b':' | b'@'));
            let scheme = scheme.filter(|end| text[*end..].starts_with("://"));
            scheme.map_or(("", text), |end| (&text[..end], &text[end + "://".len()..]))
        });
        let (authority, target) = rest.split_at(rest.bytes().position(is_syntax).unwrap_or(rest.len()));
        let (user_info, authority) = match authority.bytes().rposition(|byte| byte == b'@') {
            Some(at) => (Some(&authority[..at]), &authority[at + 1..]),
            None => (None, authority),
        };
        Self { scheme, user_info, authority, target }
    }
}

/// Nearly every text begins with one of these, and need not be searched.
fn usual_scheme(text: &str) -> Option<(&str, &str)> {
    let scheme = if text.starts_with("https") { "https" } else { "http" };
    Some((scheme, text.strip_prefix(scheme)?.strip_prefix("://")?))
}

impl fmt::Debug for UrlText<'_> {
    /// Leaves out user information and target: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlText")
            .field("scheme", &self.scheme)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

/// The text without user information, query and fragment, for errors and logs.
pub fn without_secrets(url: &str) -> String {
    let UrlText { scheme, user_info: _, authority, target } = UrlText::new(url);
    let path = &target[..target.find(['?', '#']).unwrap_or(target.len())];
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{authority}{path}")
}
