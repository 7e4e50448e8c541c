//! What the broker may never do.

use super::*;

impl Year {
    pub(super) fn entered(&mut self, entry: &Entry, revived: &[MessageId]) {
        let id = &entry.message.id;
        if entry.state == LogState::Created {
            self.accepted(&entry.message, revived);
        }
        let known = self.known.get_mut(id).unwrap();
        assert!(!known.ended, "nothing happens to {id} after its end");
        match entry.state {
            LogState::CancelRequested => {
                known.cancelled = true;
                // It may leave its line from the middle.
                for line in self.lines.values_mut() {
                    line.retain(|waiting| waiting != id);
                }
            }
            LogState::Error => {
                known.due = entry.next_attempt.unwrap_or(known.due);
                let wait = match known.ending {
                    Some(Ending::RefusedFor(wait)) => wait,
                    _ => backoff(known.attempts),
                };
                let expected = self.now + wait;
                assert!(entry.next_attempt.is_none_or(|due| due == expected), "the wait of {id}");
            }
            LogState::Canceled => known.ended = true,
            LogState::Delivered => {
                assert_eq!(known.ending, Some(Ending::Taken), "nobody has taken {id}");
                known.ended = true;
            }
            LogState::Failed => {
                assert!(!known.cancelled, "{id} was cancelled, which is no failure");
                assert!(
                    known.attempts == 1 + known.max_retries || known.ending == Some(Ending::RefusedForGood),
                    "{id} is given up too early"
                );
                known.ended = true;
                known.dead_letters += 1;
            }
            _ => {}
        }
        if known.ended {
            self.unfinished.remove(id);
            if let Some(source) = &known.source {
                *self.reports.get_mut(source).unwrap() -= 1;
            }
        }
        let line = format!("{} {} {}\n", entry.time.since_epoch(), id, entry.state);
        self.log.push_str(&line);
    }

    pub(super) fn accepted(&mut self, message: &StoredMessage, revived: &[MessageId]) {
        if let Some(schedule) = &message.terms.schedule_id
            && message.source.is_none()
            && !revived.contains(&message.id)
        {
            *self.scheduled.entry(schedule.to_string()).or_default() += 1;
        } else if message.source.is_none() {
            self.published.push(message.id.clone());
        }
        let report: Report = serde_json::from_slice(&message.terms.body).unwrap();
        // A callback that is taken out of the dead letter queue reports nothing new.
        let source = report.source_message_id.filter(|_| !revived.contains(&message.id));
        if let Some(source) = source.as_ref().and_then(|id| self.known.get_mut(id)) {
            assert_eq!(report.retried.map(|retried| retried + 1), Some(source.attempts));
            // Its last attempt may have delivered it all the same, which the log has told by now.
            assert!(!source.cancelled || source.ended, "nobody hears of a message that was cancelled");
            if report.dlq_id.is_some() {
                source.failure_callbacks += 1;
            } else {
                source.callbacks += 1;
            }
        }
        if let Some(source) = &source {
            *self.reports.entry(source.clone()).or_default() += 1;
        }
        if let Some(FlowControl { key, limits }) = message.terms.flow_control.as_deref() {
            let flow = self.flows.entry(key.to_string()).or_default();
            if !flow.has_pinned_parallelism {
                flow.limits.parallelism = limits.parallelism;
            }
            if !flow.has_pinned_rate {
                (flow.limits.rate, flow.limits.period) = (limits.rate, limits.period);
            }
        }
        if message.url_group.is_some() && !revived.contains(&message.id) {
            let default =
                message.terms.headers().get("x-default").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(
                default,
                Some(self.group_default).filter(|&count| count > 0).map(|count| count.to_string())
            );
        }
        let queue = message.terms.queue.as_ref().map(ToString::to_string);
        let known = Known {
            number: self.known.len(),
            is_delayed: message.not_before > message.created_at,
            queue,
            flow: message.terms.flow_control.as_ref().map(|flow| flow.key.to_string()),
            has_callback: message.terms.callback.is_some(),
            has_failure_callback: message.terms.failure_callback.is_some(),
            source,
            max_retries: usize::try_from(message.terms.max_retries).unwrap(),
            timeout: message.terms.timeout,
            due: message.not_before,
            ..Known::default()
        };
        if let Some(queue) = &known.queue
            && !known.is_delayed
        {
            self.lines.entry(queue.clone()).or_default().push(message.id.clone());
        }
        assert!(self.known.insert(message.id.clone(), known).is_none(), "an id is new");
        self.unfinished.insert(message.id.clone());
    }

