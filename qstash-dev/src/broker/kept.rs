//! The serialised form of what has none of its own. Settings are kept as the headers that say them on the wire.

use std::{fmt, mem, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use qstash_types::{
    Cron, DeliveryOptions, Destination, EndpointName, FlowLimits, MessageId, Url, UrlGroupName,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

use super::{Message, Millis, Outcome, Response};

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
    caller_ip: IpAddr,
    created_at: Millis,
    not_before: Millis,
}

pub(super) fn write_message<S: Serializer>(message: &Arc<Message>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut options = message.options();
    // As options, headers have a prefix, with which their names may be too long.
    let headers = mem::take(&mut options.settings.forward);
    let row = MessageRow {
        id: message.id.clone(),
        url: message.url.clone(),
        options,
        headers,
        url_group: message.url_group.clone(),
        endpoint: message.endpoint.clone(),
        caller_ip: message.caller_ip,
        created_at: message.created_at,
        not_before: message.not_before,
    };
    row.serialize(serializer)
}

pub(super) fn read_message<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Message>, D::Error> {
    let row = MessageRow::deserialize(deserializer)?;
    let mut options = row.options;
    options.settings.forward = row.headers;
    Ok(Arc::new(Message {
        url_group: row.url_group,
        endpoint: row.endpoint,
        not_before: row.not_before,
        ..Message::published(row.id, row.created_at, row.url, options, Bytes::new(), row.caller_ip)
    }))
}

/// An outcome without the body of the response.
#[derive(Serialize, Deserialize)]
enum OutcomeRow {
    Answered(u16, #[serde(serialize_with = "write_headers", deserialize_with = "read_headers")] HeaderMap),
    Failed(String),
}

pub(super) fn write_outcome<S: Serializer>(outcome: &Arc<Outcome>, serializer: S) -> Result<S::Ok, S::Error> {
    let row = match &**outcome {
        Outcome::Answered(response) => {
            OutcomeRow::Answered(response.status.as_u16(), response.headers.clone())
        }
        Outcome::Failed(reason) => OutcomeRow::Failed(reason.clone()),
    };
    row.serialize(serializer)
}

pub(super) fn read_outcome<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Outcome>, D::Error> {
    Ok(Arc::new(match OutcomeRow::deserialize(deserializer)? {
        OutcomeRow::Answered(status, headers) => {
            let status = StatusCode::from_u16(status).map_err(D::Error::custom)?;
            Outcome::Answered(Response { status, headers, body: Bytes::new() })
        }
        OutcomeRow::Failed(reason) => Outcome::Failed(reason),
    }))
}
