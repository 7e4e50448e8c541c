//! A message's life, in this order: it is published and accepted, lines up when its time has come, is admitted, attempted, and
//! after each attempt concluded: it waits for the next one, or is finished.
//!
//! This is the only place that decides what follows what. The hall knows where each message stands, each room knows one
//! rule; neither knows of the other steps.

mod report;
mod retry_after;
mod verdict;

use std::{fmt, iter, mem, sync::Arc};

use qstash_types::{CallbackOptions, DlqId, LogState, MessageId, Receipt, RunState, duration, header};

use self::{report::Report, verdict::Verdict};
use crate::{
    hall::{AttemptId, Effect, Hall, Stage, Wake},
    rooms::{DeadLetters, FlowControls, Queues, Recipients, Schedules, UrlGroups, Windows},
    state::{
        Accepted, AttemptEnd, Capacity, Fingerprint, Publication, Refused, Slot, StoredMessage, Time,
        check_options, check_publication, size,
    },
};

/// The state of the broker.
#[derive(Debug)]
pub struct Broker {
    pub(crate) hall: Hall,
    pub(crate) windows: Windows,
    pub(crate) queues: Queues,
    pub(crate) flow_controls: FlowControls,
    pub(crate) url_groups: UrlGroups,
    pub(crate) schedules: Schedules,
    pub(crate) dead_letters: DeadLetters,
}

/// A call of the API that changes something, after parsing. It is a plain value: a list of commands and events, each with
/// its time, can be kept and played again.
pub trait Command: Clone + fmt::Debug + Send + 'static {
    /// What the caller is answered.
    type Answer: fmt::Debug + Send + 'static;

    /// Carries the command out. [`Broker::call`] does, and sees to what is due besides.
    ///
    /// # Errors
    ///
    /// Nothing was changed: see [`Refused`].
    fn carry_out(self, broker: &mut Broker, now: Time) -> Result<Self::Answer, Refused>;
}

/// Something that happens to the broker, beside [calls](Broker::call).
#[derive(Clone, Debug)]
pub enum Event {
    /// An attempt has ended. An attempt that the broker has given up already is ignored.
    AttemptEnded {
        /// Which one.
        attempt: AttemptId,
        /// How.
        end: AttemptEnd,
    },
    /// An attempt cannot begin, through no fault of its destination: the time that it may take counts from now on.
    AttemptWaits(AttemptId),
    /// Time has passed, and nothing else has happened.
    Due,
}

impl Broker {
    /// A broker without messages, with the usual capacity. All ids come from the seed.
    pub fn new(seed: u64) -> Self {
        Self::sized(seed, Capacity::default())
    }

    /// The same with as much as is wanted.
    pub fn sized(seed: u64, capacity: Capacity) -> Self {
        Self {
            hall: Hall::new(seed, capacity),
            windows: Windows::default(),
            queues: Queues::default(),
            flow_controls: FlowControls::default(),
            url_groups: UrlGroups::default(),
            schedules: Schedules::default(),
            dead_letters: DeadLetters::default(),
        }
    }

    /// Carries out a command and everything that has become due, and returns the effects, the answer to the command among them.
    pub fn call<C: Command>(&mut self, now: Time, command: C) -> Vec<Effect<Result<C::Answer, Refused>>> {
        // Timers that are due fire before the command: it must not see state that has expired, such as an old deduplication window.
        self.wake_due(now);
        let answer = command.carry_out(self, now);
        let before = self.hall.effect_count();
        let mut others = self.handle(now, Event::Due).into_iter().map(Effect::among);
        let mut effects = Vec::with_capacity(others.len() + 1);
        effects.extend(others.by_ref().take(before));
        effects.push(Effect::Answer(answer));
        effects.extend(others);
        effects
    }

    /// Processes an event and everything that has become due, and returns the effects.
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Effect> {
        match event {
            Event::AttemptEnded { attempt, end } => self.attempt_ended(now, attempt, end),
            Event::AttemptWaits(attempt) => self.hall.attempt_waits(now, attempt),
            Event::Due => {}
        }
        self.wake_due(now);
        self.admit(now);
        self.hall.take_effects()
    }

    /// When the broker wants to hear [`Event::Due`], if nothing else happens before.
    pub fn next_due(&self) -> Option<Time> {
        self.hall.next_due()
    }

    fn wake_due(&mut self, now: Time) {
        while let Some(wake) = self.hall.take_due(now) {
            self.wake(now, wake);
        }
    }

    fn wake(&mut self, now: Time, wake: Wake) {
        match wake {
            Wake::Attempt(message) => self.line_up(now, message),
            Wake::TimeOut(attempt) => self.time_out(now, attempt),
            Wake::Forget(message) => self.hall.forget_delivered(&message),
            Wake::CloseWindow(fingerprint) => self.windows.close(&mut self.hall, *fingerprint),
            Wake::Period(key) => self.flow_controls.period_ended(&mut self.hall, now, &key),
            Wake::Idle(key) => self.flow_controls.forget_if_idle(&mut self.hall, now, &key),
            Wake::Trigger(schedule) => {
                if let Some(publication) = self.schedules.fire(&mut self.hall, now, &schedule) {
                    let published = self.publish(now, publication).map(Accepted::fresh);
                    self.schedules.fired(&mut self.hall, now, &schedule, published);
                }
            }
        }
    }

