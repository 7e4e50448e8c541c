//! What is set up: queues, URL groups, schedules, flow control.

use std::num::NonZeroU32;

use qstash_types::{
    Cron, DeliveryOptions, Destination, FlowControlKey, QueueName, ScheduleId, UrlGroupName, header,
};

use super::Cancel;
use crate::{
    life::{Broker, Command},
    rooms::{EndpointKey, FlowChange},
    state::{
        Activity, Definition, Publication, Refused, Selector, StoredEndpoint, Time, check_name,
        check_options, check_publication,
    },
};

/// Makes a queue, or changes one.
#[derive(Clone, Debug)]
pub struct PutQueue {
    /// Its name.
    pub name: QueueName,
    /// How many messages are on their way at the same time, if that is to change.
    pub parallelism: Option<NonZeroU32>,
    /// Whether it delivers, if that is to change.
    pub activity: Option<Activity>,
}

impl Command for PutQueue {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<(), Refused> {
        broker.queues.put(&mut broker.hall, now, &self.name, self.parallelism, self.activity)
    }
}

/// Removes a queue and cancels what belongs to it; an attempt that is running comes to its end.
#[derive(Clone, Debug)]
pub struct DeleteQueue(pub QueueName);

impl Command for DeleteQueue {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<(), Refused> {
        let Self(name) = self;
        if broker.queues.has(&name) {
            let selector = Selector { queues: vec![name.to_string()], ..Selector::default() };
            Cancel { selector, most: usize::MAX }.carry_out(broker, now)?;
            broker.queues.remove(&mut broker.hall, &name);
        }
        Ok(())
    }
}

/// Adds endpoints to a URL group, which is made if there is none. An endpoint with the same name or URL is replaced.
#[derive(Clone, Debug)]
pub struct PutEndpoints(pub UrlGroupName, pub Vec<StoredEndpoint>);

impl Command for PutEndpoints {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<(), Refused> {
        let Self(name, endpoints) = self;
        broker.url_groups.put_endpoints(&mut broker.hall, now, &name, endpoints)
    }
}

/// Removes the endpoints with these names or URLs, and the group with its last one.
#[derive(Clone, Debug)]
pub struct RemoveEndpoints(pub UrlGroupName, pub Vec<EndpointKey>);

impl Command for RemoveEndpoints {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<(), Refused> {
        let Self(name, keys) = self;
        broker.url_groups.remove_endpoints(&mut broker.hall, now, &name, &keys)
    }
}

/// Sets what messages to a URL group take where they say nothing themselves.
#[derive(Clone, Debug)]
pub struct SetDefaults(pub UrlGroupName, pub Box<DeliveryOptions>);

impl Command for SetDefaults {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<(), Refused> {
        let Self(name, mut defaults) = self;
        // Only schedules have use for it.
        defaults.schedule_id = None;
        check_options(&defaults, now)?;
        broker.url_groups.set_defaults(&mut broker.hall, now, &name, *defaults)
    }
}

/// Removes a URL group that no schedule publishes to. Removing none is no mistake.
#[derive(Clone, Debug)]
pub struct DeleteUrlGroup(pub UrlGroupName);

impl Command for DeleteUrlGroup {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, _now: Time) -> Result<(), Refused> {
        let Self(name) = self;
        if let Some(schedule) = broker.schedules.publishing_to(&Destination::UrlGroup(name.clone())) {
            return Err(Refused::Conflict(format!("schedule {schedule} publishes to topic {name}")));
        }
        broker.url_groups.remove(&mut broker.hall, &name);
        Ok(())
    }
}

/// Makes a schedule, or replaces the one with the same id. Its answer is the id.
#[derive(Clone, Debug)]
pub struct PutSchedule {
    /// When.
    pub cron: Box<Cron>,
    /// What is published then. The id of the schedule is among its options, unless it is to be a fresh one.
    pub publication: Publication,
}

impl Command for PutSchedule {
    type Answer = ScheduleId;

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<ScheduleId, Refused> {
        let Self { cron, mut publication } = self;
        if let Destination::UrlGroup(name) = &publication.destination {
            broker.url_groups.get(name)?;
        }
        check_publication(&publication, now)?;
        check_name(header::CRON, &cron.to_string())?;
        let bytes = publication.bytes();
        let options = &mut publication.options;
        let id = options.schedule_id.clone().unwrap_or_else(|| broker.hall.ids().schedule());
        broker.schedules.check_room(&id)?;
        broker.hall.check_room(1, bytes)?;
        if let Some(queue) = &options.queue {
            broker.queues.ensure(&mut broker.hall, now, queue)?;
        }
        options.schedule_id = Some(id.clone());
        let definition = Definition { cron: *cron, publication, created_at: now };
        broker.schedules.put(&mut broker.hall, now, &id, definition);
        Ok(id)
    }
}

/// Pauses or resumes a schedule.
#[derive(Clone, Debug)]
pub struct SetSchedule(pub ScheduleId, pub Activity);

impl Command for SetSchedule {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, _now: Time) -> Result<(), Refused> {
        let Self(id, activity) = self;
        broker.schedules.set(&mut broker.hall, &id, activity)
    }
}

/// Removes a schedule. Messages that it has produced are not affected.
#[derive(Clone, Debug)]
pub struct DeleteSchedule(pub ScheduleId);

impl Command for DeleteSchedule {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, _now: Time) -> Result<(), Refused> {
        broker.schedules.remove(&mut broker.hall, &self.0)
    }
}

/// Changes a flow-control key.
#[derive(Clone, Debug)]
pub struct ChangeFlowControl(pub FlowControlKey, pub FlowChange);

impl Command for ChangeFlowControl {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<(), Refused> {
        let Self(key, change) = self;
        broker.flow_controls.change(&mut broker.hall, now, &key, change)
    }
}
