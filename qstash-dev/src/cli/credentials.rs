//! The token and the keys that the environment sets.

use std::ffi::OsString;

use qstash_dev::DevServerBuilder;
use qstash_types::{SigningKey, SigningKeys};

pub(super) const TOKEN: &str = "QSTASH_TOKEN";
pub(super) const CURRENT_KEY: &str = "QSTASH_CURRENT_SIGNING_KEY";
pub(super) const NEXT_KEY: &str = "QSTASH_NEXT_SIGNING_KEY";

pub(super) struct Credentials {
    pub(super) token: Option<String>,
    pub(super) signing_keys: Option<SigningKeys>,
}

impl Credentials {
    pub(super) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, String> {
        let value = |name: &'static str| {
            let Some(value) = variable(name) else { return Ok(None) };
            match value.into_string() {
                Ok(value) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    Ok(Some(value))
                }
                _ => Err(format!("{name} must be visible ASCII characters without white space")),
            }
        };
        let token = value(TOKEN)?;
        let signing_keys = match (value(CURRENT_KEY)?, value(NEXT_KEY)?) {
            (Some(current), Some(next)) => {
                let key = |key| SigningKey::new(key).map_err(|error| error.to_string());
                Some(SigningKeys::new(key(current)?, key(next)?))
            }
            (None, None) => None,
            (Some(_), None) => return Err(format!("{CURRENT_KEY} is set and {NEXT_KEY} is not")),
            (None, Some(_)) => return Err(format!("{NEXT_KEY} is set and {CURRENT_KEY} is not")),
        };
        Ok(Self { token, signing_keys })
    }

    pub(super) fn apply(&self, mut builder: DevServerBuilder) -> DevServerBuilder {
        if let Some(token) = &self.token {
            builder = builder.token(token);
        }
        if let Some(keys) = &self.signing_keys {
            builder = builder.signing_keys(keys.clone());
        }
        builder
    }
}
