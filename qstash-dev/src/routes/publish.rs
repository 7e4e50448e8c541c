//! `/v2/publish` and `/v2/enqueue`

use std::{borrow::Cow, net::IpAddr};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use qstash_broker::{Publication, Publish};
use qstash_types::{
    Destination, InvalidDestination, InvalidUrl, QueryPair, QueueName, header, percent, query_pairs,
};

use super::delivery_options::{control_headers, forwardable, read_options};
use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, json},
};

/// `POST /v2/publish/{destination}`
pub(crate) async fn publish(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    if call.head.method != Method::POST {
        return Err(Refusal::method("POST"));
    }
    send(tenant, publication(call, &call.rest)?).await
}

/// `POST /v2/enqueue/{queue}/{destination}`
pub(crate) async fn enqueue(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    if call.head.method != Method::POST {
        return Err(Refusal::method("POST"));
    }
    let (queue, destination) = call.rest.split_once('/').unwrap_or((&call.rest, ""));
    let queue = String::from_utf8_lossy(&percent::decode(queue)).into_owned();
    let mut publication = publication(call, destination)?;
    publication.options.queue = Some(QueueName::new(queue).map_err(Refusal::bad_request)?);
    send(tenant, publication).await
}

/// Publishes, and answers what was accepted. The publication is large, so it is handed over at once and not kept while the answer
/// is waited for.
fn send(tenant: &Tenant, publication: Publication) -> impl Future<Output = Result<Reply, Refusal>> + use<> {
    let accepted = tenant.worker.call(Publish(publication));
    async {
        let accepted = accepted.await?;
        let status = if accepted.is_duplicate() { StatusCode::ACCEPTED } else { StatusCode::OK };
        Ok(json(status, &accepted))
    }
}

/// What a call wants to be published to the destination in its path.
fn publication(call: &ApiCall, path: &str) -> Result<Publication, Refusal> {
    let headers = control_headers(&call.head.headers, call.query())?;
    let destination = read_destination(path, call.query())?;
    assemble(destination, &headers, call.body.clone(), call.caller)
}

/// Puts a publish request together, which is not meant for a schedule.
pub(super) fn assemble(
    destination: Destination,
    headers: &HeaderMap,
    body: Bytes,
    caller_ip: IpAddr,
) -> Result<Publication, Refusal> {
    if headers.contains_key(header::CRON) {
        return Err(Refusal::bad_header(&header::CRON, "schedules are created at /v2/schedules"));
    }
    let options = read_options(headers)?;
    let headers = match destination {
        Destination::Url(_) if !options.forward_all_headers => HeaderMap::new(),
        // The defaults of a URL group may want them.
        _ => forwardable(headers),
    };
    Ok(Publication { destination, options, headers, body, caller_ip })
}

/// Reads the destination from the rest of the path and the query, byte for byte.
///
/// The query belongs to the destination, short of the parameters that are meant for this server.
pub(super) fn read_destination(path: &str, query: Option<&str>) -> Result<Destination, Refusal> {
    let mut text = plain(path)?.into_owned();
    let foreign = query_pairs(query).filter(|pair| !pair.is_own());
    let foreign: Vec<_> = foreign.map(QueryPair::as_str).collect();
    if !foreign.is_empty() {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(&foreign.join("&"));
    }
    destination(&text)
}

/// Reads a destination.
pub(super) fn destination(text: &str) -> Result<Destination, Refusal> {
    Destination::received(text).map_err(|error| {
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
        let decoded = String::from_utf8(percent::decode(path).into_owned());
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
