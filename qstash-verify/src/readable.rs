//! URLs for a log: in one line, without user information and without the parameters of QStash, one of which is a secret.
//!
//! Otherwise they stay as they are written, since a person compares them.

use qstash_types::{QueryPair, UrlText, query_pairs};

use crate::target::Target;

/// A whole URL, whatever it is: a subject need not be one.
pub(crate) fn url(url: &str) -> String {
    let UrlText { scheme, authority, target, .. } = UrlText::new(url);
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{}{separator}{}{}", scheme.escape_debug(), authority.escape_debug(), self::target(target))
}

/// Path and query.
pub(crate) fn target(target: &str) -> String {
    let target = Target::new(target);
    let query = without_own_parameters(target.query());
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{mark}{query}", target.path()).escape_debug().to_string()
}

/// The query without the parameters of QStash itself, which may or may not reach the receiver.
fn without_own_parameters(query: &str) -> String {
    let foreign = query_pairs(Some(query)).filter(|pair| !pair.is_own());
    foreign.map(QueryPair::as_str).collect::<Vec<_>>().join("&")
}
