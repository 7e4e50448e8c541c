//! The serialised form of what has none of its own. Settings are kept as the headers that say them on the wire.

use std::{fmt, mem, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use qstash_types::{
    Cron, DeliveryOptions, Destination, EndpointName, FlowLimits, MessageId, Url, UrlGroupName,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

use super::{Message, Millis, Outcome, Response};

pub(super) fn text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    Url::received(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) fn destination<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Destination, D::Error> {
    Destination::received(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) fn cron<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cron, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// Headers in their order, each byte of a value as the character with its number.
pub(super) mod headers {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        headers: &HeaderMap,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let value = |value: &HeaderValue| value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
        serializer
            .collect_seq(headers.iter().map(|(name, bytes)| -> (_, String) { (name.as_str(), value(bytes)) }))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HeaderMap, D::Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in <Vec<(String, String)>>::deserialize(deserializer)? {
            let name = HeaderName::try_from(name).map_err(D::Error::custom)?;
            let bytes: Result<Vec<_>, _> = value.chars().map(u8::try_from).collect();
            let value = HeaderValue::try_from(bytes.map_err(D::Error::custom)?).map_err(D::Error::custom)?;
            headers.try_append(name, value).map_err(D::Error::custom)?;
        }
        Ok(headers)
    }
}

pub(super) mod options {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        options: &DeliveryOptions,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        headers::serialize(&options.to_headers().map_err(S::Error::custom)?, serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DeliveryOptions, D::Error> {
        DeliveryOptions::from_headers(&headers::deserialize(deserializer)?).map_err(D::Error::custom)
    }
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
pub(super) mod message {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Row {
        id: MessageId,
        #[serde(serialize_with = "text", deserialize_with = "url")]
        url: Url,
        #[serde(with = "options")]
        options: DeliveryOptions,
        #[serde(with = "headers")]
        headers: HeaderMap,
        url_group: Option<UrlGroupName>,
        endpoint: Option<EndpointName>,
        caller_ip: IpAddr,
        created_at: Millis,
        not_before: Millis,
    }

    pub(in super::super) fn serialize<S: Serializer>(
        message: &Arc<Message>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        // A name may be too long to be prefixed, as options do it.
        let mut options = message.options();
        let headers = mem::take(&mut options.settings.forward);
        let row = Row {
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

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Message>, D::Error> {
        let Row { id, url, mut options, headers, url_group, endpoint, caller_ip, created_at, not_before } =
            Row::deserialize(deserializer)?;
        options.settings.forward = headers;
        Ok(Arc::new(Message {
            url_group,
            endpoint,
            not_before,
            ..Message::published(id, created_at, url, options, Bytes::new(), caller_ip)
        }))
    }
}

/// An outcome without the body of the response.
pub(super) mod outcome {
    use super::*;

    #[derive(Serialize, Deserialize)]
    enum Row {
        Answered(u16, #[serde(with = "headers")] HeaderMap),
        Failed(String),
    }

    pub(in super::super) fn serialize<S: Serializer>(
        outcome: &Arc<Outcome>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let row = match &**outcome {
            Outcome::Answered(response) => Row::Answered(response.status.as_u16(), response.headers.clone()),
            Outcome::Failed(reason) => Row::Failed(reason.clone()),
        };
        row.serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Outcome>, D::Error> {
        Ok(Arc::new(match Row::deserialize(deserializer)? {
            Row::Answered(status, headers) => {
                let status = StatusCode::from_u16(status).map_err(D::Error::custom)?;
                Outcome::Answered(Response { status, headers, body: Bytes::new() })
            }
            Row::Failed(reason) => Outcome::Failed(reason),
        }))
    }
}
