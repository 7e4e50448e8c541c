//! Schedules as the API shows them.

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    FlowControlKey, Headers, Label, MessageId, QueueName, ScheduleId,
    duration::optional_seconds,
    message::body,
    timestamp::{optional_unix_millis, unix_millis},
    tolerant, without_secrets,
    words::words,
};

/// A schedule as `GET /v2/schedules` and `GET /v2/schedules/{id}` show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ScheduleRecord {
    /// The schedule's id.
    pub schedule_id: ScheduleId,
    /// When it publishes: a cron expression, perhaps after `CRON_TZ=` and a time zone.
    pub cron: String,
    /// The URL, or the name of the URL group, that it publishes to.
    pub destination: String,
    /// When it was made.
    #[serde(with = "unix_millis")]
    pub created_at: SystemTime,
    /// Whether it lets its times pass.
    #[serde(rename = "isPaused", default, deserialize_with = "tolerant::or_default")]
    pub paused: bool,
    /// The method of the deliveries.
    #[serde(default, deserialize_with = "tolerant::or_default")]
    pub method: String,
    /// The headers that are delivered.
    #[serde(rename = "header", default)]
    pub headers: Headers,
    /// The body. On the wire it is `body` when it is UTF-8, else `bodyBase64`.
    #[serde(flatten, with = "body")]
    pub body: Bytes,
    /// How many attempts may follow the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// The expression for the wait before a retry, as it was given.
    #[serde(rename = "retryDelayExpression", default, deserialize_with = "tolerant::text")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<String>,
    /// The wait between a time of the schedule and the first attempt, in whole seconds.
    #[serde(default, with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// The longest time that an attempt may take, in whole seconds.
    #[serde(default, with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// The callback URL.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// The headers of the callback.
    #[serde(rename = "callbackHeader", default, skip_serializing_if = "Headers::is_empty")]
    pub callback_headers: Headers,
    /// The failure-callback URL.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub failure_callback: Option<String>,
    /// The headers of the failure callback.
    #[serde(rename = "failureCallbackHeader", default, skip_serializing_if = "Headers::is_empty")]
    pub failure_callback_headers: Headers,
    /// The address that the schedule was made from.
    #[serde(flatten, with = "tolerant::caller_ip")]
    pub caller_ip: Option<String>,
    /// The queue that the messages go through.
    #[serde(rename = "queueName", default, deserialize_with = "crate::id::optional")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueName>,
    /// The flow-control key.
    #[serde(default, deserialize_with = "crate::id::optional", skip_serializing_if = "Option::is_none")]
    pub flow_control_key: Option<FlowControlKey>,
    /// The flow-control limit on deliveries at the same time.
    #[serde(default, deserialize_with = "tolerant::limit", skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<NonZeroU32>,
    /// The flow-control limit on deliveries in each period.
    #[serde(default, deserialize_with = "tolerant::limit", skip_serializing_if = "Option::is_none")]
    pub rate: Option<NonZeroU32>,
    /// The flow-control period, in whole seconds.
    #[serde(default, with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub period: Option<Duration>,
    /// The first label. Servers that know only one label send this field alone.
    #[serde(default, deserialize_with = "crate::id::optional", skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// All labels.
    #[serde(default, deserialize_with = "tolerant::labels", skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// When it published last.
    #[serde(rename = "lastScheduleTime", default, with = "optional_unix_millis")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<SystemTime>,
    /// When it publishes next.
    #[serde(rename = "nextScheduleTime", default, with = "optional_unix_millis")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_run: Option<SystemTime>,
    /// What became of the messages that it published last.
    #[serde(rename = "lastScheduleStates", default, deserialize_with = "tolerant::or_default")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub last_states: BTreeMap<MessageId, RunState>,
    /// Why it published nothing the last time.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ScheduleRecord {
    /// A record of which nothing else is known.
    pub fn new(
        schedule_id: ScheduleId,
        cron: impl Into<String>,
        destination: impl Into<String>,
        created_at: SystemTime,
    ) -> Self {
        Self {
            schedule_id,
            cron: cron.into(),
            destination: destination.into(),
            created_at,
            paused: false,
            method: String::new(),
            headers: Headers::default(),
            body: Bytes::new(),
            retries: None,
            retry_delay: None,
            delay: None,
            timeout: None,
            callback: None,
            callback_headers: Headers::default(),
            failure_callback: None,
            failure_callback_headers: Headers::default(),
            caller_ip: None,
            queue: None,
            flow_control_key: None,
            parallelism: None,
            rate: None,
            period: None,
            label: None,
            labels: Vec::new(),
            last_run: None,
            next_run: None,
            last_states: BTreeMap::new(),
            error: None,
        }
    }
}

impl fmt::Debug for ScheduleRecord {
    /// Leaves out body, headers, and the secret parts of the URL: all may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleRecord")
            .field("schedule_id", &self.schedule_id)
            .field("cron", &self.cron)
            .field("destination", &without_secrets(&self.destination))
            .field("paused", &self.paused)
            .finish_non_exhaustive()
    }
}

words! {
    /// What became of a message of a schedule's last run.
    RunState {
        /// It is on its way.
        InProgress = "IN_PROGRESS",
        /// The destination has taken it.
        Success = "SUCCESS",
        /// It has failed for good, or was cancelled.
        Fail = "FAIL",
    }
}
