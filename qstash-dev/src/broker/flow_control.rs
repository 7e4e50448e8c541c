//! Flow control: limits that all messages with the same key share.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use qstash_types::{FlowControl, FlowControlKey, FlowControlRecord, FlowLimits, MessageId};

use super::{
    Activity, Answer, Broker, FlowChange, Message, Millis, Refused,
    due::{Place, Wake},
    machine::Stage,
};

const DEFAULT_PERIOD: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct FlowControls(BTreeMap<FlowControlKey, Control>);

#[derive(Debug, Default)]
struct Control {
    limits: FlowLimits,
    pinned_parallelism: bool,
    pinned_rate: bool,
    activity: Activity,
    /// How many attempts are running.
    running: u32,
    /// How many attempts have started in the period.
    started: u32,
    period_start: Millis,
    /// Messages that wait until the limits allow an attempt, by ticket.
    line: BTreeMap<u64, MessageId>,
    /// When the end of the period lets them go.
    wake: Option<Place>,
}

impl Control {
    fn period_end(&self) -> Millis {
        self.period_start + self.limits.period.unwrap_or(DEFAULT_PERIOD)
    }

    fn rate_left(&self, now: Millis) -> u32 {
        let started = if now < self.period_end() { self.started } else { 0 };
        self.limits.rate.map_or(u32::MAX, |rate| rate.get().saturating_sub(started))
    }

    /// How many attempts may start now.
    fn room(&self, now: Millis) -> u32 {
        let parallel =
            self.limits.parallelism.map_or(u32::MAX, |most| most.get().saturating_sub(self.running));
        match self.activity {
            Activity::Running => parallel.min(self.rate_left(now)),
            Activity::Paused => 0,
        }
    }

    fn start(&mut self, now: Millis) {
        if now >= self.period_end() {
            self.reset(now);
        }
        self.running += 1;
        self.started += 1;
    }

    fn reset(&mut self, now: Millis) {
        self.period_start = now;
        self.started = 0;
    }
}

impl FlowControls {
    /// The limits that hold for a message, which later messages may have changed.
    pub(super) fn in_force(&self, own: &FlowControl) -> FlowControl {
        let limits = self.0.get(&own.key).map_or(own.limits, |control| control.limits);
        FlowControl { key: own.key.clone(), limits }
    }

    pub(super) fn leave_line(&mut self, key: &FlowControlKey, ticket: u64) {
        if let Some(control) = self.0.get_mut(key) {
            control.line.remove(&ticket);
        }
    }
}

fn record(key: &FlowControlKey, control: &Control) -> FlowControlRecord {
    FlowControlRecord {
        key: key.clone(),
        wait_list_size: control.line.len() as u64,
        parallelism_max: control.limits.parallelism.map_or(0, NonZeroU32::get),
        parallelism_count: control.running,
        rate_max: control.limits.rate.map_or(0, NonZeroU32::get),
        rate_count: control.started,
        rate_period: Some(control.limits.period.unwrap_or(DEFAULT_PERIOD)),
        rate_period_start: Some(control.period_start.into()),
        paused: control.activity == Activity::Paused,
        parallelism_pinned: control.pinned_parallelism,
        rate_pinned: control.pinned_rate,
    }
}

impl Broker {
    /// All flow-control keys that hold the text.
    pub fn flow_controls<'a>(&'a self, text: &'a str) -> impl Iterator<Item = FlowControlRecord> + 'a {
        let matching = self.flow_controls.0.iter().filter(move |(key, _)| key.as_str().contains(text));
        matching.map(|(key, control)| record(key, control))
    }

    /// A flow-control key.
    pub fn flow_control(&self, key: &str) -> Option<FlowControlRecord> {
        self.flow_controls.0.get_key_value(key).map(|(key, control)| record(key, control))
    }

    /// Takes over the limits of the newest message with the key, short of those that are pinned.
    pub(super) fn apply_limits(&mut self, now: Millis, flow_control: &FlowControl) {
        let control = self.flow_controls.0.entry(flow_control.key.clone()).or_default();
        if !control.pinned_parallelism {
            control.limits.parallelism = flow_control.limits.parallelism;
        }
        if !control.pinned_rate {
            control.limits.rate = flow_control.limits.rate;
            control.limits.period = flow_control.limits.period;
        }
        self.let_go(now, &flow_control.key);
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
            control.start(now);
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
        if !control.line.is_empty() && control.rate_left(now) == 0 {
            control.wake = Some(self.due.add(control.period_end(), Wake::Period(key.clone())));
        }
    }

    pub(super) fn change_flow_control(
        &mut self,
        now: Millis,
        key: &FlowControlKey,
        change: FlowChange,
    ) -> Result<Answer, Refused> {
        let controls = &mut self.flow_controls.0;
        let control = match change {
            FlowChange::Set(Activity::Paused) | FlowChange::Pin { .. } => {
                controls.entry(key.clone()).or_default()
            }
            _ => controls.get_mut(key).ok_or_else(|| Refused::NotFound(format!("flow-control key {key}")))?,
        };
        match change {
            FlowChange::Set(activity) => control.activity = activity,
            FlowChange::Pin { parallelism, rate } => {
                if parallelism.is_some() {
                    control.pinned_parallelism = true;
                    control.limits.parallelism = parallelism;
                }
                if let Some((rate, period)) = rate {
                    control.pinned_rate = true;
                    control.limits.rate = Some(rate);
                    control.limits.period = Some(period);
                }
                control.reset(now);
            }
            FlowChange::Unpin { parallelism, rate } => {
                control.pinned_parallelism &= !parallelism;
                control.pinned_rate &= !rate;
            }
            FlowChange::ResetRate => control.reset(now),
        }
        self.let_go(now, key);
        Ok(Answer::Done)
    }
}
