//! What happens to the broker: messages, attempts that end, changes by its owner, crashes.

use super::*;

impl Year {
    pub(super) fn publish(&mut self) {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: String| {
            headers.insert(name, value.parse().unwrap());
        };
        put("upstash-retries", self.dice.below(4).to_string());
        if self.dice.one_in(2) {
            put("upstash-callback", "http://127.0.0.1:9/c".to_owned());
            put("upstash-callback-retries", "1".to_owned());
        }
        if self.dice.one_in(2) {
            put("upstash-failure-callback", "http://127.0.0.1:9/f".to_owned());
            put("upstash-failure-callback-retries", "1".to_owned());
        }
        if self.dice.one_in(4) {
            put("upstash-delay", format!("{}s", self.dice.below(7200)));
        }
        if self.dice.one_in(3) {
            put("upstash-timeout", "30s".to_owned());
        }
        let mut queue = None;
        let pick = usize::try_from(self.dice.below(9)).unwrap();
        if pick < 4 || pick == 6 {
            queue = Some(QUEUES[pick % 2].0);
        }
        if (4..7).contains(&pick) {
            let (key, limits) = FLOWS[pick % 2 + if self.dice.one_in(8) { 2 } else { 0 }];
            put("upstash-flow-control-key", key.to_owned());
            put("upstash-flow-control-value", limits.to_owned());
        }
        let destination = if self.dice.one_in(10) { "group" } else { "http://127.0.0.1:9/x" };
        let deduplication = self.dice.one_in(3).then(|| self.dice.below(10));
        if let Some(id) = deduplication {
            put("upstash-deduplication-id", id.to_string());
        }
        let receipts = match self.call(Publish(publication(destination, &headers, queue))) {
            Accepted::One(receipt) => vec![receipt],
            Accepted::Each(receipts) => receipts,
        };
        assert_eq!(receipts.len(), if destination == "group" { 2 } else { 1 });
        let fresh =
            receipts.iter().filter(|receipt| !receipt.deduplicated).map(|receipt| &receipt.message_id);
        assert!(self.published.iter().eq(fresh), "a duplicate is no message, and all others are");
        for receipt in receipts {
            match deduplication {
                Some(id) => self.deduplicated(id, receipt),
                None => assert!(!receipt.deduplicated),
            }
        }
    }

    fn deduplicated(&mut self, id: u64, receipt: Receipt) {
        let window = (id, receipt.url);
        let open = self.windows.get(&window).filter(|(since, _)| self.now < *since + WINDOW);
        if let Some((_, first)) = open {
            assert_eq!((&receipt.message_id, receipt.deduplicated), (first, true));
        } else {
            assert!(!receipt.deduplicated, "the window was closed");
            self.windows.insert(window, (self.now, receipt.message_id));
        }
    }

    pub(super) fn end_one(&mut self) {
        let Ok(count) = u64::try_from(self.running.len()) else { return };
        if count == 0 {
            return;
        }
        let pick = usize::try_from(self.dice.below(count)).unwrap();
        let attempt = *self.running.keys().nth(pick).unwrap();
        let (outcome, ending) = match self.dice.below(10) {
            0..5 => (answered(200), Ending::Taken),
            5..8 => (answered(500), Ending::Refused),
            8 if self.dice.one_in(2) => {
                let final_ = [("upstash-nonretryable-error", "true")];
                (answered_with(489, &final_, ""), Ending::RefusedForGood)
            }
            8 => {
                let wait = Ending::RefusedFor(Duration::from_secs(90));
                (answered_with(429, &[("retry-after", "90")], ""), wait)
            }
            _ => (AttemptEnd::Failed("connection failed".to_owned()), Ending::Refused),
        };
        let id = self.running[&attempt].message.clone();
        self.known.get_mut(&id).unwrap().ending = Some(ending);
        self.ended(attempt);
        self.handle(Event::AttemptEnded { attempt: AttemptId(attempt), end: outcome });
        if matches!(ending, Ending::Taken | Ending::RefusedForGood) {
            assert!(self.known[&id].ended, "{id} has come to its end");
        }
    }

    pub(super) fn administer(&mut self) {
        // What is not there any more cannot be changed.
        self.handle(Event::Due);
        match self.dice.below(9) {
            0 => {
                let (queue, _) = QUEUES[usize::try_from(self.dice.below(2)).unwrap()];
                let pause = self.dice.one_in(3);
                if pause {
                    self.paused.insert(queue.to_owned());
                } else {
                    self.paused.remove(queue);
                }
                let activity = Some(if pause { Activity::Paused } else { Activity::Running });
                let name = QueueName::new(queue).unwrap();
                self.call(PutQueue { name, parallelism: None, activity });
            }
            1 | 2 => {
                if let Some(count) = u64::try_from(self.unfinished.len()).ok().filter(|&count| count > 0) {
                    let pick = usize::try_from(self.dice.below(count)).unwrap();
                    let id = self.unfinished.iter().nth(pick).unwrap().clone();
                    self.call(Cancel { selector: Selector::messages([id.as_str()]), most: 1 });
                }
            }
            3 => {
                let page = PageRequest { after: None, count: 3 };
                self.retry_dead_letters(RetryDeadLetters {
                    selector: Selector::default(),
                    page,
                    changes: Box::default(),
                });
            }
            4 => self.change_flow_control(),
            5 => {
                self.group_default += 1;
                let mut defaults = DeliveryOptions::default();
                defaults.settings.forward.insert("x-default", self.group_default.into());
                let name = UrlGroupName::new("group").unwrap();
                self.call(SetDefaults(name, Box::new(defaults)));
            }
            6 => {
                let most = usize::try_from(self.dice.below(3)).unwrap();
                self.call(Cancel { selector: Selector::default(), most });
            }
            7 => {
                let parallelism = 1 + usize::try_from(self.dice.below(4)).unwrap();
                self.set_parallelism("q3", parallelism);
            }
            _ => {
                let page = PageRequest { after: None, count: 5 };
                self.dead -= self.call(DeleteDeadLetters { selector: Selector::default(), page }).count;
            }
        }
    }

