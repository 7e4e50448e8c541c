//! Flow control: limits that all messages with the same key share.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use qstash_types::{FlowControl, FlowControlKey, FlowControlRecord, MessageId};

use crate::{
    hall::{Hall, Place, Wake},
    state::{Activity, FlowState, Kept, Key, Refused, StoredMessage, Time, check_name, size},
};

/// How long a key without messages is kept. Paused and pinned keys are kept until they are resumed or unpinned.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// How many keys are kept. Keys of callbacks are accepted beyond that limit.
const MOST_KEYS: usize = 1_000_000;

#[derive(Debug, Default)]
pub(crate) struct FlowControls(BTreeMap<FlowControlKey, Control>);

#[derive(Debug, Default)]
struct Control {
    state: FlowState,
    /// How many unfinished messages have this key.
    messages: usize,
    /// Since when there have been none.
    idle_since: Time,
    /// The timer that checks whether the key has been idle for [`IDLE`] and can be removed.
    idle: Option<Place>,
    /// How many attempts are running.
    running: u32,
    /// Messages that wait until the limits allow an attempt, by ticket.
    line: BTreeMap<u64, MessageId>,
    /// The timer at the end of the period, when the rate allows attempts again.
    wake: Option<Place>,
}

impl Control {
    /// How many attempts may start now.
    fn room(&self, now: Time) -> u32 {
        let most = self.state.limits.parallelism;
        let parallel = most.map_or(u32::MAX, |most| most.get().saturating_sub(self.running));
        match self.state.activity {
            Activity::Running => parallel.min(self.state.rate_left(now)),
            Activity::Paused => 0,
        }
    }
}

/// A change to a flow-control key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowChange {
    /// Lets messages go, or holds them.
    Set(Activity),
    /// Fixes limits, whatever later messages say. The count of the period starts anew.
    Pin {
        /// Deliveries at the same time.
        parallelism: Option<NonZeroU32>,
        /// Deliveries in each period, and the period.
        rate: Option<(NonZeroU32, Duration)>,
    },
    /// Lets later messages set limits again.
    Unpin {
        /// Whether that goes for the parallelism.
        parallelism: bool,
        /// Whether that goes for the rate.
        rate: bool,
    },
    /// Starts a new period at once.
    ResetRate,
}

impl FlowControls {
    /// Whether there is room for a key, and how many bytes it takes up, if it is not known yet.
    pub(crate) fn check_room(&self, key: &FlowControlKey) -> Result<usize, Refused> {
        if self.0.contains_key(key) {
            return Ok(0);
        }
        if self.0.len() >= MOST_KEYS {
            return Err(Refused::Quota("maxFlowControlKeys", MOST_KEYS as u64));
        }
        Ok(size::named(key.as_ref()))
    }

    /// What is known of a key, which is remembered from now on.
    fn control(&mut self, hall: &mut Hall, key: &FlowControlKey) -> &mut Control {
        self.0.entry(key.clone()).or_insert_with(|| {
            hall.budget_mut().charge(size::named(key.as_ref()));
            Control::default()
        })
    }

    /// Counts a message, and takes over its limits, short of those that are pinned.
    pub(crate) fn join(&mut self, hall: &mut Hall, now: Time, own: &FlowControl) {
        let control = self.control(hall, &own.key);
        control.messages += 1;
        let state = &mut control.state;
        let mut limits = own.limits;
        if state.pinned_parallelism {
            limits.parallelism = state.limits.parallelism;
        }
        if state.pinned_rate {
            (limits.rate, limits.period) = (state.limits.rate, state.limits.period);
        }
        if state.limits != limits {
            state.limits = limits;
            self.keep(hall, &own.key);
        }
        self.let_go(hall, now, &own.key);
    }

    /// Counts a message that was there before a restart.
    pub(crate) fn rejoin(&mut self, hall: &mut Hall, key: &FlowControlKey) {
        self.control(hall, key).messages += 1;
    }

    /// Takes a message from the count that has come to its end.
    pub(crate) fn leave(&mut self, hall: &mut Hall, now: Time, key: &FlowControlKey) {
        if let Some(control) = self.0.get_mut(key) {
            control.messages -= 1;
            self.watch_if_idle(hall, now, key);
        }
    }

    /// Takes a message out of the line.
    pub(crate) fn leave_line(&mut self, key: &FlowControlKey, ticket: u64) {
        if let Some(control) = self.0.get_mut(key) {
            control.line.remove(&ticket);
        }
    }

    /// Whether an attempt may start. If not, the message joins the line of its key.
    pub(crate) fn admits(&mut self, hall: &mut Hall, now: Time, message: &StoredMessage) -> bool {
        let Some(own) = &message.terms.flow_control else { return true };
        let control = self.control(hall, &own.key);
        let is_admitted = control.room(now) > 0;
        if is_admitted {
            control.running += 1;
            control.state.start(now);
            self.keep(hall, &own.key);
        } else {
            control.line.insert(hall.throttle(&message.id), message.id.clone());
        }
        self.wait_for_period(hall, now, &own.key);
        is_admitted
    }

    /// An attempt has ended; another one may start.
    pub(crate) fn attempt_ended(&mut self, hall: &mut Hall, now: Time, key: &FlowControlKey) {
        if let Some(control) = self.0.get_mut(key) {
            control.running -= 1;
        }
        self.let_go(hall, now, key);
    }

