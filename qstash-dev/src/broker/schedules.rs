//! Schedules: the same publish again and again.

use std::{collections::BTreeMap, num::NonZeroU32};

use qstash_types::{
    Destination, FlowControlKey, Headers, Label, MessageId, QueueName, ScheduleId, Start, Url, base64_bytes,
};
use serde::{Deserialize, Serialize};

use super::{
    Accepted, Activity, Answer, Broker, Cron, Message, Millis, Publication, Refused,
    due::{Place, Wake},
    kept,
    record::{Kept, Key},
};

/// As on the pay-as-you-go plan.
const MOST_SCHEDULES: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Schedules(BTreeMap<ScheduleId, Schedule>);

#[derive(Debug)]
struct Schedule {
    definition: Definition,
    run: Run,
    /// Where it waits for its next time.
    place: Option<Place>,
}

/// What a schedule is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Definition {
    #[serde(serialize_with = "kept::write_text", deserialize_with = "kept::read_cron")]
    cron: Cron,
    pub(super) publication: Publication,
    created_at: Millis,
}

/// What has become of a schedule so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Run {
    activity: Activity,
    next: Option<Millis>,
    last: Option<Millis>,
    /// What became of the messages of the last run.
    messages: BTreeMap<MessageId, RunState>,
    /// Why the last run produced nothing.
    error: Option<String>,
}

/// What became of a message of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    let Schedule { definition: Definition { cron, publication, created_at }, run, place: _ } = schedule;
    let Publication { destination, options, headers: _, body, caller_ip } = publication;
    // A message that is never sent shows what those will look like that are.
    let nowhere = Url::received("http://nowhere").expect("it has a scheme and a host");
    let nameless = MessageId::new("-").expect("it is not empty");
    let message =
        Message::published(nameless, *created_at, nowhere, options.clone(), body.clone(), *caller_ip);
    ScheduleRecord {
        schedule_id: id.clone(),
        cron: cron.to_string(),
        destination: destination.to_string(),
        created_at: created_at.since_epoch(),
        is_paused: run.activity == Activity::Paused,
        delivery: MessageSettings::of(&message),
        delay: match options.start {
            Some(Start::After(delay)) => Some(delay.as_secs()),
            _ => None,
        },
        last_schedule_time: run.last.map(Millis::since_epoch),
        next_schedule_time: run.next.map(Millis::since_epoch),
        last_schedule_states: run.messages.clone(),
        error: run.error.clone(),
    }
}

impl Schedules {
    pub(super) fn restore(&mut self, id: ScheduleId, definition: Definition) {
        self.0.insert(id, Schedule { definition, run: Run::default(), place: None });
    }

    /// A schedule with this destination.
    pub(super) fn publishing_to(&self, destination: &Destination) -> Option<&ScheduleId> {
        let found =
            self.0.iter().find(|(_, schedule)| schedule.definition.publication.destination == *destination);
        found.map(|(id, _)| id)
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
            definition: Definition { cron, publication, created_at: now },
            run: Run::default(),
            place: None,
        };
        let kept = Kept::Schedule(id.clone(), Box::new(schedule.definition.clone()));
        self.keep(kept);
        if let Some(replaced) = self.schedules.0.insert(id.clone(), schedule) {
            self.unplan(&replaced);
        }
        self.plan(now, &id);
        self.keep_run(&id);
        Ok(Answer::Scheduled(id))
    }

    pub(super) fn delete_schedule(&mut self, id: &ScheduleId) -> Result<Answer, Refused> {
        let schedule = self.schedules.0.remove(id).ok_or_else(|| Refused::schedule(id))?;
        self.unplan(&schedule);
        self.forget(Key::Schedule(id.clone()));
        self.forget(Key::Run(id.clone()));
        Ok(Answer::Done)
    }

    pub(super) fn set_schedule(&mut self, id: &ScheduleId, activity: Activity) -> Result<Answer, Refused> {
        let schedule = self.schedules.0.get_mut(id).ok_or_else(|| Refused::schedule(id))?;
        schedule.run.activity = activity;
        self.keep_run(id);
        Ok(Answer::Done)
    }

    fn keep_run(&mut self, id: &ScheduleId) {
        if let Some(schedule) = self.schedules.0.get(id) {
            let kept = Kept::Run(id.clone(), schedule.run.clone());
            self.keep(kept);
        }
    }

    /// Goes on where a schedule was. Times that have passed meanwhile make up one run together.
    pub(super) fn restore_run(&mut self, id: &ScheduleId, run: Run) {
        if let Some(schedule) = self.schedules.0.get_mut(id) {
            schedule.place = run.next.map(|next| self.due.add(next, Wake::Trigger(id.clone())));
            schedule.run = run;
        }
    }

    /// Remembers what became of a message, if it belongs to the last run of its schedule.
    pub(super) fn note_run(&mut self, message: &Message, state: RunState) {
        let Some(id) = &message.schedule_id else { return };
        let schedule = self.schedules.0.get_mut(id);
        if let Some(noted) = schedule.and_then(|schedule| schedule.run.messages.get_mut(&message.id)) {
            *noted = state;
            self.keep_run(id);
        }
    }

    fn plan(&mut self, now: Millis, id: &ScheduleId) {
        if let Some(schedule) = self.schedules.0.get_mut(id) {
            let next = schedule.definition.cron.next(now);
            schedule.run.next = next;
            schedule.place = next.map(|next| self.due.add(next, Wake::Trigger(id.clone())));
        }
    }

    fn unplan(&mut self, schedule: &Schedule) {
        if let Some(place) = schedule.place {
            self.due.cancel(place);
        }
    }

    /// Publishes what a schedule is there for. A paused one lets the time pass, and does not make up for it.
    pub(super) fn trigger(&mut self, now: Millis, id: &ScheduleId) {
        self.plan(now, id);
        let Some(schedule) = self.schedules.0.get(id) else { return };
        if schedule.run.activity == Activity::Paused {
            self.keep_run(id);
            return;
        }
        let published = self.publish(now, schedule.definition.publication.clone());
        let (receipts, error) = match published {
            Ok(Accepted::One(receipt)) => (vec![receipt], None),
            Ok(Accepted::Each(receipts)) => (receipts, None),
            Err(refused) => (Vec::new(), Some(refused.to_string())),
        };
        let fresh = receipts.into_iter().filter(|receipt| !receipt.deduplicated);
        let messages = fresh.map(|receipt| (receipt.message_id, RunState::InProgress)).collect();
        if let Some(Schedule { run, .. }) = self.schedules.0.get_mut(id) {
            (run.last, run.messages, run.error) = (Some(now), messages, error);
        }
        self.keep_run(id);
    }
}
