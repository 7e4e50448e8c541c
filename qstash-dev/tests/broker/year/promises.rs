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
            LogState::Delivered | LogState::Canceled => known.ended = true,
            LogState::Failed => {
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

    pub(super) fn accepted(&mut self, message: &Message, revived: &[MessageId]) {
        let report: Report = serde_json::from_slice(&message.body).unwrap();
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
        if let Some(FlowControl { key, limits }) = message.flow_control.as_deref() {
            let flow = self.flows.entry(key.to_string()).or_default();
            if !flow.has_pinned_parallelism {
                flow.limits.parallelism = limits.parallelism;
            }
            if !flow.has_pinned_rate {
                (flow.limits.rate, flow.limits.period) = (limits.rate, limits.period);
            }
        }
        if message.url_group.is_some() && !revived.contains(&message.id) {
            let default = message.headers().get("x-default").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(
                default,
                Some(self.group_default).filter(|&count| count > 0).map(|count| count.to_string())
            );
        }
        let queue = message.queue.as_ref().map(ToString::to_string);
        let known = Known {
            number: self.known.len(),
            is_delayed: message.not_before > message.created_at,
            queue,
            flow: message.flow_control.as_ref().map(|flow| flow.key.to_string()),
            has_callback: message.callback.is_some(),
            has_failure_callback: message.failure_callback.is_some(),
            source,
            max_retries: usize::try_from(message.max_retries).unwrap(),
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

    pub(super) fn started(&mut self, delivery: Delivery) {
        let id = delivery.message.clone();
        let known = self.known.get_mut(&id).unwrap();
        assert!(!known.ended, "{id} is attempted after its end");
        assert!(!known.cancelled, "{id} is attempted after it was cancelled");
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

    pub(super) fn ended(&mut self, attempt: u64) {
        let delivery = self.running.remove(&attempt).expect("an attempt ends once");
        if let Some(flow) = &self.known[&delivery.message].flow {
            self.flows.get_mut(flow).unwrap().running -= 1;
        }
    }

    /// What must hold after each step, in which these messages have failed for good.
    pub(super) fn check(&mut self, failed: &[MessageId]) {
        self.dead += failed.len();
        let newest = self.broker.dead_letters().take(failed.len()).map(|entry| entry.message.message_id);
        assert!(newest.eq(failed.iter().rev().cloned()), "a dead letter for each of {failed:?}");
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
