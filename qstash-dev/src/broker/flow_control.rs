//! Flow control: limits that all messages with the same key share.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use qstash_types::{FlowControl, FlowControlKey, FlowControlRecord, FlowLimits, MessageId};
use serde::{Deserialize, Serialize};

use super::{
    Activity, Answer, Broker, FlowChange, Message, Millis, Refused,
    due::{Place, Wake},
    kept,
    machine::Stage,
    record::{Kept, Key},
};

const DEFAULT_PERIOD: Duration = Duration::from_secs(1);
/// How long a key is remembered that nothing has to do with any more, and that nobody has paused or pinned.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// How many keys are remembered. Those of callbacks are accepted beyond.
const MOST_KEYS: usize = 1_000_000;

#[derive(Debug, Default)]
pub(super) struct FlowControls(BTreeMap<FlowControlKey, Control>);

#[derive(Debug, Default)]
struct Control {
    state: FlowState,
    /// How many messages have it that have not come to their end.
    messages: usize,
    /// Since when there have been none.
    idle_since: Millis,
    /// When that is looked at.
    idle: Option<Place>,
    /// How many attempts are running.
    running: u32,
    /// Messages that wait until the limits allow an attempt, by ticket.
    line: BTreeMap<u64, MessageId>,
    /// When the end of the period lets them go.
    wake: Option<Place>,
}

/// The limits of a key, and what they have been used for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct FlowState {
    #[serde(with = "kept::Limits")]
    limits: FlowLimits,
    pinned_parallelism: bool,
    pinned_rate: bool,
    activity: Activity,
    /// How many attempts have started in the period that began last. It may be over.
    started: u32,
    period_start: Millis,
}

impl FlowState {
    fn period_end(&self) -> Millis {
        self.period_start + self.limits.period.unwrap_or(DEFAULT_PERIOD)
    }

    /// How many attempts have started in the period that now is in.
    fn started(&self, now: Millis) -> u32 {
        if now < self.period_end() { self.started } else { 0 }
    }

    fn rate_left(&self, now: Millis) -> u32 {
        self.limits.rate.map_or(u32::MAX, |rate| rate.get().saturating_sub(self.started(now)))
    }

    fn start(&mut self, now: Millis) {
        if now >= self.period_end() {
            self.reset(now);
        }
        self.started += 1;
    }

    fn reset(&mut self, now: Millis) {
        self.period_start = now;
        self.started = 0;
    }
}

impl Control {
    /// How many attempts may start now.
    fn room(&self, now: Millis) -> u32 {
        let most = self.state.limits.parallelism;
        let parallel = most.map_or(u32::MAX, |most| most.get().saturating_sub(self.running));
        match self.state.activity {
            Activity::Running => parallel.min(self.state.rate_left(now)),
            Activity::Paused => 0,
        }
    }
}

impl FlowControls {
    /// The limits that hold for a message, which later messages may have changed.
    pub(super) fn in_force(&self, own: &FlowControl) -> FlowControl {
        let limits = self.0.get(&own.key).map_or(own.limits, |control| control.state.limits);
        FlowControl { key: own.key.clone(), limits }
    }

    pub(super) fn restore(&mut self, key: FlowControlKey, state: FlowState) {
        self.0.insert(key, Control { state, ..Control::default() });
    }

    /// Whether there is room for a key, if it is not known yet.
    pub(super) fn check_room(&self, key: &FlowControlKey) -> Result<(), Refused> {
        if self.0.len() >= MOST_KEYS && !self.0.contains_key(key) {
            return Err(Refused::Quota("maxFlowControlKeys"));
        }
        Ok(())
    }

    pub(super) fn join(&mut self, key: &FlowControlKey) {
        self.0.entry(key.clone()).or_default().messages += 1;
    }

    pub(super) fn leave_line(&mut self, key: &FlowControlKey, ticket: u64) {
        if let Some(control) = self.0.get_mut(key) {
            control.line.remove(&ticket);
        }
    }
}

