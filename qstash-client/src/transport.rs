//! How a request travels: any [`Service`] that turns a [`Request`] into a [`Response`].
//!
//! [`ClientBuilder::transport`](crate::ClientBuilder::transport) takes one. Its errors are
//! [`TransportError`](crate::error::TransportError)s, which say whether the request may have arrived.

#[cfg(feature = "__http")]
pub(crate) mod built_in;

use std::{pin::Pin, sync::Arc};

pub use bytes::Bytes;
use futures_util::TryFutureExt;
pub use http::{Request, Response};
pub use tower::Service;
use tower::ServiceExt;

use crate::error::BoxError;

/// Sends one request. All attempts of a client share it.
pub(crate) type Transport = Arc<dyn Fn(Request<Bytes>) -> Sending + Send + Sync>;

/// A request on its way.
pub(crate) type Sending = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

pub(crate) fn from_service<S>(service: S) -> Transport
where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    Arc::new(move |request| Box::pin(service.clone().oneshot(request).map_err(Into::into)))
}
