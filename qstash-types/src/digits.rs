//! Whole numbers as text.

use std::str::FromStr;

/// Reads a number from digits and nothing else: the parsers of the standard library would also take a sign.
pub(crate) fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
