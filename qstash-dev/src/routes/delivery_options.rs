//! Delivery options in the headers and the query of a call.

use std::borrow::Cow;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONNECTION},
};
use qstash_types::{DeliveryOptions, header};

use super::{
    bounded::{List, Object, Piece},
    hints::tell_hints,
};
use crate::{
    call::MOST_HEADERS,
    gate,
    query::{Parameter, pairs},
    reply::Refusal,
};

/// To deliver a step of a workflow as any other would lose the run that it belongs to.
pub(crate) const NO_WORKFLOWS: &str =
    "Upstash Workflow is not supported by this server: a run would be accepted and lost";

/// The longest value of a header with an option. A list of a million labels takes up dozens of times as much as its text.
const LONGEST_OPTION: usize = 128 * 1024;

/// The headers of a call with the parameters that stand for headers; a header wins.
pub(super) fn control_headers<'a>(
    headers: &'a HeaderMap,
    query: Option<&str>,
) -> Result<Cow<'a, HeaderMap>, Refusal> {
    let mut controls = Cow::Borrowed(headers);
    for Parameter { name, value, .. } in pairs(query).filter(|pair| pair.raw.is_header()) {
        let invalid = || Refusal::bad_request(format!("{name}: cannot be a header"));
        let header = HeaderName::try_from(&name).map_err(|_| invalid())?;
        let value = HeaderValue::try_from(value).map_err(|_| invalid())?;
        controls.to_mut().entry(header).or_insert(value);
    }
    Ok(controls)
}

/// Reads the options from headers. What would be misunderstood if it were ignored is refused.
pub(super) fn read_options(headers: &HeaderMap) -> Result<DeliveryOptions, Refusal> {
    let mut has_options = false;
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with(header::PREFIX)) {
        has_options = true;
        if value.len() > LONGEST_OPTION {
            return Err(Refusal::bad_header(name, format_args!("longer than {LONGEST_OPTION} bytes")));
        }
        if name.as_str().starts_with(header::WORKFLOW_PREFIX) {
            return Err(Refusal::bad_request(NO_WORKFLOWS));
        }
        if [header::CALLBACK_DELAY, header::FAILURE_CALLBACK_DELAY].contains(name) {
            return Err(Refusal::bad_header(name, "callbacks cannot be delayed"));
        }
        if name == header::DEDUPLICATION_ID && value.as_bytes().contains(&b':') {
            return Err(Refusal::bad_request("DeduplicationId cannot contain ':'"));
        }
    }
    let options = DeliveryOptions::from_headers(headers).map_err(Refusal::bad_request)?;
    if has_options {
        tell_hints(headers);
    }
    Ok(options)
}

/// The headers that `Upstash-Header-Forward` covers: neither the controls nor the token of the call go any further, nor what
/// the call declares to be about its connection (RFC 9110, 7.6.1).
pub(super) fn forwardable(headers: &HeaderMap) -> HeaderMap {
    let options = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let options: Vec<_> = options.flat_map(|value| value.split(',')).map(str::trim).collect();
    let stays = |name: &HeaderName| {
        name.as_str().starts_with(header::PREFIX)
            || name == AUTHORIZATION && gate::bearer(headers).is_some()
            || options.iter().any(|option| option.eq_ignore_ascii_case(name.as_str()))
    };
    let covered = headers.iter().filter(|(name, _)| !stays(name));
    covered.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Headers as an object of texts, or of lists of them.
pub(super) fn header_map(headers: Piece<'_>) -> Result<HeaderMap, Refusal> {
    if !headers.get().starts_with('{') {
        return Err(Refusal::bad_request("headers: expected an object"));
    }
    let too_many = || Refusal::bad_request(format!("more than {MOST_HEADERS} headers"));
    let Object::<Piece<'_>, MOST_HEADERS>(headers) =
        serde_json::from_str(headers.get()).map_err(|_| too_many())?;
    let mut map = HeaderMap::new();
    for (name, values) in headers {
        let invalid = || Refusal::bad_request(format!("{name}: cannot be a header"));
        let header = HeaderName::try_from(&name).map_err(|_| invalid())?;
        let values = match values.get() {
            "null" => continue,
            text if text.starts_with('[') => {
                let List::<Piece<'_>, MOST_HEADERS>(values) =
                    serde_json::from_str(text).map_err(|_| too_many())?;
                values
            }
            _ => vec![values],
        };
        for value in values {
            let value: String = serde_json::from_str(value.get())
                .map_err(|_| Refusal::bad_request(format!("{name}: expected a text, or a list of texts")))?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| invalid())?;
            map.try_append(header.clone(), value).map_err(|_| invalid())?;
            if map.len() > MOST_HEADERS {
                return Err(too_many());
            }
        }
    }
    Ok(map)
}
