//! Percent coding, by the crate `percent-encoding`: which characters are escaped where, and why.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// Escaped where a text is to be one segment of a path or one value of a query: everything but the unreserved
/// characters of RFC 3986, which no software takes for syntax.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the path state of the WHATWG URL parser escapes, and `\`, which it turns into `/`. Reqwest, hyper's users and
/// browsers parse by these rules.
pub(crate) const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'}');

/// The same for a query: that parser also escapes `'` there.
pub(crate) const QUERY: &AsciiSet = &PATH.add(b'\'');

/// Escaped in a request target because RFC 3986 does not allow it there. A `%` stays: it begins an escape already.
const ILLEGAL: &AsciiSet = &PATH.add(b'#').add(b'[').add(b']').add(b'|');

/// Escapes what must not stand in a request target as it is.
pub(crate) fn escape_illegal(target: &str) -> Cow<'_, str> {
    utf8_percent_encode(target, ILLEGAL).into()
}

/// Escapes everything but unreserved characters, for one segment of a path or one value of a query.
pub fn encode(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, COMPONENT).into()
}

/// Escapes one byte: `%2F`.
pub fn escape(byte: u8) -> &'static str {
    percent_encoding::percent_encode_byte(byte)
}

/// Undoes percent coding. A `%` without two hexadecimal digits stands for itself.
pub fn decode(text: &str) -> Cow<'_, [u8]> {
    percent_decode(text.as_bytes()).into()
}

/// The bytes that a text stands for, each with whether it is written as an escape.
pub fn bytes(text: &str) -> impl Iterator<Item = (u8, bool)> + '_ {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, tail) = rest.split_first()?;
        if first != b'%' {
            rest = tail;
            return Some((first, false));
        }
        let mut decoded = percent_decode(rest.first_chunk::<3>().map_or(&[], |escape| escape));
        // Only an escape turns three bytes into one.
        if let (Some(byte), None) = (decoded.next(), decoded.next()) {
            rest = &rest[3..];
            Some((byte, true))
        } else {
            rest = tail;
            Some((first, false))
        }
    })
}

/// The first character of a text that is in a set; every one outside ASCII is in all of them.
pub(crate) fn find(text: &str, set: &'static AsciiSet) -> Option<char> {
    // What stands before the first escape comes in one piece. The whole text is the usual case.
    let legal = utf8_percent_encode(text, set)
        .next()
        .map_or(0, |piece| if text.starts_with(piece) { piece.len() } else { 0 });
    text[legal..].chars().next()
}
