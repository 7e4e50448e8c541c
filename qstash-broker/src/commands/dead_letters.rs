//! What is done with dead letters.

use qstash_types::{DeliveryOptions, Receipt};

use crate::{
    life::{Broker, Command},
    state::{Cursor, PageRequest, Refused, Selector, Time, check_options, size},
};

/// Removes the newest dead letters that match, as many as wanted.
#[derive(Clone, Debug)]
pub struct DeleteDeadLetters {
    /// Which ones.
    pub selector: Selector,
    /// Which part of those.
    pub page: PageRequest,
}

/// Dead letters are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedDeadLetters {
    /// How many.
    pub count: usize,
    /// Where to go on, if more match.
    pub cursor: Option<Cursor>,
}

impl Command for DeleteDeadLetters {
    type Answer = DeletedDeadLetters;

    fn carry_out(self, broker: &mut Broker, _now: Time) -> Result<DeletedDeadLetters, Refused> {
        let (keys, cursor) = broker.dead_letters.page(&self.selector, self.page);
        for &key in &keys {
            broker.dead_letters.take(&mut broker.hall, key);
        }
        Ok(DeletedDeadLetters { count: keys.len(), cursor })
    }
}

/// Publishes the newest dead letters that match once more, as many as wanted. If an id is unknown or there is no room,
/// nothing is.
#[derive(Clone, Debug)]
pub struct RetryDeadLetters {
    /// Which ones.
    pub selector: Selector,
    /// Which part of those.
    pub page: PageRequest,
    /// What each takes on top of its own options.
    pub changes: Box<DeliveryOptions>,
}

/// Dead letters are on their way again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetriedDeadLetters {
    /// The messages that they have become, the newest dead letter first.
    pub receipts: Vec<Receipt>,
    /// Where to go on, if more match.
    pub cursor: Option<Cursor>,
}

impl Command for RetryDeadLetters {
    type Answer = RetriedDeadLetters;

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<RetriedDeadLetters, Refused> {
        let Self { selector, page, mut changes } = self;
        // Only schedules have use for it.
        changes.schedule_id = None;
        broker.dead_letters.check_named(&selector, page)?;
        check_options(&changes, now)?;
        let (keys, cursor) = broker.dead_letters.page(&selector, page);
        let mut bytes = match &changes.settings.flow_control {
            Some(flow_control) => broker.flow_controls.check_room(&flow_control.key)?,
            None => 0,
        };
        let messages = keys.iter().filter_map(|&key| broker.dead_letters.message(key));
        bytes += messages.clone().map(|message| message.bytes() + size::options(&changes)).sum::<usize>();
        broker.hall.check_room(keys.len(), bytes)?;
        for message in messages {
            if let Some(queue) = changes.queue.as_ref().or(message.terms.queue.as_ref()) {
                broker.queues.ensure(&mut broker.hall, now, queue)?;
            }
        }
        let mut receipts = Vec::with_capacity(keys.len());
        for key in keys {
            let id = broker.hall.ids().message();
            if let Some(source) = broker.dead_letters.take(&mut broker.hall, key) {
                receipts.push(Receipt::new(id.clone()));
                broker.accept(now, source.again(id, now, (*changes).clone()), None);
            }
        }
        Ok(RetriedDeadLetters { receipts, cursor })
    }
}
