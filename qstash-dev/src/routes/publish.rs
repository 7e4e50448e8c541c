//! `/v2/publish`

use std::{borrow::Cow, net::IpAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION, request::Parts};
use qstash_types::{DeliveryOptions, Destination, InvalidDestination, InvalidUrl, header};

use crate::{
    api::Api,
    broker::{Answer, Publication},
    gate,
    query::{Pair, pairs, percent_decoded},
    reply::{Refusal, Reply, json},
};

/// `POST /v2/publish/{destination}`
pub(crate) async fn publish(
    api: &Api,
    destination: &str,
    head: &Parts,
    body: Bytes,
    caller_ip: IpAddr,
) -> Result<Reply, Refusal> {
    let query = head.uri.query();
    let publication = Publication {
        destination: read_destination(destination, query)?,
        options: read_options(&head.headers, query)?,
        body,
        caller_ip,
    };
    match api.worker.publish(publication).await? {
        Answer::Accepted(receipt) if receipt.deduplicated => Ok(json(StatusCode::ACCEPTED, &receipt)),
        Answer::Accepted(receipt) => Ok(json(StatusCode::OK, &receipt)),
        Answer::NotFound(group) => Err(Refusal::not_found(format!("topic {group} not found"))),
    }
}

/// Reads the destination from the rest of the path and the query, byte for byte.
///
/// The query belongs to the destination, short of the parameters that are meant for this server.
fn read_destination(path: &str, query: Option<&str>) -> Result<Destination, Refusal> {
    let mut text = plain(path)?.into_owned();
    let own = pairs(query).filter(|pair| !pair.is_token() && !pair.is_header());
    let own: Vec<_> = own.map(|pair| pair.raw).collect();
    if !own.is_empty() {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(&own.join("&"));
    }
    Destination::received(&text).map_err(|error| {
        Refusal::bad_request(match error {
            InvalidDestination::Url(InvalidUrl::Scheme) => {
                "invalid destination url: endpoint has invalid scheme, add http:// or https://".to_owned()
            }
            InvalidDestination::Empty => error.to_string(),
            _ => format!("invalid destination url: {error}"),
        })
    })
}

/// Undoes what proxies do to a URL in a path: a slash less, or all of it percent-encoded.
fn plain(path: &str) -> Result<Cow<'_, str>, Refusal> {
    let lower = path.get(..8).unwrap_or(path).to_ascii_lowercase();
    if lower.starts_with("http%3a") || lower.starts_with("https%3a") {
        let decoded = String::from_utf8(percent_decoded(path));
        return decoded
            .map(Cow::Owned)
            .map_err(|_| Refusal::bad_request("invalid destination url: not UTF-8"));
    }
    for scheme in ["http:/", "https:/"] {
        if lower.starts_with(scheme) && !path[scheme.len()..].starts_with('/') {
            return Ok(format!("{}/{}", &path[..scheme.len()], &path[scheme.len()..]).into());
        }
    }
    Ok(path.into())
}

/// Reads the options from the headers, and from the parameters that stand for headers; a header wins.
fn read_options(headers: &HeaderMap, query: Option<&str>) -> Result<DeliveryOptions, Refusal> {
    let mut controls = headers.clone();
    for Pair { name, value, .. } in pairs(query).filter(Pair::is_header) {
        let invalid = || Refusal::bad_request(format!("{name}: cannot be a header"));
        let header = HeaderName::try_from(&name).map_err(|_| invalid())?;
        let value = HeaderValue::try_from(value).map_err(|_| invalid())?;
        controls.entry(header).or_insert(value);
    }
    refuse_what_publish_cannot_do(&controls)?;
    let mut options = DeliveryOptions::from_headers(&controls).map_err(Refusal::bad_request)?;
    if options.forward_all_headers {
        for name in headers.keys().filter(|name| is_forwarded(name, headers)) {
            if !options.settings.forward.contains_key(name) {
                for value in headers.get_all(name) {
                    options.settings.forward.append(name, value.clone());
                }
            }
        }
    }
    Ok(options)
}

/// Headers that would be misunderstood if they were ignored.
fn refuse_what_publish_cannot_do(headers: &HeaderMap) -> Result<(), Refusal> {
    let refused = if headers.contains_key(header::CRON) {
        "Upstash-Cron: schedules are created at /v2/schedules"
    } else if headers.contains_key("upstash-callback-delay") {
        "Upstash-Callback-Delay: callbacks cannot be delayed"
    } else if headers.contains_key("upstash-failure-callback-delay") {
        "Upstash-Failure-Callback-Delay: callbacks cannot be delayed"
    } else if headers.get(header::DEDUPLICATION_ID).is_some_and(|id| id.as_bytes().contains(&b':')) {
        "DeduplicationId cannot contain ':'"
    } else {
        return Ok(());
    };
    Err(Refusal::bad_request(refused))
}

/// Whether `Upstash-Header-Forward` covers a header: neither the controls nor the token of the call go any further.
fn is_forwarded(name: &HeaderName, headers: &HeaderMap) -> bool {
    !name.as_str().starts_with("upstash-") && (name != AUTHORIZATION || gate::bearer(headers).is_none())
}
