//! Schedules: the same publish again and again.

use std::{collections::BTreeMap, num::NonZeroU32};

use qstash_types::{
    Cron, Destination, FlowControlKey, Headers, Label, MessageId, QueueName, ScheduleId, Start, Url,
    base64_bytes,
};
use serde::Serialize;

use super::{
    Accepted, Activity, Answer, Broker, Message, Millis, Publication, Refused,
    due::{Place, Wake},
};

/// As on the pay-as-you-go plan.
const MOST_SCHEDULES: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Schedules(BTreeMap<ScheduleId, Schedule>);

#[derive(Debug)]
struct Schedule {
    cron: Cron,
    publication: Publication,
    created_at: Millis,
    activity: Activity,
    next: Option<(Millis, Place)>,
    last: Option<Millis>,
    /// What became of the messages of the last run.
    run: BTreeMap<MessageId, RunState>,
    /// Why the last run produced nothing.
    error: Option<String>,
}

/// What became of a message of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RunState {
    InProgress,
    Success,
    Fail,
}

/// A schedule as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleRecord {
    schedule_id: ScheduleId,
    cron: String,
    destination: String,
    created_at: u64,
    is_paused: bool,
    #[serde(flatten)]
    delivery: MessageSettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_schedule_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_schedule_time: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    last_schedule_states: BTreeMap<MessageId, RunState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What a schedule shows of the messages that it produces.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageSettings {
    method: String,
    header: Headers,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    retries: u32,
    timeout: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_callback: Option<String>,
    #[serde(rename = "callerIP")]
    caller_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_name: Option<QueueName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_control_key: Option<FlowControlKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallelism: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_delay_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<Label>,
}

impl MessageSettings {
    fn of(message: &Message) -> Self {
        let record = message.record();
        let (body, body_base64) = match str::from_utf8(&record.body) {
            Ok("") => (None, None),
            Ok(text) => (Some(text.to_owned()), None),
            Err(_) => (None, Some(base64_bytes::encode(&record.body))),
        };
        Self {
            method: record.method,
            header: record.headers,
            body,
            body_base64,
            retries: record.max_retries,
            timeout: message.timeout.as_secs(),
            callback: record.callback,
            failure_callback: record.failure_callback,
            caller_ip: record.caller_ip,
            queue_name: record.queue,
            flow_control_key: record.flow_control_key,
            parallelism: record.parallelism,
            rate: record.rate,
            period: record.period,
            retry_delay_expression: record.retry_delay,
            label: record.label,
            labels: record.labels,
        }
    }
}

fn record((id, schedule): (&ScheduleId, &Schedule)) -> ScheduleRecord {
    let Publication { destination, options, headers: _, body, caller_ip } = &schedule.publication;
    // A message that is never sent shows what those will look like that are.
    let nowhere = Url::received("http://nowhere").expect("it has a scheme and a host");
    let nameless = MessageId::new("-").expect("it is not empty");
    let message =
        Message::published(nameless, schedule.created_at, nowhere, options.clone(), body.clone(), *caller_ip);
    ScheduleRecord {
        schedule_id: id.clone(),
        cron: schedule.cron.to_string(),
        destination: destination.to_string(),
        created_at: schedule.created_at.since_epoch(),
        is_paused: schedule.activity == Activity::Paused,
        delivery: MessageSettings::of(&message),
        delay: match options.start {
            Some(Start::After(delay)) => Some(delay.as_secs()),
            _ => None,
        },
        last_schedule_time: schedule.last.map(Millis::since_epoch),
        next_schedule_time: schedule.next.map(|(next, _)| next.since_epoch()),
        last_schedule_states: schedule.run.clone(),
        error: schedule.error.clone(),
    }
}

impl Schedules {
    fn known(&mut self, id: &ScheduleId) -> Result<&mut Schedule, Refused> {
        self.0.get_mut(id).ok_or_else(|| Refused::schedule(id))
    }

    pub(super) fn set(&mut self, id: &ScheduleId, activity: Activity) -> Result<Answer, Refused> {
        self.known(id)?.activity = activity;
        Ok(Answer::Done)
    }

