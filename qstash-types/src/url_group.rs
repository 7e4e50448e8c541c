//! URL groups as the API shows them.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{EndpointName, UrlGroupName, timestamp::optional_unix_millis, tolerant, without_secrets};

/// A URL group as `GET /v2/topics` and `GET /v2/topics/{name}` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UrlGroupRecord {
    /// The name.
    pub name: UrlGroupName,
    /// When the group was made.
    #[serde(default, with = "optional_unix_millis", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<SystemTime>,
    /// When it was last changed.
    #[serde(default, with = "optional_unix_millis", skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<SystemTime>,
    /// Where a message to the group goes.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub endpoints: Vec<EndpointRecord>,
}

impl UrlGroupRecord {
    /// A group without endpoints.
    pub fn new(name: UrlGroupName) -> Self {
        Self { name, created_at: None, updated_at: None, endpoints: Vec::new() }
    }
}

/// An endpoint of a URL group.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointRecord {
    /// Its name, if it has one.
    #[serde(default, deserialize_with = "crate::id::optional", skip_serializing_if = "Option::is_none")]
    pub name: Option<EndpointName>,
    /// Where messages to it go.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub url: String,
}

impl EndpointRecord {
    /// An endpoint without a name.
    pub fn new(url: impl Into<String>) -> Self {
        Self { name: None, url: url.into() }
    }
}

impl std::fmt::Debug for EndpointRecord {
    /// Leaves out user info and query of the URL: both may hold credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointRecord")
            .field("name", &self.name)
            .field("url", &without_secrets(&self.url))
            .finish()
    }
}
