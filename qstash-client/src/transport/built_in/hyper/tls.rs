//! TLS for the transport over hyper-util. Both libraries offer HTTP/2. Where both are on, the one of the operating system
//! is taken, as reqwest does.

#[cfg(not(feature = "native-tls"))]
use std::sync::Arc;

use hyper_util::client::legacy::connect::HttpConnector;
#[cfg(not(feature = "native-tls"))]
use tokio_rustls::rustls::crypto::CryptoProvider;

use super::super::no_client;
use crate::error::ConfigError;

#[cfg(feature = "native-tls")]
pub(super) fn connector(
    http: HttpConnector,
) -> Result<hyper_tls::HttpsConnector<HttpConnector>, ConfigError> {
    let connector = native_tls::TlsConnector::builder().request_alpns(&["h2", "http/1.1"]).build();
    Ok((http, connector.map_err(no_client)?.into()).into())
}

#[cfg(not(feature = "native-tls"))]
pub(super) fn connector(
    http: HttpConnector,
) -> Result<hyper_rustls::HttpsConnector<HttpConnector>, ConfigError> {
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(provider())
        .map_err(no_client)?
        .https_only()
        .enable_all_versions();
    Ok(connector.wrap_connector(http))
}

/// The cryptography that the application has installed, and otherwise that of the feature.
#[cfg(not(feature = "native-tls"))]
fn provider() -> Arc<CryptoProvider> {
    let installed = CryptoProvider::get_default().cloned();
    #[cfg(feature = "rustls")]
    return installed
        .unwrap_or_else(|| Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(feature = "rustls"))]
    installed.expect("the application installs a crypto provider, as the feature rustls-no-provider asks for")
}
