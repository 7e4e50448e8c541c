//! Schedules: the same publish again and again.

use std::collections::BTreeMap;

use qstash_types::{Destination, MessageId, RunState, ScheduleId, ScheduleRecord};

use crate::{
    hall::{Hall, Place, Wake},
    state::{Activity, Definition, Kept, Key, Publication, Refused, Run, StoredMessage, Time},
};

/// As on the pay-as-you-go plan.
const MOST_SCHEDULES: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct Schedules(BTreeMap<ScheduleId, Schedule>);

#[derive(Debug)]
struct Schedule {
    definition: Definition,
    run: Run,
    /// Where it waits for its next time.
    place: Option<Place>,
}

impl Schedules {
    /// Whether there is room for a schedule, if it is not there yet.
    pub(crate) fn check_room(&self, id: &ScheduleId) -> Result<(), Refused> {
        if !self.0.contains_key(id) && self.0.len() >= MOST_SCHEDULES {
            return Err(Refused::Quota("maxSchedules", MOST_SCHEDULES as u64));
        }
        Ok(())
    }

    /// Makes a schedule, or replaces the one with the same id.
    pub(crate) fn put(&mut self, hall: &mut Hall, now: Time, id: &ScheduleId, definition: Definition) {
        hall.keep(Kept::Schedule(id.clone(), Box::new(definition.clone())));
        self.insert(hall, id, definition);
        self.plan(hall, now, id);
        self.keep_run(hall, id);
    }

    fn insert(&mut self, hall: &mut Hall, id: &ScheduleId, definition: Definition) {
        let schedule = Schedule { definition, run: Run::default(), place: None };
        hall.budget_mut().charge(schedule.bytes());
        if let Some(replaced) = self.0.insert(id.clone(), schedule) {
            replaced.end(hall);
        }
    }

    pub(crate) fn remove(&mut self, hall: &mut Hall, id: &ScheduleId) -> Result<(), Refused> {
        self.0.remove(id).ok_or_else(|| Refused::schedule(id))?.end(hall);
        hall.forget(Key::Schedule(id.clone()));
        hall.forget(Key::Run(id.clone()));
        Ok(())
    }

    /// Pauses or resumes a schedule.
    pub(crate) fn set(
        &mut self,
        hall: &mut Hall,
        id: &ScheduleId,
        activity: Activity,
    ) -> Result<(), Refused> {
        self.0.get_mut(id).ok_or_else(|| Refused::schedule(id))?.run.activity = activity;
        self.keep_run(hall, id);
        Ok(())
    }

    pub(crate) fn restore(&mut self, hall: &mut Hall, id: &ScheduleId, definition: Definition) {
        self.insert(hall, id, definition);
    }

    /// Goes on where a schedule was. Times that have passed meanwhile make up one run together.
    pub(crate) fn restore_run(&mut self, hall: &mut Hall, id: &ScheduleId, run: Run) {
        if let Some(schedule) = self.0.get_mut(id) {
            schedule.place = run.next.map(|next| hall.wake_at(next, Wake::Trigger(id.clone())));
            schedule.run = run;
        }
    }

    /// What a schedule publishes.
    pub(crate) fn publication(&self, id: &ScheduleId) -> Result<Publication, Refused> {
        let schedule = self.0.get(id).ok_or_else(|| Refused::schedule(id))?;
        Ok(schedule.definition.publication.clone())
    }

    /// What a schedule that is due publishes. A paused schedule publishes nothing, and does not catch up when it is resumed.
    pub(crate) fn fire(&mut self, hall: &mut Hall, now: Time, id: &ScheduleId) -> Option<Publication> {
        self.plan(hall, now, id);
        let schedule = self.0.get(id)?;
        if schedule.run.activity == Activity::Paused {
            self.keep_run(hall, id);
            return None;
        }
        Some(schedule.definition.publication.clone())
    }

    /// Records the result of a run: the messages that it published, or the error.
    pub(crate) fn fired(
        &mut self,
        hall: &mut Hall,
        now: Time,
        id: &ScheduleId,
        published: Result<impl Iterator<Item = MessageId>, Refused>,
    ) {
        let Some(Schedule { run, .. }) = self.0.get_mut(id) else { return };
        run.last = Some(now);
        (run.messages, run.error) = match published {
            Ok(messages) => (messages.map(|message| (message, RunState::InProgress)).collect(), None),
            Err(refused) => (BTreeMap::new(), Some(refused.to_string())),
        };
        self.keep_run(hall, id);
    }

    /// Records the state of a message, if it belongs to the last run of its schedule.
    pub(crate) fn note_run(&mut self, hall: &mut Hall, message: &StoredMessage, state: RunState) {
        let Some(id) = &message.terms.schedule_id else { return };
        let schedule = self.0.get_mut(id);
        if let Some(noted) = schedule.and_then(|schedule| schedule.run.messages.get_mut(&message.id)) {
            *noted = state;
            self.keep_run(hall, id);
        }
    }

    fn plan(&mut self, hall: &mut Hall, now: Time, id: &ScheduleId) {
        if let Some(schedule) = self.0.get_mut(id) {
            let next = schedule.definition.cron.after(now.into()).next().map(Time::of);
            schedule.run.next = next;
            schedule.place = next.map(|next| hall.wake_at(next, Wake::Trigger(id.clone())));
        }
    }

    fn keep_run(&self, hall: &mut Hall, id: &ScheduleId) {
        if let Some(schedule) = self.0.get(id) {
            hall.keep(Kept::Run(id.clone(), schedule.run.clone()));
        }
    }

    /// A schedule with this destination.
    pub(crate) fn publishing_to(&self, destination: &Destination) -> Option<&ScheduleId> {
        let found =
            self.0.iter().find(|(_, schedule)| schedule.definition.publication.destination == *destination);
        found.map(|(id, _)| id)
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = ScheduleRecord> {
        self.0.iter().map(|(id, schedule)| schedule.definition.record(id, &schedule.run))
    }

    pub(crate) fn record(&self, id: &str) -> Option<ScheduleRecord> {
        self.0.get_key_value(id).map(|(id, schedule)| schedule.definition.record(id, &schedule.run))
    }
}

impl Schedule {
    fn bytes(&self) -> usize {
        self.definition.publication.bytes()
    }

    fn end(&self, hall: &mut Hall) {
        hall.budget_mut().release(self.bytes());
        if let Some(place) = self.place {
            hall.do_not_wake(place);
        }
    }
}
