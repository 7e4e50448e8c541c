//! Single settings, and what is wrong with them.

use std::fmt;

use http::{HeaderValue, Uri};
use qstash_types::Url;

use crate::ConfigError;

/// A setting under the name that its giver knows it by.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(super) name: String,
    pub(crate) value: Option<String>,
}

impl Setting {
    pub(crate) fn new(name: &str, value: Option<String>) -> Self {
        Self { name: name.to_owned(), value }
    }

    /// The value, which must be there and have no white space around it.
    fn value(&self) -> Result<&str, ConfigError> {
        match self.value.as_deref() {
            None | Some("") => Err(self.fault("not set")),
            Some(value) if value.trim() != value => Err(self.fault("there is white space around the value")),
            Some(value) => Ok(value),
        }
    }

    pub(crate) fn fault(&self, fault: impl fmt::Display) -> ConfigError {
        ConfigError::new(&self.name, fault)
    }
}

pub(super) fn authorization(token: &Setting) -> Result<HeaderValue, ConfigError> {
    let text = token.value()?;
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(token.fault("only visible ASCII characters without blanks can be sent"));
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {text}")).expect("visible ASCII is a legal header value");
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn base_url(setting: &Setting) -> Result<String, ConfigError> {
    let text = setting.value()?;
    Url::new(text).map_err(|fault| setting.fault(fault))?;
    let uri: Uri = text.parse().map_err(|fault| setting.fault(fault))?;
    if uri.query().is_some() {
        return Err(setting.fault("a base URL cannot have a query"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(setting.fault("a base URL cannot have user info, the token is a setting of its own"));
    }
    match api_path(uri.path()) {
        Some(path) => Err(setting.fault(format!("{path} is a part of the API, leave it out"))),
        None => Ok(text.strip_suffix('/').unwrap_or(text).to_owned()),
    }
}

/// The part of a path that belongs to the API, if there is one: `/v2` at the end, or `/v2` before a resource.
fn api_path(path: &str) -> Option<&str> {
    const RESOURCES: [&str; 13] = [
        "batch",
        "dlq",
        "enqueue",
        "events",
        "flowcontrol",
        "globalparallelism",
        "keys",
        "logs",
        "messages",
        "publish",
        "queues",
        "schedules",
        "topics",
    ];
    let lower = path.to_ascii_lowercase();
    let found = lower.match_indices("/v2").map(|(start, _)| start).find(|start| {
        let mut rest = lower[start + "/v2".len()..].split('/');
        match (rest.next(), rest.next()) {
            (Some(""), None | Some("")) => true,
            (Some(""), Some(resource)) => RESOURCES.contains(&resource),
            _ => false,
        }
    });
    found.map(|start| &path[start..])
}

/// What the client calls itself, and what the application adds.
pub(super) fn user_agent(suffix: Option<&str>) -> Result<HeaderValue, ConfigError> {
    const NAME_AND_VERSION: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    let Some(suffix) = suffix else {
        return Ok(const { HeaderValue::from_static(NAME_AND_VERSION) });
    };
    if suffix.trim() != suffix || suffix.is_empty() {
        return Err(ConfigError::new("user agent", "the suffix is empty or has white space around it"));
    }
    HeaderValue::try_from(format!("{NAME_AND_VERSION} {suffix}"))
        .map_err(|_| ConfigError::new("user agent", "the suffix has characters that cannot be sent"))
}