    /// A schedule with this destination.
    pub(super) fn publishing_to(&self, destination: &Destination) -> Option<&ScheduleId> {
        let found = self.0.iter().find(|(_, schedule)| schedule.publication.destination == *destination);
        found.map(|(id, _)| id)
    }

    /// Remembers what became of a message, if it belongs to the last run of its schedule.
    pub(super) fn note(&mut self, message: &Message, state: RunState) {
        let schedule = message.schedule_id.as_ref().and_then(|id| self.0.get_mut(id));
        if let Some(noted) = schedule.and_then(|schedule| schedule.run.get_mut(&message.id)) {
            *noted = state;
        }
    }
}

impl Broker {
    /// All schedules, by id.
    pub fn schedules(&self) -> impl Iterator<Item = ScheduleRecord> {
        self.schedules.0.iter().map(record)
    }

    /// A schedule.
    pub fn schedule(&self, id: &str) -> Option<ScheduleRecord> {
        self.schedules.0.get_key_value(id).map(record)
    }

    pub(super) fn put_schedule(
        &mut self,
        now: Millis,
        cron: Cron,
        mut publication: Publication,
    ) -> Result<Answer, Refused> {
        if let Destination::UrlGroup(name) = &publication.destination
            && self.url_groups.get(name).is_none()
        {
            return Err(Refused::url_group(name));
        }
        let id = publication.options.schedule_id.clone().unwrap_or_else(|| self.ids.schedule());
        if !self.schedules.0.contains_key(&id) && self.schedules.0.len() >= MOST_SCHEDULES {
            return Err(Refused::Quota("maxSchedules"));
        }
        if let Some(queue) = &publication.options.queue {
            self.ensure_queue(now, queue)?;
        }
        publication.options.schedule_id = Some(id.clone());
        let schedule = Schedule {
            cron,
            publication,
            created_at: now,
            activity: Activity::Running,
            next: None,
            last: None,
            run: BTreeMap::new(),
            error: None,
        };
        if let Some(replaced) = self.schedules.0.insert(id.clone(), schedule) {
            self.unplan(&replaced);
        }
        self.plan(now, &id);
        Ok(Answer::Scheduled(id))
    }

    pub(super) fn delete_schedule(&mut self, id: &ScheduleId) -> Result<Answer, Refused> {
        let schedule = self.schedules.0.remove(id).ok_or_else(|| Refused::schedule(id))?;
        self.unplan(&schedule);
        Ok(Answer::Done)
    }

    fn plan(&mut self, now: Millis, id: &ScheduleId) {
        if let Some(schedule) = self.schedules.0.get_mut(id) {
            let next = schedule.cron.after(now.into()).next().map(Millis::of);
            schedule.next = next.map(|next| (next, self.due.add(next, Wake::Trigger(id.clone()))));
        }
    }

    fn unplan(&mut self, schedule: &Schedule) {
        if let Some((_, place)) = schedule.next {
            self.due.cancel(place);
        }
    }

    /// Publishes what a schedule is there for. A paused one lets the time pass, and does not make up for it.
    pub(super) fn trigger(&mut self, now: Millis, id: &ScheduleId) {
        self.plan(now, id);
        let Some(schedule) = self.schedules.0.get(id) else { return };
        if schedule.activity == Activity::Paused {
            return;
        }
        let published = self.publish(now, schedule.publication.clone());
        let (receipts, error) = match published {
            Ok(Accepted::One(receipt)) => (vec![receipt], None),
            Ok(Accepted::Each(receipts)) => (receipts, None),
            Err(refused) => (Vec::new(), Some(refused.to_string())),
        };
        let fresh = receipts.into_iter().filter(|receipt| !receipt.deduplicated);
        let run = fresh.map(|receipt| (receipt.message_id, RunState::InProgress)).collect();
        if let Some(schedule) = self.schedules.0.get_mut(id) {
            (schedule.last, schedule.run, schedule.error) = (Some(now), run, error);
        }
    }
}
