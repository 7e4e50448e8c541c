//! Mistakes in the settings of a client.

use std::{error::Error as StdError, fmt, sync::Arc};

use qstash_types::Help;

/// A setting of a client is missing or wrong.
#[derive(Clone)]
pub struct ConfigError {
    setting: String,
    fault: String,
    help: Option<Help>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl ConfigError {
    pub(crate) fn new(setting: &str, fault: impl fmt::Display) -> Self {
        Self { setting: setting.to_owned(), fault: fault.to_string(), help: None, source: None }
    }

    pub(crate) fn with_help(self, help: Help) -> Self {
        Self { help: Some(help), ..self }
    }

    #[cfg(any(feature = "reqwest", all(feature = "hyper", feature = "__tls")))]
    pub(crate) fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// The name of the setting: an environment variable such as `QSTASH_TOKEN`, or what the builder calls it.
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.fault)?;
        self.help.map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl StdError for ConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
