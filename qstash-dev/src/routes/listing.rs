//! What all listings have in common.

use http::request::Parts;

use crate::{query, reply::Refusal};

/// How many entries a listing shows unless it is told otherwise.
const DEFAULT_COUNT: usize = 100;

/// The `count` of a listing. Other parameters are ignored.
pub(super) fn count(head: &Parts, most: usize) -> Result<usize, Refusal> {
    let Some(pair) = query::pairs(head.uri.query()).find(|pair| pair.name == "count") else {
        return Ok(DEFAULT_COUNT);
    };
    str::from_utf8(&pair.value)
        .ok()
        .and_then(|count| count.parse().ok())
        .filter(|count| (1..=most).contains(count))
        .ok_or_else(|| Refusal::bad_request(format!("count: expected a number from 1 to {most}")))
}
