//! Calls of the API as plain requests. No IO.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header::AUTHORIZATION, header::USER_AGENT};
use qstash_types::{Deduplication, DeduplicationId};

use crate::{InvalidMessage, message::MessageParts};

/// Where the API is, and who calls it.
pub(crate) struct Api {
    pub(crate) base_url: String,
    pub(crate) authorization: HeaderValue,
}

/// A call, ready to be sent.
pub(crate) struct Call {
    pub(crate) request: Request<Bytes>,
    /// Whether it does no harm when it arrives twice.
    pub(crate) idempotent: bool,
    pub(crate) deduplication_id: Option<DeduplicationId>,
}

impl Api {
    /// `POST /v2/publish/{destination}`, with the destination appended as it is.
    pub(crate) fn publish(&self, message: MessageParts) -> Result<Call, InvalidMessage> {
        let destination = message.destination.as_str();
        let uri = Uri::try_from(format!("{}/v2/publish/{destination}", self.base_url))
            .map_err(|fault| InvalidMessage::new("destination", fault))?;
        let typed = message.options.to_headers().map_err(|fault| InvalidMessage::new("header", fault))?;
        // Replaces the headers of the same names, so that the typed options win.
        let mut headers = message.headers;
        headers.extend(typed);
        Ok(Call {
            request: self.request(Method::POST, uri, headers, message.body),
            // All attempts are the same byte for byte, so their content is a deduplication id as well.
            idempotent: message.options.deduplication.is_some(),
            deduplication_id: match message.options.deduplication {
                Some(Deduplication::Id(id)) => Some(id),
                _ => None,
            },
        })
    }

    fn request(&self, method: Method, uri: Uri, mut headers: HeaderMap, body: Bytes) -> Request<Bytes> {
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(USER_AGENT, const { HeaderValue::from_static(NAME_AND_VERSION) });
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request
    }
}

const NAME_AND_VERSION: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
