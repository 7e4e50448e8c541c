//! The tokens and the keys of the server: those of the environment, and otherwise those of this machine.

use std::{ffi::OsString, path::Path};

use qstash_dev::Account;
use qstash_types::{SigningKey, SigningKeys};

use crate::state;

pub(crate) const TOKEN: &str = "QSTASH_TOKEN";
pub(crate) const READ_ONLY_TOKEN: &str = "QSTASH_READ_ONLY_TOKEN";
pub(crate) const CURRENT_KEY: &str = "QSTASH_CURRENT_SIGNING_KEY";
pub(crate) const NEXT_KEY: &str = "QSTASH_NEXT_SIGNING_KEY";

/// What a server of one account starts with.
pub(crate) struct Credentials {
    pub(crate) account: Account,
    /// The variables that set a part of it to something else than what is kept for this machine.
    pub(crate) given: Vec<&'static str>,
}

impl Credentials {
    /// Makes something in the state folder only for what the environment does not set.
    pub(crate) fn read(
        state: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, String> {
        let mut given = Vec::new();
        let mut value = |name: &'static str| {
            let Some(value) = variable(name) else { return Ok(None) };
            given.push(name);
            match value.into_string() {
                Ok(value) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    Ok(Some(value))
                }
                _ => Err(format!("{name} must be visible ASCII characters without white space")),
            }
        };
        let (token, read_only_token) = (value(TOKEN)?, value(READ_ONLY_TOKEN)?);
        let keys = match (value(CURRENT_KEY)?, value(NEXT_KEY)?) {
            (Some(current), Some(next)) => {
                let key = |key| SigningKey::new(key).map_err(|error| error.to_string());
                Some(SigningKeys::new(key(current)?, key(next)?))
            }
            (None, None) => None,
            (Some(_), None) => return Err(format!("{CURRENT_KEY} is set and {NEXT_KEY} is not")),
            (None, Some(_)) => return Err(format!("{NEXT_KEY} is set and {CURRENT_KEY} is not")),
        };
        let folder = state.map_or_else(|| state::folder(&variable), |folder| Ok(folder.to_owned()));
        let (mut account, own) = match (token, keys) {
            (Some(token), Some(keys)) => {
                let own = folder.ok().and_then(|folder| state::kept(&folder));
                (Account::new(token, keys), own)
            }
            (token, keys) => {
                let own = state::account(&folder?)?;
                let account = Account::new(
                    token.unwrap_or_else(|| own.token.clone()),
                    keys.unwrap_or_else(|| own.signing_keys.clone()),
                );
                (account, Some(own))
            }
        };
        if let Some(token) = read_only_token {
            account.read_only_token = token;
        }
        // A shell that has sourced the printed lines gets all of them again: they may be redirected into the same file.
        if let Some(own) = own {
            given.retain(|name| setting(&account, name) != setting(&own, name));
        }
        Ok(Self { account, given })
    }
}

/// What a variable sets.
fn setting<'a>(account: &'a Account, name: &str) -> &'a str {
    match name {
        TOKEN => &account.token,
        READ_ONLY_TOKEN => &account.read_only_token,
        CURRENT_KEY => account.signing_keys.current.expose(),
        _ => account.signing_keys.next.expose(),
    }
}
