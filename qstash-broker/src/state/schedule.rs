//! Schedules.

use std::collections::BTreeMap;

use qstash_types::{Cron, MessageId, RunState};
use serde::{Deserialize, Serialize};

use super::{Activity, Publication, Time, form};

/// What a schedule is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Definition {
    #[serde(serialize_with = "form::write_text", deserialize_with = "form::read_cron")]
    pub(crate) cron: Cron,
    pub(crate) publication: Publication,
    pub(crate) created_at: Time,
}

/// What has become of a schedule so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) activity: Activity,
    pub(crate) next: Option<Time>,
    pub(crate) last: Option<Time>,
    /// What became of the messages of the last run.
    pub(crate) messages: BTreeMap<MessageId, RunState>,
    /// Why the last run produced nothing.
    pub(crate) error: Option<String>,
}