    /// Accepts a message, or one for each endpoint of a URL group; if one is refused, all are.
    pub(crate) fn publish(&mut self, now: Time, publication: Publication) -> Result<Accepted, Refused> {
        check_publication(&publication, now)?;
        let Publication { destination, options, headers, body, caller_ip } = publication;
        let Recipients { url_group, endpoints, mut options } =
            self.url_groups.resolve(destination, options)?;
        if options.forward_all_headers {
            let named = mem::take(&mut options.settings.forward);
            options.settings.forward = header::or(named, &headers);
        }
        check_options(&options, now)?;
        let mut bytes = match &options.settings.flow_control {
            Some(flow_control) => self.flow_controls.check_room(&flow_control.key)?,
            None => 0,
        };
        let deduplication = options.deduplication.take();
        let queue = options.queue.clone();
        let each = iter::repeat_n(options, endpoints.len());
        let messages = endpoints.into_iter().zip(each).map(|(endpoint, options)| {
            let id = self.hall.ids().message();
            let mut message =
                StoredMessage::published(id, now, endpoint.url, options, body.clone(), caller_ip);
            message.url_group.clone_from(&url_group);
            message.endpoint = endpoint.name;
            let fingerprint = deduplication.clone().map(|wanted| Fingerprint::of(&message, wanted));
            (message, fingerprint)
        });
        let messages: Vec<_> = messages.collect();
        self.windows.check_room(messages.iter().filter_map(|(_, fingerprint)| fingerprint.as_ref()))?;
        bytes += messages.iter().map(|(message, _)| message.bytes() + size::WINDOW).sum::<usize>();
        self.hall.check_room(messages.len(), bytes)?;
        if let Some(queue) = &queue {
            self.queues.ensure(&mut self.hall, now, queue)?;
        }
        let mut receipts = Vec::with_capacity(messages.len());
        for (message, fingerprint) in messages {
            let first = fingerprint
                .and_then(|fingerprint| self.windows.first(&mut self.hall, now, &message.id, fingerprint));
            let mut receipt = Receipt::new(first.as_ref().unwrap_or(&message.id).clone());
            receipt.deduplicated = first.is_some();
            receipt.url = url_group.as_ref().map(|_| message.url.to_string());
            receipts.push(receipt);
            if first.is_none() {
                self.accept(now, message, None);
            }
        }
        Ok(match url_group {
            Some(_) => Accepted::Each(receipts),
            None => Accepted::One(receipts.remove(0)),
        })
    }

    /// Accepts a message. A callback shares the queue slot of the message that it reports on, so that the slot stays taken until
    /// the callback is done.
    pub(crate) fn accept(&mut self, now: Time, message: StoredMessage, slot: Option<Slot>) {
        let message = Arc::new(message);
        self.hall.accept(now, message.clone(), slot);
        self.queues.join(&message);
        if let Some(flow_control) = &message.terms.flow_control {
            self.flow_controls.join(&mut self.hall, now, flow_control);
        }
    }

    /// Moves a message that is due on: into the line of its queue, or, without a queue, to the messages that are ready.
    pub(crate) fn line_up(&mut self, now: Time, id: MessageId) {
        let tracked = self.hall.tracked(&id);
        if tracked.is_cancelled() {
            self.cancelled(now, &id);
            return;
        }
        match tracked.message().terms.queue.clone() {
            Some(queue) => self.queues.line_up(&mut self.hall, &queue, id),
            None => self.hall.make_ready_in_turn(&id),
        }
    }

    /// Starts as many attempts as may start.
    pub(crate) fn admit(&mut self, now: Time) {
        while let Some(id) = self.hall.next_ready() {
            let message = self.hall.tracked(&id).message().clone();
            if self.queues.holds(&mut self.hall, &message) {
                self.give_way(now, &message);
            } else if self.flow_controls.admits(&mut self.hall, now, &message) {
                let limits = message.terms.flow_control.as_ref().map(|own| self.flow_controls.in_force(own));
                self.hall.attempt(now, &id, limits);
            }
        }
    }

    pub(crate) fn attempt_ended(&mut self, now: Time, attempt: AttemptId, end: AttemptEnd) {
        // The attempt may have timed out in the meantime; its result is then ignored.
        if let Some(id) = self.hall.attempt_ended(attempt) {
            self.conclude(now, &id, end);
        }
    }

    /// Aborts an attempt that has reached its timeout, and counts it as failed.
    pub(crate) fn time_out(&mut self, now: Time, attempt: AttemptId) {
        if let Some(id) = self.hall.abandon(attempt) {
            let limit = duration::to_text(self.hall.tracked(&id).message().terms.timeout);
            self.conclude(now, &id, AttemptEnd::Failed(format!("no response within {limit}")));
        }
    }

