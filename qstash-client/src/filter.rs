//! Filters: which entries a listing gives, or a bulk call acts on.

use std::fmt;

use http::StatusCode;

use crate::{
    Client, Error,
    draft::{Draft, valid},
    error::DecodeError,
    error::{Fault, InvalidInput},
    query::Query,
};

/// A query under construction. The first mistake is kept and returned by the verb, before anything is sent.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) client: Client,
    query: Draft<Query>,
}

impl Filter {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), query: Draft::new(Ok(Query::default())) }
    }

    pub(crate) fn set(self, change: impl FnOnce(&mut Query)) -> Self {
        Self { query: self.query.set(change), ..self }
    }

    /// Adds an alternative value of a filter.
    pub(crate) fn add<T: AsRef<str>>(
        self,
        name: &'static str,
        field: &'static str,
        value: impl TryInto<T, Error: fmt::Display>,
    ) -> Self {
        let query = self.query.try_set(|query| {
            query.add(name, valid::<T>(field, value)?.as_ref());
            Ok(())
        });
        Self { query, ..self }
    }

    /// Sets a filter that has one value: the last one wins.
    pub(crate) fn only<T: AsRef<str>>(
        self,
        name: &'static str,
        field: &'static str,
        value: impl TryInto<T, Error: fmt::Display>,
    ) -> Self {
        let query = self.query.try_set(|query| {
            query.replace(name, valid::<T>(field, value)?.as_ref());
            Ok(())
        });
        Self { query, ..self }
    }

    /// Adds an alternative value of a filter of free text. A blank value is a mistake, because the server would ignore it.
    pub(crate) fn text(self, name: &'static str, field: &'static str, value: &str) -> Self {
        let query = self.query.try_set(|query| {
            query.add(name, not_blank(field, value)?);
            Ok(())
        });
        Self { query, ..self }
    }

    /// Sets where in the listing to continue.
    pub(crate) fn cursor(self, cursor: &str) -> Self {
        let query = self.query.try_set(|query| {
            query.replace("cursor", not_blank("cursor", cursor)?);
            Ok(())
        });
        Self { query, ..self }
    }

    /// Adds ids. An empty list is a mistake, because the server would ignore it.
    pub(crate) fn ids<T, I>(self, name: &'static str, field: &'static str, ids: I) -> Self
    where
        T: AsRef<str>,
        I: IntoIterator<Item: TryInto<T, Error: fmt::Display>>,
    {
        let mut ids = ids.into_iter().peekable();
        let filter = if ids.peek().is_none() {
            let query = self.query.try_set(|_| Err(InvalidInput::new(field, "the list is empty")));
            Self { query, ..self }
        } else {
            self
        };
        ids.fold(filter, |filter, id| filter.add::<T>(name, field, id))
    }

    /// An answer of the server that makes no sense.
    pub(crate) fn not_understood(&self, fault: &Fault) -> Error {
        DecodeError::new(StatusCode::OK, fault, &self.client.inner.api).into()
    }

    /// The query, if it has no mistake.
    pub(crate) fn query(&self) -> Result<&Query, InvalidInput> {
        self.query.get().map_err(Clone::clone)
    }
}

pub(crate) fn not_blank<'a>(field: &'static str, text: &'a str) -> Result<&'a str, InvalidInput> {
    if text.trim().is_empty() {
        Err(InvalidInput::new(field, "must not be empty or blank"))
    } else {
        Ok(text)
    }
}

/// Writes the filters that messages, dead letters and the log share. The type is a tuple around a [`Filter`].
macro_rules! filters {
    () => {
        /// Those that go to this URL. Several are alternatives. Parameter: `url`.
        pub fn url(self, url: impl TryInto<$crate::types::Url, Error: std::fmt::Display>) -> Self {
            Self(self.0.add::<$crate::types::Url>("url", "URL", url))
        }

        /// Those that were published to this URL group. Several are alternatives. Parameter: `topicName`.
        pub fn url_group(
            self,
            name: impl TryInto<qstash_types::UrlGroupName, Error: std::fmt::Display>,
        ) -> Self {
            Self(self.0.add::<qstash_types::UrlGroupName>("topicName", "URL group", name))
        }

        /// Those that go through this queue. Several are alternatives. Parameter: `queueName`.
        pub fn queue(self, name: impl TryInto<qstash_types::QueueName, Error: std::fmt::Display>) -> Self {
            Self(self.0.add::<qstash_types::QueueName>("queueName", "queue", name))
        }

        /// Those that this schedule produced. Several are alternatives. Parameter: `scheduleId`.
        pub fn schedule(self, id: impl TryInto<qstash_types::ScheduleId, Error: std::fmt::Display>) -> Self {
            Self(self.0.add::<qstash_types::ScheduleId>("scheduleId", "schedule id", id))
        }

        /// Those with this label. Several are alternatives. Parameter: `label`.
        pub fn label(self, label: impl TryInto<qstash_types::Label, Error: std::fmt::Display>) -> Self {
            Self(self.0.add::<qstash_types::Label>("label", "label", label))
        }

        /// Those under this flow-control key. Several are alternatives. Parameter: `flowControlKey`.
        pub fn flow_control_key(
            self,
            key: impl TryInto<qstash_types::FlowControlKey, Error: std::fmt::Display>,
        ) -> Self {
            Self(self.0.add::<qstash_types::FlowControlKey>("flowControlKey", "flow-control key", key))
        }

        /// Those that were published from this address. Several are alternatives. Parameter: `callerIp`.
        pub fn caller_ip(self, address: std::net::IpAddr) -> Self {
            Self(self.0.set(|query| query.add("callerIp", address)))
        }

        /// Those from this time on, inclusive, in whole milliseconds. Parameter: `fromDate`.
        pub fn from(self, time: std::time::SystemTime) -> Self {
            Self(self.0.set(|query| query.replace_time("fromDate", time)))
        }

        /// Those up to this time, inclusive, in whole milliseconds. Parameter: `toDate`.
        pub fn until(self, time: std::time::SystemTime) -> Self {
            Self(self.0.set(|query| query.replace_time("toDate", time)))
        }
    };
}
pub(crate) use filters;

/// Writes the filters for parts of the destination, which the dead letter queue does not know.
macro_rules! host_and_path {
    () => {
        /// Those whose destination has this host. Several are alternatives. Parameter: `host`.
        pub fn host(self, host: impl AsRef<str>) -> Self {
            Self(self.0.text("host", "host", host.as_ref()))
        }

        /// Those whose destination has this path. Several are alternatives. Parameter: `path`.
        pub fn path(self, path: impl AsRef<str>) -> Self {
            Self(self.0.text("path", "path", path.as_ref()))
        }
    };
}
pub(crate) use host_and_path;
