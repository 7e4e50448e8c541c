//! Publishing and cancelling.

use qstash_types::MessageId;

use crate::{
    hall::{Stage, Tracked},
    life::{Broker, Command},
    state::{Accepted, Publication, Refused, Selector, Time},
};

/// Publishes a message, or one for each endpoint of a URL group.
#[derive(Clone, Debug)]
pub struct Publish(pub Publication);

impl Command for Publish {
    type Answer = Accepted;

    fn carry_out(mut self, broker: &mut Broker, now: Time) -> Result<Accepted, Refused> {
        // Only schedules have use for it.
        self.0.options.schedule_id = None;
        broker.publish(now, self.0)
    }
}

/// Cancels the oldest messages that match. Its answer is how many those are.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// Which messages.
    pub selector: Selector,
    /// How many at most.
    pub most: usize,
}

impl Command for Cancel {
    type Answer = usize;

    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<usize, Refused> {
        let Self { selector, most } = self;
        let mut wanted: Vec<_> = if selector.message_ids.is_empty() {
            let matching = |tracked: &&Tracked| {
                is_cancellable(tracked) && selector.matches(tracked.message(), tracked.message().created_at)
            };
            broker.hall.all().filter(matching).map(age).collect()
        } else {
            let named = selector.message_ids.iter().flat_map(|ids| ids.split(','));
            let tracked = named.filter_map(|id| broker.hall.find(id.trim()));
            tracked.filter(|tracked| is_cancellable(tracked)).map(age).collect()
        };
        wanted.sort_unstable();
        wanted.dedup();
        wanted.truncate(most);
        for (_, id) in &wanted {
            broker.cancel(now, id);
        }
        Ok(wanted.len())
    }
}

fn is_cancellable(tracked: &Tracked) -> bool {
    !tracked.is_cancelled() && tracked.stage() != Stage::Delivered
}

fn age(tracked: &Tracked) -> (u64, MessageId) {
    (tracked.number(), tracked.message().id.clone())
}