    pub(super) fn started(&mut self, delivery: Dispatch) {
        let id = delivery.message.clone();
        let known = self.known.get_mut(&id).unwrap();
        assert!(!known.ended, "{id} is attempted after its end");
        assert!(!known.cancelled, "{id} is attempted after it was cancelled");
        assert!(self.now >= known.due, "{id} is attempted too early");
        assert_eq!(known.since.replace(self.now), None, "{id} is attempted twice at the same time");
        known.attempts += 1;
        assert!(known.attempts <= 1 + known.max_retries, "{id} is attempted too often");
        let known = &self.known[&id];
        if let Some(queue) = &known.queue {
            assert!(!self.paused.contains(queue), "a paused queue delivers");
            let line = self.lines.entry(queue.clone()).or_default();
            if let Some(place) = line.iter().position(|waiting| *waiting == id) {
                assert_eq!(place, 0, "{id} overtakes in {queue}");
                line.remove(0);
            }
            let slots = self.slots.entry(queue.clone()).or_default();
            slots.retain(|id| !self.known[id].ended || self.reports.get(id).is_some_and(|&count| count > 0));
            let is_new = slots.insert(id.clone());
            assert!(
                !is_new || slots.len() <= self.parallelism[queue],
                "too many of {queue} are on their way"
            );
        }
        if let Some(key) = &known.flow {
            let flow = self.flows.get_mut(key).unwrap();
            if self.now >= flow.start + flow.limits.period.unwrap() {
                flow.period_starts(self.now);
            }
            assert!(!flow.is_paused, "{key} is paused");
            flow.running += 1;
            flow.started += 1;
            assert!(
                flow.limits.parallelism.is_none_or(|most| flow.running <= most.get()),
                "too many of {key}"
            );
            assert!(flow.limits.rate.is_none_or(|most| flow.started <= most.get()), "{key} is too fast");
        }
        self.running.insert(delivery.attempt.0, delivery);
        assert!(self.running.len() <= 128);
    }

    pub(super) fn timed_out(&mut self, attempt: u64) {
        let known = self.known.get_mut(&self.running[&attempt].message).unwrap();
        assert!(self.now >= known.since.unwrap() + known.timeout, "an attempt has its time");
        known.ending = Some(Ending::Refused);
        self.ended(attempt);
    }

    pub(super) fn ended(&mut self, attempt: u64) {
        let delivery = self.running.remove(&attempt).expect("an attempt ends once");
        self.known.get_mut(&delivery.message).unwrap().since = None;
        if let Some(flow) = &self.known[&delivery.message].flow {
            self.flows.get_mut(flow).unwrap().running -= 1;
        }
    }

    /// What must hold after each step, in which these messages have failed for good.
    pub(super) fn check(&mut self, failed: &[MessageId]) {
        self.dead += failed.len();
        let newest = self.broker.dead_letters().take(failed.len()).map(|entry| entry.message.message_id);
        assert!(newest.eq(failed.iter().rev().cloned()), "a dead letter for each of {failed:?}");
        for delivery in self.running.values() {
            let known = &self.known[&delivery.message];
            assert!(self.now < known.since.unwrap() + known.timeout, "an attempt has no more than its time");
        }
        let due = self.triggers.iter().filter(|&(_, &next)| next <= self.now);
        let expected = due.map(|(id, _)| (id.clone(), if id == "fanned" { 2 } else { 1 }));
        let expected: BTreeMap<_, _> = expected.collect();
        assert_eq!(self.scheduled, expected, "schedules publish when it is time, and at no other");
        if !expected.is_empty() {
            self.plan();
        }
        if self.steps.is_multiple_of(16) {
            self.nobody_waits_in_vain();
        }
    }

