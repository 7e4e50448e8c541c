//! What happens before its time.

use qstash_types::{MessageId, ScheduleId};

use crate::{
    life::{Broker, Command},
    state::{Accepted, Refused, Time},
};

/// Attempts a message now that waits for a time: that of its publisher, or that of its next attempt.
#[derive(Clone, Debug)]
pub struct DeliverNow(pub MessageId);

impl Command for DeliverNow {
    type Answer = ();

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<(), Refused> {
        let Self(id) = self;
        if broker.hall.find(id.as_str()).is_none() {
            return Err(Refused::NotFound(format!("message {id}")));
        }
        if broker.hall.hasten(now, &id) {
            Ok(())
        } else {
            Err(Refused::Conflict(format!("message {id} does not wait for a time")))
        }
    }
}

/// Publishes what a schedule publishes, whether it is paused or not. Its own times stay what they are. Its answer is the messages.
#[derive(Clone, Debug)]
pub struct RunSchedule(pub ScheduleId);

impl Command for RunSchedule {
    type Answer = Vec<MessageId>;

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<Vec<MessageId>, Refused> {
        let Self(id) = self;
        let publication = broker.schedules.publication(&id)?;
        let published = broker.publish(now, publication).map(Accepted::fresh);
        let published = published.map(Iterator::collect::<Vec<_>>);
        broker.schedules.fired(&mut broker.hall, now, &id, published.clone().map(Vec::into_iter));
        published
    }
}
