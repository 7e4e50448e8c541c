//! The query parameters that QStash takes for its own.

use std::fmt;

use crate::{header, percent};

/// One `name=value` of a query, as it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueryPair<'a>(&'a str);

/// The pairs of a query, empty ones included. An absent query has none.
pub fn query_pairs(query: Option<&str>) -> impl Iterator<Item = QueryPair<'_>> {
    query.into_iter().flat_map(|query| query.split('&')).map(QueryPair)
}

impl<'a> QueryPair<'a> {
    /// The pair as it is written.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The name as it is written.
    pub fn raw_name(self) -> &'a str {
        self.0.split_once('=').map_or(self.0, |(name, _)| name)
    }

    /// The value as it is written.
    pub fn raw_value(self) -> &'a str {
        self.0.split_once('=').map_or("", |(_, value)| value)
    }

    /// Whether QStash takes the parameter for its own: the token of a call, or one of its headers.
    ///
    /// Where a destination stands in the path of a call, such parameters of the destination become options of the call.
    pub fn is_own(self) -> bool {
        self.is_token() || self.is_header()
    }

    /// Whether it is the token of a call: [`header::TOKEN_PARAMETER`] in any letter case, escaped or not.
    pub fn is_token(self) -> bool {
        self.name().eq(header::TOKEN_PARAMETER.bytes())
    }

    /// Whether it stands for a header of a call: its name begins with [`header::PREFIX`], in any letter case, escaped or
    /// not.
    pub fn is_header(self) -> bool {
        let mut name = self.name();
        header::PREFIX.bytes().all(|byte| name.next() == Some(byte))
    }

    /// The bytes of the name, decoded, in lower case.
    fn name(self) -> impl Iterator<Item = u8> + 'a {
        percent::bytes(self.raw_name()).map(|(byte, _)| byte.to_ascii_lowercase())
    }
}

impl fmt::Debug for QueryPair<'_> {
    /// Shows nothing: the pair may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueryPair(..)")
    }
}
