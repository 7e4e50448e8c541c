//! Cancelling messages.

use qstash_types::{LogState, MessageId, RunState};

use super::{
    Answer, Broker, Filter, Millis,
    machine::{Stage, Tracked},
};

impl Broker {
    /// Cancels messages, the oldest first.
    ///
    /// One that waits for its first attempt ends at once, one between attempts when the next one would be due. An attempt
    /// that is running is not stopped: if it succeeds the message is delivered, and it is not tried again if it fails.
    pub(super) fn cancel(&mut self, now: Millis, filter: &Filter, most: usize) -> Answer {
        let mut wanted: Vec<_> = if filter.message_ids.is_empty() {
            let matching = |tracked: &&Tracked| {
                is_cancellable(tracked) && filter.matches(&tracked.message, tracked.message.created_at)
            };
            self.messages.values().map(AsRef::as_ref).filter(matching).map(age).collect()
        } else {
            let named = filter.message_ids.iter().flat_map(|ids| ids.split(','));
            let tracked = named.filter_map(|id| self.messages.get(id.trim()));
            tracked.filter(|tracked| is_cancellable(tracked)).map(|tracked| age(tracked)).collect()
        };
        wanted.sort_unstable();
        wanted.dedup();
        wanted.truncate(most);
        for (_, id) in &wanted {
            self.request_cancel(now, id);
        }
        Answer::Counted(wanted.len(), None)
    }

    fn request_cancel(&mut self, now: Millis, id: &MessageId) {
        let tracked = self.messages.get_mut(id).expect("only messages that are there are cancelled");
        let (message, ticket) = (tracked.message.clone(), tracked.ticket);
        let (stage, retried) = (tracked.stage, tracked.retried);
        self.enter(now, &message, LogState::CancelRequested);
        match stage {
            Stage::Waiting(place) if retried == 0 => self.due.cancel(place),
            Stage::Waiting(_) | Stage::Attempted | Stage::Delivered => {
                self.messages.get_mut(id).expect("it was there").cancelled = true;
                self.keep_progress(now, id);
                return;
            }
            Stage::Lined => {
                if let Some(queue) = &message.queue {
                    self.queues.leave_line(queue, ticket);
                }
            }
            Stage::Throttled => {
                if let Some(flow_control) = &message.flow_control {
                    self.flow_controls.leave_line(&flow_control.key, ticket);
                }
            }
            Stage::Ready => {
                self.ready.remove(&ticket);
                if let Some(flow_control) = &message.flow_control {
                    // Another one may take its place.
                    self.let_go(now, &flow_control.key);
                }
            }
        }
        self.cancelled(now, id);
    }

    /// Ends a message that is not to be delivered any more.
    pub(super) fn cancelled(&mut self, now: Millis, id: &MessageId) {
        let message = self.messages[id].message.clone();
        self.enter(now, &message, LogState::Canceled);
        self.finish(now, id, RunState::Fail);
        self.messages.remove(id);
    }
}

fn is_cancellable(tracked: &Tracked) -> bool {
    !tracked.cancelled && tracked.stage != Stage::Delivered
}

fn age(tracked: &Tracked) -> (u64, MessageId) {
    (tracked.number, tracked.message.id.clone())
}
