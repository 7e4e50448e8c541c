//! Attempts, and what follows from them.

use std::sync::Arc;

use qstash_types::{CallbackTarget, DlqId, LogState, MessageId, RunState, duration};

use super::{
    AttemptId, Broker, Delivery, Effect, Millis, Outcome,
    callback::Report,
    due::{Place, Wake},
    machine::{Stage, Tracked},
    record::{Kept, Key, Progress},
    verdict::Verdict,
};

/// An attempt that is running.
#[derive(Debug)]
pub(super) struct Attempt {
    message: MessageId,
    time_out: Place,
}

impl Broker {
    /// Gives a message, whose time has come, its turn.
    pub(super) fn line_up(&mut self, now: Millis, id: MessageId) {
        let tracked = self.messages.get_mut(&id).expect("a message that waits is tracked");
        if tracked.cancelled {
            self.cancelled(now, &id);
            return;
        }
        let queue = tracked.message.queue.clone();
        let takes_turn_anew = queue.is_none() || tracked.slot.is_none();
        if takes_turn_anew {
            tracked.ticket = self.tickets;
            self.tickets += 1;
        }
        let ticket = tracked.ticket;
        match queue {
            Some(queue) => {
                tracked.stage = Stage::Lined;
                self.queues.line_up(&queue, ticket, id);
                self.move_up(&queue);
            }
            None => self.make_ready(ticket, id),
        }
    }

    pub(super) fn make_ready(&mut self, ticket: u64, id: MessageId) {
        self.messages.get_mut(&id).expect("a message that waits is tracked").stage = Stage::Ready;
        self.ready.insert(ticket, id);
    }

    pub(super) fn attempt(&mut self, now: Millis, id: MessageId) {
        let tracked = self.messages.get_mut(&id).expect("a message that waits is tracked");
        tracked.stage = Stage::Attempted;
        let (message, retried) = (tracked.message.clone(), tracked.retried);
        let attempt = AttemptId(self.attempts_started);
        self.attempts_started += 1;
        let time_out = self.due.add(now + message.timeout, Wake::TimeOut(attempt));
        self.attempts.insert(attempt, Attempt { message: id, time_out });
        self.enter(now, &message, LogState::Active);
        let limits = message.flow_control.as_ref().map(|own| self.flow_controls.in_force(own));
        self.effects.push(Effect::Deliver(Delivery {
            attempt,
            message: message.id.clone(),
            url: message.url.clone(),
            method: message.method.clone(),
            headers: message.delivery_headers(retried, limits),
            body: message.body.clone(),
            token_id: self.ids.token(),
        }));
    }

    pub(super) fn attempt_ended(&mut self, now: Millis, attempt: AttemptId, outcome: Outcome) {
        // An outcome that crosses its own timeout on the way comes too late.
        if let Some(attempt) = self.attempts.remove(&attempt) {
            self.due.cancel(attempt.time_out);
            self.conclude(now, &attempt.message, outcome);
        }
    }

    /// Gives up an attempt that has taken too long.
    pub(super) fn time_out(&mut self, now: Millis, id: AttemptId) {
        self.effects.push(Effect::Abandon(id));
        let attempt = self.attempts.remove(&id).expect("an attempt that ends takes its timeout along");
        let limit = duration::to_text(self.messages[&attempt.message].message.timeout);
        self.conclude(now, &attempt.message, Outcome::Failed(format!("no response within {limit}")));
    }

    /// Decides what becomes of a message after an attempt, and reports to its callbacks.
    fn conclude(&mut self, now: Millis, id: &MessageId, outcome: Outcome) {
        let tracked = self.messages.get_mut(id).expect("a message stays while it is attempted");
        let (message, retried) = (tracked.message.clone(), tracked.retried);
        let verdict = Verdict::on(&message, retried, &outcome, now);
        let outcome = Arc::new(outcome);
        let report = Report { source: &message, retried, outcome: &outcome };
        match verdict {
            Verdict::Delivered => {
                tracked.stage = Stage::Delivered;
                self.enter_after(now, &message, LogState::Delivered, &outcome, None);
                self.call_back(now, message.callback.as_deref(), &report, None);
                self.finish(now, id, RunState::Success);
                self.keep_readable(now, &message);
            }
            // It was not to be tried again, so nobody hears of it.
            Verdict::Retry(_) | Verdict::Dead if tracked.cancelled => {
                self.enter_after(now, &message, LogState::Error, &outcome, None);
                self.cancelled(now, id);
            }
            Verdict::Retry(wait) => {
                tracked.retried += 1;
                let due = now + wait;
                self.enter_after(now, &message, LogState::Error, &outcome, Some(due));
                self.enter(now, &message, LogState::Retry);
                self.call_back(now, message.callback.as_deref(), &report, None);
                self.wait_until(due, id);
                self.keep_progress(now, id);
            }
            Verdict::Dead => {
                self.enter_after(now, &message, LogState::Error, &outcome, None);
                self.enter(now, &message, LogState::Failed);
                let dlq_id = self.bury(now, message.clone(), outcome.clone());
                self.call_back(now, message.callback.as_deref(), &report, None);
                self.call_back(now, message.failure_callback.as_deref(), &report, Some(dlq_id));
                self.finish(now, id, RunState::Fail);
                self.messages.remove(id);
            }
        }
        self.attempt_is_over(now, &message);
    }

    pub(super) fn wait_until(&mut self, due: Millis, id: &MessageId) {
        let place = self.due.add(due, Wake::Attempt(id.clone()));
        self.messages.get_mut(id).expect("a message that waits is tracked").stage = Stage::Waiting(place);
    }

    /// Keeps how far a message has come.
    pub(super) fn keep_progress(&mut self, now: Millis, id: &MessageId) {
        let tracked = &self.messages[id];
        let due = match tracked.stage {
            Stage::Waiting(place) => place.time(),
            _ => now,
        };
        let Tracked { number, retried, cancelled, .. } = **tracked;
        self.keep(Kept::Progress(Progress { number, retried, due, cancelled }));
    }

    /// Lets go of everything that a message holds at its end.
    pub(super) fn finish(&mut self, now: Millis, id: &MessageId, run: RunState) {
        let tracked = self.messages.get_mut(id).expect("a message ends once");
        let (message, slot) = (tracked.message.clone(), tracked.slot.take());
        let (number, has_progress) = (tracked.number, tracked.has_progress());
        self.forget(Key::Message(number));
        if has_progress {
            self.forget(Key::Progress(number));
        }
        self.bytes -= message.bytes() as u64;
        self.note_run(&message, run);
        if let Some(flow_control) = &message.flow_control {
            self.leave_flow_control(now, &flow_control.key);
        }
        self.queues.leave(&message);
        if let Some(slot) = slot
            && self.queues.release(&slot)
        {
            self.move_up(&slot.queue);
        }
    }

    /// Sends a report, if there is anybody to send it to.
    fn call_back(
        &mut self,
        now: Millis,
        target: Option<&CallbackTarget>,
        report: &Report<'_>,
        dlq_id: Option<DlqId>,
    ) {
        if let Some(target) = target {
            let slot = self.messages[&report.source.id].slot.clone();
            let slot = slot.and_then(|slot| self.queues.share(slot));
            let message = report.source.callback(self.ids.message(), now, target, report.body(dlq_id));
            self.accept(now, message, slot);
        }
    }
}
