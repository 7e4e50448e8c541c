//! Which messages are meant.

use qstash_types::LogState;

use super::{StoredMessage, Time};

/// Which messages a call is about. Within one list any value will do, and all lists that are not empty must agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Ids of messages.
    pub message_ids: Vec<String>,
    /// Ids of dead letters; other lists do not count if there is one.
    pub dlq_ids: Vec<String>,
    /// URL groups.
    pub url_groups: Vec<String>,
    /// Queues.
    pub queues: Vec<String>,
    /// Schedules.
    pub schedules: Vec<String>,
    /// Whole URLs.
    pub urls: Vec<String>,
    /// Hosts of URLs.
    pub hosts: Vec<String>,
    /// Paths of URLs, without the query.
    pub paths: Vec<String>,
    /// Labels.
    pub labels: Vec<String>,
    /// Flow-control keys.
    pub flow_control_keys: Vec<String>,
    /// Addresses of publishers.
    pub caller_ips: Vec<String>,
    /// Statuses of the last response to a dead letter.
    pub response_statuses: Vec<u16>,
    /// States of log entries.
    pub states: Vec<LogState>,
    /// The earliest time.
    pub from: Option<Time>,
    /// The latest time.
    pub to: Option<Time>,
}

impl Selector {
    /// Only these messages.
    pub fn messages(ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { message_ids: ids.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Only these dead letters.
    pub fn dead_letters(ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { dlq_ids: ids.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Whether the selector lets a message through, to which something happened at this time.
    pub(crate) fn matches(&self, message: &StoredMessage, time: Time) -> bool {
        let url = &message.url;
        let path = Some(url.path()).filter(|path| !path.is_empty()).unwrap_or("/");
        let caller_ip = message.terms.caller_ip.to_string();
        let flow_control_key =
            message.terms.flow_control.as_ref().map(|flow_control| flow_control.key.as_str());
        contains(&self.message_ids, [message.id.as_str()])
            && contains(&self.url_groups, message.url_group.as_ref().map(AsRef::as_ref))
            && contains(&self.queues, message.terms.queue.as_ref().map(AsRef::as_ref))
            && contains(&self.schedules, message.terms.schedule_id.as_ref().map(AsRef::as_ref))
            && contains(&self.urls, [url.as_str()])
            && contains(&self.hosts, [url.host_str(), url.authority_str()])
            && contains(&self.paths, [path])
            && contains(&self.labels, message.terms.labels.iter().map(AsRef::as_ref))
            && contains(&self.flow_control_keys, flow_control_key)
            && contains(&self.caller_ips, [caller_ip.as_str()])
            && self.from.is_none_or(|from| from <= time)
            && self.to.is_none_or(|to| time <= to)
    }

    /// Whether the selector lets a state through.
    pub(crate) fn matches_state(&self, state: &LogState) -> bool {
        let in_progress = matches!(state, LogState::Active | LogState::Retry | LogState::Error);
        self.states.is_empty()
            || self
                .states
                .iter()
                .any(|wanted| wanted == state || in_progress && *wanted == LogState::InProgress)
    }

    pub(crate) fn matches_status(&self, status: Option<u16>) -> bool {
        self.response_statuses.is_empty()
            || status.is_some_and(|status| self.response_statuses.contains(&status))
    }
}

/// Whether one of the values is among the wanted ones, each of which may be several, joined by commas.
fn contains<'a>(wanted: &[String], values: impl IntoIterator<Item = &'a str>) -> bool {
    wanted.is_empty()
        || values.into_iter().any(|value| {
            wanted.iter().any(|wanted| wanted == value || wanted.split(',').any(|part| part.trim() == value))
        })
}
