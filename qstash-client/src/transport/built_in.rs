//! The transports that come with features, each in a module that alone knows its HTTP client.

#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "reqwest")]
mod reqwest;

use std::{error::Error as StdError, iter, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LENGTH, HOST},
};
use qstash_types::{Help, Scheme, Url};

use super::Transport;
use crate::{
    builder::Setting,
    error::{ConfigError, TransportError},
};

/// What the builder of a client can set about these transports.
#[derive(Clone)]
pub(crate) struct BuiltIn {
    pub(crate) client: HttpClient,
    pub(crate) connect_timeout: Duration,
    pub(crate) proxy: Option<String>,
}

/// Whose connections carry the calls.
#[derive(Clone)]
pub(crate) enum HttpClient {
    #[cfg(feature = "reqwest")]
    Reqwest,
    /// A client of the caller, which has all settings of its own.
    #[cfg(feature = "reqwest")]
    OwnReqwest(::reqwest::Client),
    #[cfg(feature = "hyper")]
    Hyper,
}

impl Default for BuiltIn {
    fn default() -> Self {
        #[cfg(feature = "reqwest")]
        let client = HttpClient::Reqwest;
        #[cfg(not(feature = "reqwest"))]
        let client = HttpClient::Hyper;
        Self { client, connect_timeout: Duration::from_secs(10), proxy: None }
    }
}

impl BuiltIn {
    /// The transport for a base URL that has been checked. The setting is named by errors about it.
    pub(crate) fn transport(&self, setting: &Setting, base_url: &str) -> Result<Transport, ConfigError> {
        let url = Url::parse(base_url).map_err(|fault| setting.fault(fault))?;
        match &self.client {
            #[cfg(feature = "reqwest")]
            HttpClient::Reqwest => {
                Ok(reqwest::transport(reqwest::client(self, setting, &url)?, &url, host(&url)))
            }
            // It may speak HTTP/2 without TLS.
            #[cfg(feature = "reqwest")]
            HttpClient::OwnReqwest(client) => Ok(reqwest::transport(client.clone(), &url, None)),
            #[cfg(feature = "hyper")]
            HttpClient::Hyper => hyper::transport(self, setting, &url),
        }
    }
}

/// Longer answers are refused, so that a broken server cannot fill the memory. One dead letter may have 27 MB: two
/// bodies of 10 MB, in base64.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The body of an answer as it comes in. Most come in one piece, which is not copied.
#[derive(Default)]
struct Answer {
    first: Bytes,
    /// Everything, once there is more than one piece.
    all: BytesMut,
}

impl Answer {
    fn add(&mut self, piece: Bytes) -> Result<(), TransportError> {
        if self.first.len().max(self.all.len()) + piece.len() > LONGEST_ANSWER {
            return Err(TransportError::too_long(LONGEST_ANSWER));
        }
        if self.first.is_empty() {
            self.first = piece;
            return Ok(());
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&piece);
        Ok(())
    }

    fn finish(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

/// Adds the headers that HTTP clients would leave out, or make anew for each request.
fn complete(headers: &mut HeaderMap, host: Option<&HeaderValue>, body: &Bytes) {
    if let Some(host) = host {
        headers.insert(HOST, host.clone());
    }
    // HTTP/1 wants the length of an empty body spelled out, and some proxies insist; hyper leaves it out.
    if body.is_empty() {
        headers.insert(CONTENT_LENGTH, 0.into());
    }
}

/// The header `Host` of requests to a server. None where they may go over HTTP/2, which has another place for it.
fn host(base_url: &Url<&str>) -> Option<HeaderValue> {
    if base_url.scheme() == Scheme::Https {
        return None;
    }
    let host = match base_url.port().filter(|port| *port != base_url.scheme().default_port()) {
        Some(port) => format!("{}:{port}", base_url.host_str()),
        None => base_url.host_str().to_owned(),
    };
    HeaderValue::try_from(host).ok()
}

/// Why there is no client: nothing but TLS has to be set up.
#[cfg(any(feature = "reqwest", feature = "__tls"))]
fn no_client(cause: impl StdError + Send + Sync + 'static) -> ConfigError {
    let fault = "could not be set up, is the package ca-certificates installed, or what SSL_CERT_FILE names?";
    ConfigError::new("TLS", fault).with_help(Help::Tls).caused_by(cause)
}

#[cfg(any(feature = "reqwest", not(feature = "__tls")))]
fn no_feature_for_tls(setting: &Setting) -> ConfigError {
    setting
        .fault("https needs one of the features rustls, rustls-no-provider and native-tls")
        .with_help(Help::Tls)
}

/// An attempt that brought no answer.
fn failure(
    may_have_arrived: bool,
    is_timeout: bool,
    error: impl StdError + Send + Sync + 'static,
) -> TransportError {
    if causes(&error).any(speaks_no_tls) {
        return TransportError::no_tls(error);
    }
    let failure =
        if may_have_arrived { TransportError::interrupted(error) } else { TransportError::not_sent(error) };
    if is_timeout { failure.timed_out() } else { failure }
}

/// Whether this says that a handshake was answered in plain HTTP. The type of the cause depends on the TLS library; the
/// words are those of rustls, and of OpenSSL.
fn speaks_no_tls(cause: &(dyn StdError + 'static)) -> bool {
    let text = cause.to_string();
    text.contains("InvalidContentType") || text.contains("wrong version number")
}

/// What is behind an error.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(error.source(), |&cause| cause.source())
}
