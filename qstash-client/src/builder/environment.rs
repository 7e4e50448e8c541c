//! The variables that configure a client.

use qstash_types::Region;

use super::{DEFAULT_BASE_URL, Setting};
use crate::error::ConfigError;

/// The base URL and the token. An empty variable counts as not set.
pub(crate) fn base_url_and_token(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Setting, Setting), ConfigError> {
    let setting = |name: &str| Setting::new(name, variable(name).filter(|value| !value.is_empty()));
    let pair =
        |prefix: &str| (setting(&format!("{prefix}QSTASH_URL")), setting(&format!("{prefix}QSTASH_TOKEN")));
    let region = setting("QSTASH_REGION");
    let region = match &region.value {
        Some(text) => Some(text.parse::<Region>().map_err(|fault| region.fault(fault))?),
        None => None,
    };
    // One of the two is enough to mean the region's own pair: its token would be of no use at another region's URL.
    let (mut base_url, token) = region
        .map(|region| pair(&format!("{}_", region.variable_prefix())))
        .filter(|(base_url, token)| base_url.value.is_some() || token.value.is_some())
        .unwrap_or_else(|| pair(""));
    base_url.value.get_or_insert_with(|| region.map_or(DEFAULT_BASE_URL, Region::base_url).to_owned());
    Ok((base_url, token))
}
