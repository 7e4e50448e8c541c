//! URL groups.

use qstash_types::{DeliveryOptions, EndpointName, EndpointRecord, Url, UrlGroupName, UrlGroupRecord};
use serde::{Deserialize, Serialize};

use super::{Time, form};

/// A member of a URL group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEndpoint {
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<EndpointName>,
    /// Where messages to it go.
    #[serde(serialize_with = "form::write_text", deserialize_with = "form::read_url")]
    pub url: Url,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UrlGroup {
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
    pub(crate) endpoints: Vec<StoredEndpoint>,
    /// What messages take where they say nothing themselves.
    #[serde(serialize_with = "form::write_options", deserialize_with = "form::read_options")]
    pub(crate) defaults: DeliveryOptions,
}

impl StoredEndpoint {
    fn record(&self) -> EndpointRecord {
        let mut record = EndpointRecord::new(self.url.as_str());
        record.name.clone_from(&self.name);
        record
    }
}

impl UrlGroup {
    /// The group as the API shows it.
    pub(crate) fn record(&self, name: &UrlGroupName) -> UrlGroupRecord {
        let mut record = UrlGroupRecord::new(name.clone());
        record.created_at = Some(self.created_at.into());
        record.updated_at = Some(self.updated_at.into());
        record.endpoints = self.endpoints.iter().map(StoredEndpoint::record).collect();
        record
    }
}
