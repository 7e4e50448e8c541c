//! How types that do not implement serde are serialised. Delivery options are stored as the headers of the wire.

use std::{fmt, mem, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use qstash_types::{
    Cron, DeliveryOptions, Destination, EndpointName, FlowLimits, MessageId, Url, UrlGroupName,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

use super::{AttemptEnd, Response, StoredMessage, Time};

pub(super) fn write_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn read_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    Url::received(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) fn read_destination<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Destination, D::Error> {
    Destination::received(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) fn read_cron<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cron, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// Writes headers in their order, each byte of a value as the character with its number.
pub(super) fn write_headers<S: Serializer>(headers: &HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect::<String>();
    serializer.collect_seq(headers.iter().map(|(name, value)| (name.as_str(), text(value))))
}

pub(super) fn read_headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in <Vec<(String, String)>>::deserialize(deserializer)? {
        let name = HeaderName::try_from(name).map_err(D::Error::custom)?;
        let bytes: Result<Vec<_>, _> = value.chars().map(u8::try_from).collect();
        let value = HeaderValue::try_from(bytes.map_err(D::Error::custom)?).map_err(D::Error::custom)?;
        headers.try_append(name, value).map_err(D::Error::custom)?;
    }
    Ok(headers)
}

pub(super) fn write_options<S: Serializer>(
    options: &DeliveryOptions,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    write_headers(&options.to_headers().map_err(S::Error::custom)?, serializer)
}

pub(super) fn read_options<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeliveryOptions, D::Error> {
    DeliveryOptions::from_headers(&read_headers(deserializer)?).map_err(D::Error::custom)
}

/// The limits of a flow-control key; the header has no form for a key without limits.
#[derive(Serialize, Deserialize)]
#[serde(remote = "FlowLimits")]
pub(super) struct Limits {
    parallelism: Option<NonZeroU32>,
    rate: Option<NonZeroU32>,
    period: Option<Duration>,
}

/// A message without its body.
#[derive(Serialize, Deserialize)]
struct MessageRow {
    id: MessageId,
    #[serde(serialize_with = "write_text", deserialize_with = "read_url")]
    url: Url,
    #[serde(serialize_with = "write_options", deserialize_with = "read_options")]
    options: DeliveryOptions,
    #[serde(serialize_with = "write_headers", deserialize_with = "read_headers")]
    headers: HeaderMap,
    url_group: Option<UrlGroupName>,
    endpoint: Option<EndpointName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repeats: Option<MessageId>,
    caller_ip: IpAddr,
    created_at: Time,
    not_before: Time,
}

pub(super) fn write_message<S: Serializer>(
    message: &Arc<StoredMessage>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut options = message.terms.options();
    // As options, headers have a prefix, with which their names may be too long.
    let headers = mem::take(&mut options.settings.forward);
    let row = MessageRow {
        id: message.id.clone(),
        url: message.url.clone(),
        options,
        headers,
        url_group: message.url_group.clone(),
        endpoint: message.endpoint.clone(),
        source: message.source.clone(),
        repeats: message.repeats.clone(),
        caller_ip: message.terms.caller_ip,
        created_at: message.created_at,
        not_before: message.not_before,
    };
    row.serialize(serializer)
}

pub(super) fn read_message<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<StoredMessage>, D::Error> {
    let row = MessageRow::deserialize(deserializer)?;
    let mut options = row.options;
    options.settings.forward = row.headers;
    Ok(Arc::new(StoredMessage {
        url_group: row.url_group,
        endpoint: row.endpoint,
        source: row.source,
        repeats: row.repeats,
        not_before: row.not_before,
        ..StoredMessage::published(row.id, row.created_at, row.url, options, Bytes::new(), row.caller_ip)
    }))
}

/// The end of an attempt without the body of the response.
#[derive(Serialize, Deserialize)]
enum EndRow {
    Answered(u16, #[serde(serialize_with = "write_headers", deserialize_with = "read_headers")] HeaderMap),
    Failed(String),
}

pub(super) fn write_attempt_end<S: Serializer>(
    end: &Arc<AttemptEnd>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let row = match &**end {
        AttemptEnd::Answered(response) => {
            EndRow::Answered(response.status.as_u16(), response.headers.clone())
        }
        AttemptEnd::Failed(reason) => EndRow::Failed(reason.clone()),
    };
    row.serialize(serializer)
}

pub(super) fn read_attempt_end<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<AttemptEnd>, D::Error> {
    Ok(Arc::new(match EndRow::deserialize(deserializer)? {
        EndRow::Answered(status, headers) => {
            let status = StatusCode::from_u16(status).map_err(D::Error::custom)?;
            AttemptEnd::Answered(Response { status, headers, body: Bytes::new() })
        }
        EndRow::Failed(reason) => AttemptEnd::Failed(reason),
    }))
}
