//! Schedules: the same publish again and again.

use std::collections::BTreeMap;

use qstash_types::{Cron, Destination, MessageId, RunState, ScheduleId, ScheduleRecord, Start, Url};

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

fn record((id, schedule): (&ScheduleId, &Schedule)) -> ScheduleRecord {
    let Publication { destination, options, headers: _, body, caller_ip } = &schedule.publication;
    // A message that is never sent shows what those will look like that are.
    let nowhere = Url::received("http://nowhere").expect("it has a scheme and a host");
    let nameless = MessageId::new("-").expect("it is not empty");
    let message =
        Message::published(nameless, schedule.created_at, nowhere, options.clone(), body.clone(), *caller_ip);
    let shown = message.record();
    ScheduleRecord {
        schedule_id: id.clone(),
        cron: schedule.cron.to_string(),
        destination: destination.to_string(),
        created_at: schedule.created_at.into(),
        paused: schedule.activity == Activity::Paused,
        method: shown.method,
        headers: shown.headers,
        body: shown.body,
        retries: Some(shown.max_retries),
        retry_delay: shown.retry_delay,
        delay: match options.start {
            Some(Start::After(delay)) => Some(delay),
            _ => None,
        },
        timeout: options.settings.timeout,
        callback: shown.callback,
        callback_headers: shown.callback_headers,
        failure_callback: shown.failure_callback,
        failure_callback_headers: shown.failure_callback_headers,
        caller_ip: shown.caller_ip,
        queue: shown.queue,
        flow_control_key: shown.flow_control_key,
        parallelism: shown.parallelism,
        rate: shown.rate,
        period: shown.period,
        label: shown.label,
        labels: shown.labels,
        last_run: schedule.last.map(Into::into),
        next_run: schedule.next.map(|(next, _)| next.into()),
        last_states: schedule.run.clone(),
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
