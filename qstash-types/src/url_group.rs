//! URL groups as the API shows them.

use std::{fmt, time::SystemTime};

use crate::{EndpointName, OddFields, UrlGroupName, record::record, without_secrets};

/// A URL group as `GET /v2/topics` and `GET /v2/topics/{name}` show it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UrlGroupRecord {
    /// The name.
    pub name: UrlGroupName,
    /// When the group was made.
    pub created_at: Option<SystemTime>,
    /// When it was last changed.
    pub updated_at: Option<SystemTime>,
    /// Where a message to the group goes.
    pub endpoints: Vec<EndpointRecord>,
    /// The fields that could not be read.
    pub odd: OddFields,
}

record! {
    UrlGroupRecord {
        name: Id("name"),
        created_at: UnixMillis("createdAt"),
        updated_at: UnixMillis("updatedAt"),
        endpoints: List("endpoints"),
    }
}

impl UrlGroupRecord {
    /// A group without endpoints.
    pub fn new(name: UrlGroupName) -> Self {
        Self { name, created_at: None, updated_at: None, endpoints: Vec::new(), odd: OddFields::default() }
    }
}

/// An endpoint of a URL group.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointRecord {
    /// Its name, if it has one.
    pub name: Option<EndpointName>,
    /// Where messages to it go.
    pub url: String,
    /// The fields that could not be read.
    pub odd: OddFields,
}

record! {
    EndpointRecord {
        name: Plain("name"),
        url: Plain("url"),
    }
}

impl EndpointRecord {
    /// An endpoint without a name.
    pub fn new(url: impl Into<String>) -> Self {
        Self { name: None, url: url.into(), odd: OddFields::default() }
    }
}

impl fmt::Debug for EndpointRecord {
    /// Leaves out user info and query of the URL: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointRecord")
            .field("name", &self.name)
            .field("url", &without_secrets(&self.url))
            .field("odd", &self.odd)
            .finish()
    }
}
