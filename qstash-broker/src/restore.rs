//! The broker as it was, from what was kept of it.

use std::collections::HashMap;

use crate::{
    life::Broker,
    state::{Capacity, Kept, KeptMessage, Progress, Record, Slot},
};

impl Broker {
    /// A broker that goes on where another one was that wanted these records kept, in any order.
    ///
    /// Attempts that were running are made again. Queues keep their order and their slots. A schedule that has missed
    /// times runs once to make up for all of them. The log is empty, and messages that were delivered are gone. Unless
    /// the seed is another one, ids repeat; the time must have gone on.
    pub fn restore(seed: u64, capacity: Capacity, records: impl IntoIterator<Item = Record>) -> Self {
        let mut broker = Self::sized(seed, capacity);
        let hall = &mut broker.hall;
        let mut messages = Vec::new();
        let mut progress = HashMap::new();
        let mut runs = Vec::new();
        for Record(kept) in records {
            match kept {
                Kept::Message(kept) => messages.push(kept),
                Kept::Progress(kept) => drop(progress.insert(kept.number, kept)),
                Kept::DeadLetter(kept) => broker.dead_letters.restore(kept),
                Kept::Window(window) => broker.windows.open(hall, window),
                Kept::Queue(name, state) => broker.queues.restore(hall, name, state),
                Kept::UrlGroup(name, group) => broker.url_groups.restore(hall, name, *group),
                Kept::Schedule(id, definition) => broker.schedules.restore(hall, &id, *definition),
                Kept::Run(id, run) => runs.push((id, run)),
                Kept::FlowControl(key, state) => broker.flow_controls.restore(hall, &key, state),
            }
        }
        for (id, run) in runs {
            broker.schedules.restore_run(hall, &id, run);
        }
        // A message between two attempts in a queue keeps its turn, which is that of its first attempt.
        messages.sort_unstable_by_key(|kept| (kept.message.not_before, kept.number));
        for kept in messages {
            let (number, due) = (kept.number, kept.message.not_before);
            let first = Progress { number, retried: 0, due, cancelled: false };
            let progress = progress.remove(&number).unwrap_or(first);
            let KeptMessage { message, slot, .. } = kept;
            let own = message.terms.queue.clone().filter(|_| progress.retried > 0);
            let slot = slot.or_else(|| own.map(|queue| Slot { queue, holder: message.id.clone() }));
            let slot = broker.queues.rejoin(&message, slot);
            if let Some(flow_control) = &message.terms.flow_control {
                broker.flow_controls.rejoin(hall, &flow_control.key);
            }
            hall.restore(KeptMessage { number, message, slot }, progress);
        }
        broker.flow_controls.watch_idle(hall);
        broker
    }
}
