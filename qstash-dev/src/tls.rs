//! TLS with destinations.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, ClientConfig, crypto::aws_lc_rs, pki_types::ServerName},
};

use crate::wire::WireStream;

/// What is needed for it, once it is needed: a server that only calls this machine loads no certificates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls(Arc<OnceLock<Arc<ClientConfig>>>);

impl Tls {
    pub(crate) async fn connect(&self, host: &str, stream: WireStream) -> io::Result<TlsStream<WireStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.config()?).connect(name, stream).await
    }

    fn config(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(config) = self.0.get() {
            return Ok(config.clone());
        }
        let config = config().map_err(io::Error::other)?;
        Ok(self.0.get_or_init(|| Arc::new(config)).clone())
    }
}

fn config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(versions.with_platform_verifier()?.with_no_client_auth())
}