    pub(super) fn set_parallelism(&mut self, queue: &str, parallelism: usize) {
        self.parallelism.insert(queue.to_owned(), parallelism);
        let parallelism = NonZeroU32::new(u32::try_from(parallelism).unwrap());
        let name = QueueName::new(queue).unwrap();
        self.call(PutQueue { name, parallelism, activity: None });
    }

    pub(super) fn set_flow_control(&mut self, key: &str, activity: Activity) {
        if self.broker.flow_control(self.now, key).is_some() {
            self.flows.get_mut(key).unwrap().is_paused = activity == Activity::Paused;
            let key = FlowControlKey::new(key).unwrap();
            self.call(ChangeFlowControl(key, FlowChange::Set(activity)));
        }
    }

    pub(super) fn change_flow_control(&mut self) {
        let (key, _) = FLOWS[usize::try_from(self.dice.below(2)).unwrap()];
        if self.broker.flow_control(self.now, key).is_none() {
            return;
        }
        if self.dice.one_in(3) {
            let pause = self.dice.one_in(3);
            self.set_flow_control(key, if pause { Activity::Paused } else { Activity::Running });
            return;
        }
        let flow = self.flows.get_mut(key).unwrap();
        let change = match self.dice.below(4) {
            0 => {
                let parallelism = self.dice.one_in(2).then_some(NonZeroU32::MIN);
                let rate = (parallelism.is_none() || self.dice.one_in(2))
                    .then_some((NonZeroU32::new(7).unwrap(), Duration::from_secs(600)));
                if parallelism.is_some() {
                    flow.has_pinned_parallelism = true;
                    flow.limits.parallelism = parallelism;
                }
                if let Some((rate, period)) = rate {
                    flow.has_pinned_rate = true;
                    (flow.limits.rate, flow.limits.period) = (Some(rate), Some(period));
                }
                flow.period_starts(self.now);
                FlowChange::Pin { parallelism, rate }
            }
            1 | 2 => {
                (flow.has_pinned_parallelism, flow.has_pinned_rate) = (false, false);
                FlowChange::Unpin { parallelism: true, rate: true }
            }
            _ => {
                flow.period_starts(self.now);
                FlowChange::ResetRate
            }
        };
        self.call(ChangeFlowControl(FlowControlKey::new(key).unwrap(), change));
    }

    /// The broker is gone with all attempts that were running, and another one goes on from what was kept.
    pub(super) fn crash(&mut self) {
        self.crashes += 1;
        let restored = Broker::restore(
            self.crashes << 32 | self.steps,
            Capacity::default(),
            self.kept.values().map(reread),
        );
        assert_eq!(self.shown(&restored), self.shown(&self.broker));
        assert_eq!(restored.memory(), self.broker.memory());
        self.broker = restored;
        for delivery in mem::take(&mut self.running).into_values() {
            let known = self.known.get_mut(&delivery.message).unwrap();
            known.attempts -= 1;
            known.since = None;
            if let Some(flow) = &known.flow {
                self.flows.get_mut(flow).unwrap().running -= 1;
            }
            let Some(queue) = known.queue.as_ref().filter(|_| known.attempts == 0) else { continue };
            // Its slot is free, and it is the first in its line again.
            self.slots.get_mut(queue).unwrap().remove(&delivery.message);
            if !known.is_delayed && !known.cancelled {
                let line = self.lines.get_mut(queue).unwrap();
                line.push(delivery.message);
                line.sort_unstable_by_key(|id| self.known[id].number);
            }
        }
        self.now = self.now + Duration::from_millis(1);
        self.handle(Event::Due);
    }

    /// What the API shows of a broker, short of what attempts that are running make of it.
    pub(super) fn shown(&self, broker: &Broker) -> Vec<Value> {
        let mut controls: Vec<_> = broker.flow_controls(self.now, "").map(|record| json!(record)).collect();
        for control in &mut controls {
            for count in ["parallelismCount", "waitListSize"] {
                control.as_object_mut().unwrap().remove(count);
            }
        }
        let messages = self.unfinished.iter().map(|id| json!(broker.message(id.as_str())));
        let queues = broker.queues().map(|record| json!(record));
        let groups = broker.url_groups().map(|record| json!(record));
        let schedules = broker.schedules().map(|record| json!(record));
        let dead_letters = broker.dead_letters().map(|record| json!(record));
        controls
            .into_iter()
            .chain(messages)
            .chain(queues)
            .chain(groups)
            .chain(schedules)
            .chain(dead_letters)
            .collect()
    }
}
