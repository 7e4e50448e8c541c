//! The broker as it was, from what was kept of it.

use std::collections::HashMap;

use super::{
    Broker, Record,
    due::Wake,
    machine::{Stage, Tracked},
    queues::Slot,
    record::{Kept, KeptMessage, Progress},
};

impl Broker {
    /// A broker that goes on where another one was that wanted these records kept, in any order.
    ///
    /// Attempts that were running are made again. Queues keep their order and their slots. A schedule that has missed
    /// times runs once to make up for all of them. The log is empty, and messages that were delivered are gone. Unless
    /// the seed is another one, ids repeat; the time must have gone on.
    pub fn restore(seed: u64, records: impl IntoIterator<Item = Record>) -> Self {
        let mut broker = Self::new(seed);
        let mut messages = Vec::new();
        let mut progress = HashMap::new();
        let mut runs = Vec::new();
        for Record(kept) in records {
            match kept {
                Kept::Message(kept) => messages.push(kept),
                Kept::Progress(kept) => drop(progress.insert(kept.number, kept)),
                Kept::DeadLetter(kept) => broker.dead_letters.add(kept.key, kept.message, kept.outcome),
                Kept::Window(window) => broker.open(window),
                Kept::Queue(name, state) => broker.queues.restore(name, state),
                Kept::UrlGroup(name, group) => broker.url_groups.restore(name, *group),
                Kept::Schedule(id, definition) => broker.restore_schedule(id, *definition),
                Kept::Run(id, run) => runs.push((id, run)),
                Kept::FlowControl(key, state) => broker.flow_controls.restore(key, state),
            }
        }
        for (id, run) in runs {
            broker.restore_run(&id, run);
        }
        // A message between two attempts in a queue keeps its turn, which is that of its first attempt.
        messages.sort_unstable_by_key(|kept| (kept.message.not_before, kept.number));
        for kept in messages {
            let progress = progress.remove(&kept.number);
            broker.restore_message(kept, progress);
        }
        broker.watch_idle_flow_controls();
        broker
    }

    fn restore_message(&mut self, kept: KeptMessage, progress: Option<Progress>) {
        let KeptMessage { number, message, slot } = kept;
        let due = message.not_before;
        let Progress { retried, due, cancelled, .. } =
            progress.unwrap_or(Progress { number, retried: 0, due, cancelled: false });
        let own = message.queue.clone().filter(|_| retried > 0);
        let slot = slot.or_else(|| own.map(|queue| Slot { queue, holder: message.id.clone() }));
        let slot = self.queues.restore_member(&message, slot);
        if let Some(flow_control) = &message.flow_control {
            self.flow_controls.join(&flow_control.key);
        }
        self.bytes += message.bytes() as u64;
        let id = message.id.clone();
        let stage = Stage::Waiting(self.due.add(due, Wake::Attempt(id.clone())));
        let tracked = Tracked { message, number, retried, stage, ticket: self.tickets, slot, cancelled };
        self.messages.insert(id, Box::new(tracked));
        self.tickets += 1;
        self.accepted = self.accepted.max(number + 1);
    }
}
