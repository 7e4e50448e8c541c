//! Schedules: the same publish again and again.

use std::{collections::BTreeMap, iter};

use qstash_types::{Cron, Destination, MessageId, RunState, ScheduleId, ScheduleRecord, Start, Url};
use serde::{Deserialize, Serialize};

use super::{
    Accepted, Activity, Answer, Broker, Message, Millis, Publication, Refused,
    due::{Place, Wake},
    kept, options,
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

fn record((id, schedule): (&ScheduleId, &Schedule)) -> ScheduleRecord {
    let Schedule { definition: Definition { cron, publication, created_at }, run, place: _ } = schedule;
    let Publication { destination, options, headers: _, body, caller_ip } = publication;
    // A message that is never sent shows what those will look like that are.
    let nowhere = Url::received("http://nowhere").expect("it has a scheme and a host");
    let nameless = MessageId::new("-").expect("it is not empty");
    let message =
        Message::published(nameless, *created_at, nowhere, options.clone(), body.clone(), *caller_ip);
    let shown = message.record();
    let mut record =
        ScheduleRecord::new(id.clone(), cron.to_string(), destination.to_string(), (*created_at).into());
    record.paused = run.activity == Activity::Paused;
    record.method = shown.method;
    record.headers = shown.headers;
    record.body = shown.body;
    record.retries = Some(shown.max_retries);
    record.retry_delay = shown.retry_delay;
    record.delay = match options.start {
        Some(Start::After(delay)) => Some(delay),
        _ => None,
    };
    record.timeout = options.settings.timeout;
    record.callback = shown.callback;
    record.callback_headers = shown.callback_headers;
    record.failure_callback = shown.failure_callback;
    record.failure_callback_headers = shown.failure_callback_headers;
    record.caller_ip = shown.caller_ip;
    record.queue = shown.queue;
    record.flow_control_key = shown.flow_control_key;
    record.parallelism = shown.parallelism;
    record.rate = shown.rate;
    record.period = shown.period;
    record.label = shown.label;
    record.labels = shown.labels;
    record.last_run = run.last.map(Into::into);
    record.next_run = run.next.map(Into::into);
    record.last_states = run.messages.clone();
    record.error.clone_from(&run.error);
    record
}

impl Schedule {
    fn bytes(&self) -> u64 {
        self.definition.publication.bytes() as u64
    }
}

impl Schedules {
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
        options::check(&publication.options, now)?;
        let id = publication.options.schedule_id.clone().unwrap_or_else(|| self.ids.schedule());
        if !self.schedules.0.contains_key(&id) && self.schedules.0.len() >= MOST_SCHEDULES {
            return Err(Refused::Quota("maxSchedules"));
        }
        self.check_room(iter::once(&publication.body))?;
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
        self.bytes += schedule.bytes();
        if let Some(replaced) = self.schedules.0.insert(id.clone(), schedule) {
            self.end(&replaced);
        }
        self.plan(now, &id);
        self.keep_run(&id);
        Ok(Answer::Scheduled(id))
    }

    pub(super) fn delete_schedule(&mut self, id: &ScheduleId) -> Result<Answer, Refused> {
        let schedule = self.schedules.0.remove(id).ok_or_else(|| Refused::schedule(id))?;
        self.end(&schedule);
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

    pub(super) fn restore_schedule(&mut self, id: ScheduleId, definition: Definition) {
        let schedule = Schedule { definition, run: Run::default(), place: None };
        self.bytes += schedule.bytes();
        self.schedules.0.insert(id, schedule);
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
            let next = schedule.definition.cron.after(now.into()).next().map(Millis::of);
            schedule.run.next = next;
            schedule.place = next.map(|next| self.due.add(next, Wake::Trigger(id.clone())));
        }
    }

    fn end(&mut self, schedule: &Schedule) {
        self.bytes -= schedule.bytes();
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