    /// A period has ended that messages wait for.
    pub(crate) fn period_ended(&mut self, hall: &mut Hall, now: Time, key: &FlowControlKey) {
        if let Some(control) = self.0.get_mut(key) {
            control.wake = None;
        }
        self.let_go(hall, now, key);
    }

    /// Lets as many go as the limits allow.
    pub(crate) fn let_go(&mut self, hall: &mut Hall, now: Time, key: &FlowControlKey) {
        let Some(control) = self.0.get_mut(key) else { return };
        for _ in 0..control.room(now) {
            let Some((_, id)) = control.line.pop_first() else { break };
            hall.make_ready(&id);
        }
        self.wait_for_period(hall, now, key);
    }

    /// Wants to be woken at the end of the period, if that is what messages wait for.
    fn wait_for_period(&mut self, hall: &mut Hall, now: Time, key: &FlowControlKey) {
        let Some(control) = self.0.get_mut(key) else { return };
        if let Some(place) = control.wake.take() {
            hall.do_not_wake(place);
        }
        if !control.line.is_empty() && control.state.rate_left(now) == 0 {
            control.wake = Some(hall.wake_at(control.state.period_end(), Wake::Period(key.clone())));
        }
    }

    pub(crate) fn change(
        &mut self,
        hall: &mut Hall,
        now: Time,
        key: &FlowControlKey,
        change: FlowChange,
    ) -> Result<(), Refused> {
        let control = match change {
            FlowChange::Set(Activity::Paused) | FlowChange::Pin { .. } => {
                check_name("flowControlKey", key.as_ref())?;
                hall.budget().check(self.check_room(key)?)?;
                self.control(hall, key)
            }
            _ => {
                let known = self.0.get_mut(key);
                known.ok_or_else(|| Refused::NotFound(format!("flow-control key {key}")))?
            }
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
        self.keep(hall, key);
        self.let_go(hall, now, key);
        self.watch_if_idle(hall, now, key);
        Ok(())
    }

    fn keep(&self, hall: &mut Hall, key: &FlowControlKey) {
        if let Some(control) = self.0.get(key) {
            hall.keep(Kept::FlowControl(key.clone(), control.state.clone()));
        }
    }

    pub(crate) fn restore(&mut self, hall: &mut Hall, key: &FlowControlKey, state: FlowState) {
        self.control(hall, key).state = state;
    }

    /// Looks at all keys after a restart, some of which may be out of use.
    pub(crate) fn watch_idle(&mut self, hall: &mut Hall) {
        let keys: Vec<_> = self.0.keys().cloned().collect();
        for key in keys {
            self.watch_if_idle(hall, Time::default(), &key);
        }
    }

    fn watch_if_idle(&mut self, hall: &mut Hall, now: Time, key: &FlowControlKey) {
        let Some(control) = self.0.get_mut(key) else { return };
        if control.messages == 0 {
            control.idle_since = now;
            if control.idle.is_none() {
                let end = (now + IDLE).max(control.state.period_end());
                control.idle = Some(hall.wake_at(end, Wake::Idle(key.clone())));
            }
        }
    }

    pub(crate) fn forget_if_idle(&mut self, hall: &mut Hall, now: Time, key: &FlowControlKey) {
        let Some(control) = self.0.get_mut(key) else { return };
        control.idle = None;
        let state = &control.state;
        let is_set = state.activity == Activity::Paused || state.pinned_parallelism || state.pinned_rate;
        if control.messages > 0 || is_set {
            return;
        }
        let end = (control.idle_since + IDLE).max(state.period_end());
        if end > now {
            control.idle = Some(hall.wake_at(end, Wake::Idle(key.clone())));
        } else {
            self.0.remove(key);
            hall.budget_mut().release(size::named(key.as_ref()));
            hall.forget(Key::FlowControl(key.clone()));
        }
    }

    /// The limits that hold for a message, which later messages may have changed.
    pub(crate) fn in_force(&self, own: &FlowControl) -> FlowControl {
        let limits = self.0.get(&own.key).map_or(own.limits, |control| control.state.limits);
        FlowControl { key: own.key.clone(), limits }
    }

    /// The keys that hold the text, as they stand now.
    pub(crate) fn records(&self, now: Time, text: &str) -> impl Iterator<Item = FlowControlRecord> {
        let matching = self.0.iter().filter(move |(key, _)| key.as_str().contains(text));
        matching.map(move |(key, control)| control.record(key, now))
    }

    pub(crate) fn record(&self, now: Time, key: &str) -> Option<FlowControlRecord> {
        self.0.get_key_value(key).map(|(key, control)| control.record(key, now))
    }
}

impl Control {
    fn record(&self, key: &FlowControlKey, now: Time) -> FlowControlRecord {
        let state = &self.state;
        let mut record = FlowControlRecord::new(key.clone());
        record.wait_list_size = self.line.len() as u64;
        record.parallelism_max = state.limits.parallelism.map_or(0, NonZeroU32::get);
        record.parallelism_count = self.running;
        record.rate_max = state.limits.rate.map_or(0, NonZeroU32::get);
        record.rate_count = state.started(now);
        record.rate_period = Some(state.period());
        record.rate_period_start = Some(state.period_start.into());
        record.paused = state.activity == Activity::Paused;
        record.parallelism_pinned = state.pinned_parallelism;
        record.rate_pinned = state.pinned_rate;
        record
    }
}
