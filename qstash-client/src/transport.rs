//! How a request travels. The only module that knows reqwest.

use std::{mem, net::IpAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, header::CONTENT_LENGTH};
use reqwest::redirect;
use tower::{Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::{TransportError, error::BoxError};

/// Anything that turns a request into a response.
pub(crate) type Transport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, BoxError>;

/// Longer answers are refused, so that a broken server cannot fill the memory. One dead letter may have 27 MB: two bodies of
/// 10 MB, in base64.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

pub(crate) fn from_service<S>(service: S) -> Transport
where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    BoxCloneSyncService::new(service.map_err(Into::into))
}

pub(crate) fn from_reqwest(client: reqwest::Client) -> Transport {
    from_service(service_fn(move |request| send(client.clone(), request)))
}

/// The default transport for a base URL.
pub(crate) fn for_base_url(
    base_url: &str,
    connect_timeout: Duration,
    proxy: Option<&str>,
) -> Result<Transport, SetupError> {
    let url = reqwest::Url::parse(base_url).map_err(|error| SetupError::Url(error.to_string()))?;
    let mut builder = reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        // The target of a redirect would be given the token, or would get a GET without the body.
        .redirect(redirect::Policy::none());
    if is_loopback(&url) {
        builder = builder.no_proxy();
    }
    if let Some(proxy) = proxy {
        // The cause may hold the password.
        builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|_| SetupError::Proxy)?);
    }
    if url.scheme() == "https" {
        if cfg!(not(feature = "__tls")) {
            return Err(SetupError::NoTls);
        }
    } else {
        builder = without_certificates(builder);
    }
    let client = builder.build().map_err(|error| SetupError::Tls(error.into()))?;
    Ok(from_reqwest(client))
}

/// Keeps reqwest from loading the certificates of the system, which fails where there are none.
fn without_certificates(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    #[cfg(feature = "__tls")]
    let builder = builder.tls_certs_only([]);
    builder
}

/// Why there is no transport.
pub(crate) enum SetupError {
    /// The base URL does not parse.
    Url(String),
    /// The proxy is no URL.
    Proxy,
    /// The base URL needs TLS, which is not compiled in.
    NoTls,
    /// TLS could not be set up.
    Tls(BoxError),
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address: IpAddr| address.is_loopback())
}

async fn send(
    client: reqwest::Client,
    mut request: Request<Bytes>,
) -> Result<Response<Bytes>, TransportError> {
    if request.body().is_empty() {
        // HTTP/1 wants the length of an empty body spelled out, and some proxies insist; hyper leaves it out.
        request.headers_mut().insert(CONTENT_LENGTH, 0.into());
    }
    let request = request.try_into().map_err(failure)?;
    let mut answer = client.execute(request).await.map_err(failure)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(TransportError::too_long(LONGEST_ANSWER));
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = answer.status();
    *response.headers_mut() = mem::take(answer.headers_mut());
    Ok(response)
}

fn failure(mut error: reqwest::Error) -> TransportError {
    if let Some(url) = error.url_mut() {
        // The server is worth knowing; the path holds the destination, whose query may be confidential.
        url.set_path("");
        url.set_query(None);
    }
    let timed_out = error.is_timeout();
    let failure = if error.is_connect() || error.is_builder() {
        TransportError::not_sent(error)
    } else {
        TransportError::interrupted(error)
    };
    if timed_out { failure.timed_out() } else { failure }
}