fn record(key: &FlowControlKey, control: &Control, now: Millis) -> FlowControlRecord {
    let state = &control.state;
    let mut record = FlowControlRecord::new(key.clone());
    record.wait_list_size = control.line.len() as u64;
    record.parallelism_max = state.limits.parallelism.map_or(0, NonZeroU32::get);
    record.parallelism_count = control.running;
    record.rate_max = state.limits.rate.map_or(0, NonZeroU32::get);
    record.rate_count = state.started(now);
    record.rate_period = Some(state.limits.period.unwrap_or(DEFAULT_PERIOD));
    record.rate_period_start = Some(state.period_start.into());
    record.paused = state.activity == Activity::Paused;
    record.parallelism_pinned = state.pinned_parallelism;
    record.rate_pinned = state.pinned_rate;
    record
}

impl Broker {
    /// All flow-control keys that hold the text, as they stand now.
    pub fn flow_controls<'a>(
        &'a self,
        now: Millis,
        text: &'a str,
    ) -> impl Iterator<Item = FlowControlRecord> + 'a {
        let matching = self.flow_controls.0.iter().filter(move |(key, _)| key.as_str().contains(text));
        matching.map(move |(key, control)| record(key, control, now))
    }

    /// A flow-control key, as it stands now.
    pub fn flow_control(&self, now: Millis, key: &str) -> Option<FlowControlRecord> {
        self.flow_controls.0.get_key_value(key).map(|(key, control)| record(key, control, now))
    }

    /// Takes over the limits of the newest message with the key, short of those that are pinned.
    pub(super) fn apply_limits(&mut self, now: Millis, flow_control: &FlowControl) {
        let control = self.flow_controls.0.entry(flow_control.key.clone()).or_default();
        let state = &mut control.state;
        let mut limits = flow_control.limits;
        if state.pinned_parallelism {
            limits.parallelism = state.limits.parallelism;
        }
        if state.pinned_rate {
            (limits.rate, limits.period) = (state.limits.rate, state.limits.period);
        }
        if state.limits != limits {
            state.limits = limits;
            self.keep_flow_control(&flow_control.key);
        }
        self.let_go(now, &flow_control.key);
    }

    fn keep_flow_control(&mut self, key: &FlowControlKey) {
        if let Some(control) = self.flow_controls.0.get(key) {
            let kept = Kept::FlowControl(key.clone(), control.state.clone());
            self.keep(kept);
        }
    }

    /// Whether an attempt may start. If not, the message joins the line of its key.
    pub(super) fn is_admitted(&mut self, now: Millis, ticket: u64, id: &MessageId) -> bool {
        let tracked = self.messages.get_mut(id).expect("a message that waits is tracked");
        let Some(key) = tracked.message.flow_control.as_ref().map(|flow_control| flow_control.key.clone())
        else {
            return true;
        };
        let control = self.flow_controls.0.get_mut(&key).expect("a message brings its key along");
        let is_admitted = control.room(now) > 0;
        if is_admitted {
            control.running += 1;
            control.state.start(now);
            self.keep_flow_control(&key);
        } else {
            tracked.stage = Stage::Throttled;
            control.line.insert(ticket, id.clone());
        }
        self.wait_for_period(now, &key);
        is_admitted
    }

    pub(super) fn attempt_is_over(&mut self, now: Millis, message: &Message) {
        if let Some(flow_control) = &message.flow_control {
            if let Some(control) = self.flow_controls.0.get_mut(&flow_control.key) {
                control.running -= 1;
            }
            self.let_go(now, &flow_control.key);
        }
    }

    pub(super) fn period_ended(&mut self, now: Millis, key: &FlowControlKey) {
        if let Some(control) = self.flow_controls.0.get_mut(key) {
            control.wake = None;
        }
        self.let_go(now, key);
    }

    /// Lets as many go as the limits allow.
    pub(super) fn let_go(&mut self, now: Millis, key: &FlowControlKey) {
        let Some(control) = self.flow_controls.0.get_mut(key) else { return };
        for _ in 0..control.room(now) {
            let Some((ticket, id)) = control.line.pop_first() else { break };
            self.messages.get_mut(&id).expect("a message that waits is tracked").stage = Stage::Ready;
            self.ready.insert(ticket, id);
        }
        self.wait_for_period(now, key);
    }

    /// Wants to be woken at the end of the period, if that is what messages wait for.
    fn wait_for_period(&mut self, now: Millis, key: &FlowControlKey) {
        let Some(control) = self.flow_controls.0.get_mut(key) else { return };
        if let Some(place) = control.wake.take() {
            self.due.cancel(place);
        }
        if !control.line.is_empty() && control.state.rate_left(now) == 0 {
            control.wake = Some(self.due.add(control.state.period_end(), Wake::Period(key.clone())));
        }
    }

    pub(super) fn change_flow_control(
        &mut self,
        now: Millis,
        key: &FlowControlKey,
        change: FlowChange,
    ) -> Result<Answer, Refused> {
        let control = match change {
            FlowChange::Set(Activity::Paused) | FlowChange::Pin { .. } => {
                self.flow_controls.check_room(key)?;
                self.flow_controls.0.entry(key.clone()).or_default()
            }
            _ => self
                .flow_controls
                .0
                .get_mut(key)
                .ok_or_else(|| Refused::NotFound(format!("flow-control key {key}")))?,
        };
        let state = &mut control.state;
        match change {
            FlowChange::Set(activity) => state.activity = activity,
            FlowChange::Pin { parallelism, rate } => {
                if parallelism.is_some() {
                    state.pinned_parallelism = true;
                    state.limits.parallelism = parallelism;
                }
                if let Some((rate, period)) = rate {
                    state.pinned_rate = true;
                    state.limits.rate = Some(rate);
                    state.limits.period = Some(period);
                }
                state.reset(now);
            }
            FlowChange::Unpin { parallelism, rate } => {
                state.pinned_parallelism &= !parallelism;
                state.pinned_rate &= !rate;
            }
            FlowChange::ResetRate => state.reset(now),
        }
        self.keep_flow_control(key);
        self.let_go(now, key);
        self.watch_if_idle(now, key);
        Ok(Answer::Done)
    }

    pub(super) fn leave_flow_control(&mut self, now: Millis, key: &FlowControlKey) {
        if let Some(control) = self.flow_controls.0.get_mut(key) {
            control.messages -= 1;
            self.watch_if_idle(now, key);
        }
    }

    pub(super) fn watch_idle_flow_controls(&mut self) {
        let keys: Vec<_> = self.flow_controls.0.keys().cloned().collect();
        for key in keys {
            self.watch_if_idle(Millis::default(), &key);
        }
    }

    fn watch_if_idle(&mut self, now: Millis, key: &FlowControlKey) {
        let Some(control) = self.flow_controls.0.get_mut(key) else { return };
        if control.messages == 0 {
            control.idle_since = now;
            if control.idle.is_none() {
                let end = (now + IDLE).max(control.state.period_end());
                control.idle = Some(self.due.add(end, Wake::Idle(key.clone())));
            }
        }
    }

    pub(super) fn forget_if_idle(&mut self, now: Millis, key: &FlowControlKey) {
        let Some(control) = self.flow_controls.0.get_mut(key) else { return };
        control.idle = None;
        let state = &control.state;
        let is_set = state.activity == Activity::Paused || state.pinned_parallelism || state.pinned_rate;
        if control.messages > 0 || is_set {
            return;
        }
        let end = (control.idle_since + IDLE).max(state.period_end());
        if end > now {
            control.idle = Some(self.due.add(end, Wake::Idle(key.clone())));
        } else {
            self.flow_controls.0.remove(key);
            self.forget(Key::FlowControl(key.clone()));
        }
    }
}
