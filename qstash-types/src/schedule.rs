//! Schedules as the API shows them.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

use crate::{
    DeliveryRecord, MessageId, OddFields, ScheduleId,
    delivery_record::{CallerIp, ScheduleDelivery},
    record::record,
    without_secrets,
    words::words,
};

/// A schedule as `GET /v2/schedules` and `GET /v2/schedules/{id}` show it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleRecord {
    /// The schedule's id.
    pub schedule_id: ScheduleId,
    /// When it publishes: a cron expression, perhaps after `CRON_TZ=` and a time zone.
    pub cron: String,
    /// The URL, or the name of the URL group, that it publishes to.
    pub destination: String,
    /// When it was made.
    pub created_at: Option<SystemTime>,
    /// Whether it lets its times pass.
    pub paused: bool,
    /// What is delivered, and how.
    pub delivery: DeliveryRecord,
    /// The wait between a time of the schedule and the first attempt, in whole seconds.
    pub delay: Option<Duration>,
    /// The longest time that an attempt may take, in whole seconds.
    pub timeout: Option<Duration>,
    /// The address that the schedule was made from.
    pub caller_ip: Option<String>,
    /// When it published last.
    pub last_run: Option<SystemTime>,
    /// When it publishes next.
    pub next_run: Option<SystemTime>,
    /// What became of the messages that it published last.
    pub last_states: BTreeMap<MessageId, RunState>,
    /// Why it published nothing the last time.
    pub error: Option<String>,
    /// The fields that could not be read.
    pub odd: OddFields,
}

record! {
    ScheduleRecord {
        schedule_id: Id("scheduleId"),
        cron: Plain("cron"),
        destination: Plain("destination"),
        created_at: UnixMillis("createdAt"),
        paused: Plain("isPaused"),
        delivery: ScheduleDelivery(),
        delay: WholeSeconds("delay"),
        timeout: WholeSeconds("timeout"),
        caller_ip: CallerIp(),
        last_run: UnixMillis("lastScheduleTime"),
        next_run: UnixMillis("nextScheduleTime"),
        last_states: Plain("lastScheduleStates"),
        error: Plain("error"),
    }
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
            created_at: Some(created_at),
            paused: false,
            delivery: DeliveryRecord::default(),
            delay: None,
            timeout: None,
            caller_ip: None,
            last_run: None,
            next_run: None,
            last_states: BTreeMap::new(),
            error: None,
            odd: OddFields::default(),
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