    /// Looks at when schedules are to publish next.
    pub(super) fn plan(&mut self) {
        let planned = self.broker.schedules();
        let planned =
            planned.map(|record| (record.schedule_id.to_string(), Time::of(record.next_run.unwrap())));
        self.triggers = planned.collect();
        assert!(self.triggers.values().all(|&next| next > self.now));
        let quarter = 6 * 60 * 60 * 1000;
        if let Some(next) = self.triggers.get("plain") {
            let expected = (self.now.since_epoch() / quarter + 1) * quarter;
            assert_eq!(next.since_epoch(), expected, "the hours are those of UTC");
        }
    }

    /// What is due runs, unless a limit holds it back. With fewer than 112 attempts running, every host may have another one.
    fn nobody_waits_in_vain(&self) {
        for id in &self.unfinished {
            let known = &self.known[id];
            if known.since.is_none() && !known.cancelled && known.due <= self.now && self.running.len() < 112
            {
                assert!(self.is_held(id, known), "{id} could run");
            }
        }
    }

    fn is_held(&self, id: &MessageId, known: &Known) -> bool {
        let in_queue = known.queue.as_ref().is_some_and(|queue| {
            let slots = self.slots.get(queue).into_iter().flatten();
            let taken: Vec<_> = slots.filter(|id| self.has_slot(id)).collect();
            // Messages of the first queue may wait for their flow control in a slot that is not seen here.
            queue == QUEUES[0].0
                || self.paused.contains(queue)
                || (!taken.contains(&id) && taken.len() >= self.parallelism[queue])
        });
        let by_flow = known.flow.as_ref().is_some_and(|key| {
            let Flow { limits, is_paused, running, start, started, .. } = &self.flows[key];
            let is_over = self.now >= *start + limits.period.unwrap();
            *is_paused
                || limits.parallelism.is_some_and(|most| *running >= most.get())
                || limits.rate.is_some_and(|most| !is_over && *started >= most.get())
        });
        in_queue || by_flow
    }

    /// Whether a message that was attempted, or a callback of it, is still on its way.
    fn has_slot(&self, id: &MessageId) -> bool {
        !self.known[id].ended || self.reports.get(id).is_some_and(|&count| count > 0)
    }

    /// What must hold of each message when all is over.
    pub(super) fn judge(&self) {
        let pinned =
            self.flows.values().filter(|flow| flow.has_pinned_parallelism || flow.has_pinned_rate).count();
        assert_eq!(self.broker.flow_controls(self.now, "").count(), pinned, "others are forgotten");
        assert_eq!(self.broker.dead_letters().count(), self.dead);
        // Beside those, two queues and the URL group.
        assert_eq!(self.kept.len(), pinned + self.dead + 3, "no record is left over");
        for (id, known) in &self.known {
            assert!(known.ended, "{id} was lost");
            assert!(known.dead_letters <= 1, "{id} is in the dead letter queue twice");
            let expected = if known.has_failure_callback { known.dead_letters } else { 0 };
            assert_eq!(known.failure_callbacks, expected, "failure callbacks of {id}");
            if !known.has_callback {
                assert_eq!(known.callbacks, 0);
            } else if known.cancelled {
                assert!(known.callbacks <= known.attempts);
            } else {
                assert_eq!(known.callbacks, known.attempts, "callbacks of {id}");
            }
        }
    }
}

/// How long the wait is after that many attempts, which are three at the most.
fn backoff(attempts: usize) -> Duration {
    Duration::from_millis([12_182, 148_413, 1_808_042].get(attempts - 1).copied().unwrap_or_default())
}
