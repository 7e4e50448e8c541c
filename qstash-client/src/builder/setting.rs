//! Single settings, and what is wrong with them.

use std::fmt;

use http::HeaderValue;
use qstash_types::{Help, Url};

use crate::error::ConfigError;

/// A setting, with the name that errors give it: a variable of the environment, or what the builder calls it.
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
            None | Some("") if self.name.ends_with("QSTASH_TOKEN") => Err(self.fault(
                "not set, the console has it (https://console.upstash.com/qstash), and that of a local server is written to a \
                 file by `qstash-dev --env-file .env`",
            )),
            None | Some("") => Err(self.fault("not set")),
            Some(value) if value.trim() != value => {
                Err(self.fault("there is white space around the value, remove it"))
            }
            Some(value) if value.starts_with(['"', '\'']) => {
                Err(self.fault("the value is in quotes, which count as a part of it, remove them"))
            }
            Some(value) => Ok(value),
        }
    }

    pub(crate) fn fault(&self, fault: impl fmt::Display) -> ConfigError {
        ConfigError::new(&self.name, fault)
    }
}

pub(super) fn authorization(token: &Setting) -> Result<HeaderValue, ConfigError> {
    bearer(token).map_err(|error| error.with_help(Help::Token))
}

fn bearer(token: &Setting) -> Result<HeaderValue, ConfigError> {
    let text = token.value()?;
    if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
        return Err(token.fault("the token begins with `Bearer `, leave that out"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(token.fault("a token is one word of visible ASCII characters, copy it again"));
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {text}")).expect("visible ASCII is a legal header value");
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn base_url(setting: &Setting) -> Result<String, ConfigError> {
    checked_base_url(setting).map_err(|error| error.with_help(Help::BaseUrl))
}

fn checked_base_url(setting: &Setting) -> Result<String, ConfigError> {
    let text = setting.value()?;
    let url = Url::new(text).map_err(|fault| setting.fault(fault))?;
    if url.query().is_some() {
        return Err(setting.fault("a base URL cannot have a query"));
    }
    if url.user_info().is_some() {
        return Err(setting.fault("a base URL cannot have user info, the token is a setting of its own"));
    }
    match api_path(url.path()) {
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

/// The name and version of the client, and the suffix that the application adds.
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