    /// Decides what becomes of a message after an attempt, and reports to its callbacks.
    fn conclude(&mut self, now: Time, id: &MessageId, end: AttemptEnd) {
        let tracked = self.hall.tracked(id);
        let (message, retried) = (tracked.message().clone(), tracked.retried());
        let is_cancelled = tracked.is_cancelled();
        let end = Arc::new(end);
        let (callback, failure_callback) = (&message.terms.callback, &message.terms.failure_callback);
        let report = Report { source: &message, retried, end: &end };
        match Verdict::on(&message, retried, &end, now) {
            Verdict::Delivered => {
                self.hall.enter_after(now, &message, LogState::Delivered, &end, None);
                self.call_back(now, callback.as_deref(), &report, None);
                let slot = self.hall.deliver(now, id);
                self.finish(now, &message, slot.as_ref(), RunState::Success);
            }
            // The message was cancelled during the attempt: it is not retried, and no callback is sent.
            Verdict::Retry(_) | Verdict::Dead if is_cancelled => {
                self.hall.enter_after(now, &message, LogState::Error, &end, None);
                self.cancelled(now, id);
            }
            Verdict::Retry(wait) => {
                let due = now + wait;
                self.hall.enter_after(now, &message, LogState::Error, &end, Some(due));
                self.hall.enter(now, &message, LogState::Retry);
                self.call_back(now, callback.as_deref(), &report, None);
                self.hall.retry(now, id, due);
            }
            Verdict::Dead => {
                self.hall.enter_after(now, &message, LogState::Error, &end, None);
                self.hall.enter(now, &message, LogState::Failed);
                let dlq_id = self.dead_letters.bury(&mut self.hall, now, message.clone(), end.clone());
                self.call_back(now, callback.as_deref(), &report, None);
                self.call_back(now, failure_callback.as_deref(), &report, Some(dlq_id));
                let slot = self.hall.remove(id);
                self.finish(now, &message, slot.as_ref(), RunState::Fail);
            }
        }
        if let Some(flow_control) = &message.terms.flow_control {
            self.flow_controls.attempt_ended(&mut self.hall, now, &flow_control.key);
        }
    }

    /// Publishes a callback with this report, if the message has asked for one.
    fn call_back(
        &mut self,
        now: Time,
        target: Option<&CallbackOptions>,
        report: &Report<'_>,
        dlq_id: Option<DlqId>,
    ) {
        if let Some(target) = target {
            let slot = self.hall.tracked(&report.source.id).slot().cloned();
            let slot = slot.and_then(|slot| self.queues.share(slot));
            let id = self.hall.ids().message();
            let message = report.source.callback(id, now, target, report.body(dlq_id));
            self.accept(now, message, slot);
        }
    }

    /// Reports the end of a message to its schedule, and takes it out of the counts of its flow-control key and its queue.
    fn finish(&mut self, now: Time, message: &StoredMessage, slot: Option<&Slot>, run: RunState) {
        self.schedules.note_run(&mut self.hall, message, run);
        if let Some(flow_control) = &message.terms.flow_control {
            self.flow_controls.leave(&mut self.hall, now, &flow_control.key);
        }
        self.queues.leave(&mut self.hall, message, slot);
    }

    /// Cancels a message that was not delivered.
    ///
    /// One that waits for its first attempt ends at once, one between attempts when the next one would be due. An attempt
    /// that is running is not stopped: if it succeeds the message is delivered, and it is not tried again if it fails.
    pub(crate) fn cancel(&mut self, now: Time, id: &MessageId) {
        let tracked = self.hall.tracked(id);
        let (message, ticket) = (tracked.message().clone(), tracked.ticket());
        let (stage, retried) = (tracked.stage(), tracked.retried());
        self.hall.enter(now, &message, LogState::CancelRequested);
        match stage {
            Stage::Waiting(_) if retried == 0 => {}
            Stage::Waiting(_) | Stage::Attempted | Stage::Delivered => {
                self.hall.stop(now, id);
                return;
            }
            Stage::Lined => {
                if let Some(queue) = &message.terms.queue {
                    self.queues.leave_line(queue, ticket);
                }
            }
            Stage::Throttled => {
                if let Some(flow_control) = &message.terms.flow_control {
                    self.flow_controls.leave_line(&flow_control.key, ticket);
                }
            }
            Stage::Ready => self.give_way(now, &message),
        }
        self.cancelled(now, id);
    }

    /// Ends a message that is not to be delivered any more.
    fn cancelled(&mut self, now: Time, id: &MessageId) {
        let message = self.hall.tracked(id).message().clone();
        self.hall.enter(now, &message, LogState::Canceled);
        let slot = self.hall.remove(id);
        self.finish(now, &message, slot.as_ref(), RunState::Fail);
    }

    /// Lets another message with the same flow control take the place of one that was ready.
    fn give_way(&mut self, now: Time, message: &StoredMessage) {
        if let Some(flow_control) = &message.terms.flow_control {
            self.flow_controls.let_go(&mut self.hall, now, &flow_control.key);
        }
    }
}
