//! Delivery options in the headers and the query of a call.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use qstash_types::{DeliveryOptions, header};
use serde_json::{Map, Value};

use crate::{
    call::MOST_HEADERS,
    gate,
    query::{Pair, pairs},
    reply::Refusal,
};

/// The headers of a call with the parameters that stand for headers; a header wins.
pub(super) fn control_headers<'a>(
    headers: &'a HeaderMap,
    query: Option<&str>,
) -> Result<Cow<'a, HeaderMap>, Refusal> {
    let mut controls = Cow::Borrowed(headers);
    for Pair { name, value, .. } in pairs(query).filter(Pair::is_header) {
        let invalid = || Refusal::bad_request(format!("{name}: cannot be a header"));
        let header = HeaderName::try_from(&name).map_err(|_| invalid())?;
        let value = HeaderValue::try_from(value).map_err(|_| invalid())?;
        controls.to_mut().entry(header).or_insert(value);
    }
    Ok(controls)
}

/// Reads the options from headers. What would be misunderstood if it were ignored is refused.
pub(super) fn read_options(headers: &HeaderMap) -> Result<DeliveryOptions, Refusal> {
    let refused = if headers.contains_key("upstash-callback-delay") {
        "Upstash-Callback-Delay: callbacks cannot be delayed"
    } else if headers.contains_key("upstash-failure-callback-delay") {
        "Upstash-Failure-Callback-Delay: callbacks cannot be delayed"
    } else if headers.get(header::DEDUPLICATION_ID).is_some_and(|id| id.as_bytes().contains(&b':')) {
        "DeduplicationId cannot contain ':'"
    } else {
        return DeliveryOptions::from_headers(headers).map_err(Refusal::bad_request);
    };
    Err(Refusal::bad_request(refused))
}

/// The headers that `Upstash-Header-Forward` covers: neither the controls nor the token of the call go any further.
pub(super) fn forwardable(headers: &HeaderMap) -> HeaderMap {
    let is_token = |name: &HeaderName| name == AUTHORIZATION && gate::bearer(headers).is_some();
    let covered =
        headers.iter().filter(|(name, _)| !name.as_str().starts_with("upstash-") && !is_token(name));
    covered.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Headers as an object of texts, or of lists of them.
pub(super) fn header_map(headers: Map<String, Value>) -> Result<HeaderMap, Refusal> {
    let mut map = HeaderMap::new();
    for (name, values) in headers {
        let invalid = || Refusal::bad_request(format!("{name}: cannot be a header"));
        let header = HeaderName::try_from(&name).map_err(|_| invalid())?;
        let values = match values {
            Value::Null => continue,
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let Value::String(value) = value else {
                return Err(Refusal::bad_request(format!("{name}: expected a text, or a list of texts")));
            };
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| invalid())?;
            map.try_append(header.clone(), value).map_err(|_| invalid())?;
            if map.len() > MOST_HEADERS {
                return Err(Refusal::bad_request(format!("more than {MOST_HEADERS} headers")));
            }
        }
    }
    Ok(map)
}
