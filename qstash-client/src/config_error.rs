//! Why there is no client.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::transport::SetupError;

/// A setting of a client is missing or wrong.
#[derive(Clone, Debug)]
pub struct ConfigError {
    setting: String,
    fault: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl ConfigError {
    pub(crate) fn new(setting: &str, fault: impl fmt::Display) -> Self {
        Self { setting: setting.to_owned(), fault: fault.to_string(), source: None }
    }

    pub(crate) fn from_setup(base_url: &str, error: SetupError) -> Self {
        match error {
            SetupError::Url(fault) => Self::new(base_url, fault),
            SetupError::Proxy => Self::new("proxy", "not the URL of a proxy"),
            SetupError::NoTls => Self::new(
                base_url,
                "https needs one of the features rustls, rustls-no-provider and native-tls",
            ),
            SetupError::Tls(source) => Self {
                source: Some(source.into()),
                ..Self::new("TLS", "could not be set up, is the package ca-certificates installed?")
            },
        }
    }

    /// The name of the setting: an environment variable such as `QSTASH_TOKEN`, or what the builder calls it.
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.fault)
    }
}

impl StdError for ConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
