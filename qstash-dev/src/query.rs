//! The query of a request: parameters of the API, and of the destination that it names.

use qstash_types::{QueryPair, percent, query_pairs};

/// One `name=value`.
#[derive(Debug)]
pub(crate) struct Parameter<'a> {
    /// As it was sent.
    pub(crate) raw: QueryPair<'a>,
    /// Decoded, in lower case.
    pub(crate) name: String,
    /// Decoded.
    pub(crate) value: Vec<u8>,
}

/// The pairs of a query, empty ones included.
pub(crate) fn pairs(query: Option<&str>) -> impl Iterator<Item = Parameter<'_>> {
    query_pairs(query).map(|raw| {
        let name = String::from_utf8_lossy(&form_decoded(raw.raw_name())).to_ascii_lowercase();
        Parameter { raw, name, value: form_decoded(raw.raw_value()) }
    })
}

fn form_decoded(text: &str) -> Vec<u8> {
    percent::decode(&text.replace('+', " ")).into_owned()
}
