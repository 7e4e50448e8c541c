//! From a publish request to messages on their way.

use std::{mem, sync::Arc};

use bytes::Bytes;
use qstash_types::{Destination, LogState, MessageId, Receipt};

use super::{
    Accepted, Broker, Endpoint, Message, Millis, Publication, Refused,
    deduplication::{self, Fingerprint},
    due::Wake,
    machine::{Stage, Tracked},
    options,
    queues::Slot,
    record::{Kept, KeptMessage, Window},
};

/// How many messages may be on their way, or wait for it. Callbacks are accepted beyond.
const MOST_MESSAGES: usize = 2_000_000;
/// How many bytes of headers and bodies they may have, together with schedules.
const MOST_BYTES: u64 = 4 * 1024 * 1024 * 1024;

impl Broker {
    /// Accepts a message, or one for each endpoint of a URL group; if one is refused, all are.
    pub(super) fn publish(&mut self, now: Millis, publication: Publication) -> Result<Accepted, Refused> {
        let Publication { destination, mut options, headers, body, caller_ip } = publication;
        let (url_group, endpoints) = match destination {
            Destination::Url(url) => (None, vec![Endpoint { name: None, url }]),
            Destination::UrlGroup(name) => {
                let group = self.url_groups.get(&name).ok_or_else(|| Refused::url_group(&name))?;
                options = options::on_top_of(options, &group.defaults);
                (Some(name), group.endpoints.clone())
            }
            unknown => return Err(Refused::NotFound(unknown.to_string())),
        };
        options::check(&options, now)?;
        if options.forward_all_headers {
            let named = mem::take(&mut options.settings.forward);
            options.settings.forward = options::headers_on_top_of(&named, headers);
        }
        self.check_room(endpoints.iter().map(|_| &body))?;
        if let Some(flow_control) = &options.settings.flow_control {
            self.flow_controls.check_room(&flow_control.key)?;
        }
        let deduplication = options.deduplication.take();
        let messages = endpoints.into_iter().map(|endpoint| {
            let id = self.ids.message();
            let mut message =
                Message::published(id, now, endpoint.url, options.clone(), body.clone(), caller_ip);
            message.url_group.clone_from(&url_group);
            message.endpoint = endpoint.name;
            let fingerprint = deduplication.clone().map(|wanted| Fingerprint::of(&message, wanted));
            (message, fingerprint)
        });
        let messages: Vec<_> = messages.collect();
        self.windows.check_room(messages.iter().filter_map(|(_, fingerprint)| fingerprint.as_ref()))?;
        if let Some(queue) = &options.queue {
            self.ensure_queue(now, queue)?;
        }
        let mut receipts = Vec::with_capacity(messages.len());
        for (message, fingerprint) in messages {
            let mut receipt =
                match fingerprint.and_then(|fingerprint| self.first(now, &message.id, fingerprint)) {
                    Some(first) => duplicate_of(first),
                    None => Receipt::new(message.id.clone()),
                };
            receipt.url = url_group.as_ref().map(|_| message.url.to_string());
            if !receipt.deduplicated {
                self.accept(now, message, None);
            }
            receipts.push(receipt);
        }
        Ok(match url_group {
            Some(_) => Accepted::Each(receipts),
            None => Accepted::One(receipts.remove(0)),
        })
    }

    /// Whether there is room for messages with these bodies.
    pub(super) fn check_room<'a>(
        &self,
        bodies: impl Iterator<Item = &'a Bytes> + Clone,
    ) -> Result<(), Refused> {
        let bytes: u64 = bodies.clone().map(|body| body.len() as u64).sum();
        if self.messages.len() + bodies.count() > MOST_MESSAGES || self.bytes + bytes > MOST_BYTES {
            return Err(Refused::Quota("maxMessages"));
        }
        Ok(())
    }

    /// The message that was accepted first within the window; a window opens if there is none.
    fn first(&mut self, now: Millis, id: &MessageId, fingerprint: Fingerprint) -> Option<MessageId> {
        let first = self.windows.first(&fingerprint).cloned();
        if first.is_none() {
            let window = Window { fingerprint, first: id.clone(), closes: now + deduplication::WINDOW };
            self.keep(Kept::Window(window.clone()));
            self.open(window);
        }
        first
    }

    pub(super) fn open(&mut self, window: Window) {
        let Window { fingerprint, first, closes } = window;
        self.windows.open(fingerprint.clone(), first);
        self.due.add(closes, Wake::CloseWindow(Box::new(fingerprint)));
    }

    /// Takes charge of a message.
    pub(super) fn accept(&mut self, now: Millis, message: Message, slot: Option<Slot>) {
        let message = Arc::new(message);
        let number = self.accepted;
        self.accepted += 1;
        self.keep(Kept::Message(KeptMessage { number, message: message.clone(), slot: slot.clone() }));
        self.enter(now, &message, LogState::Created);
        self.queues.join(&message);
        let (id, not_before) = (message.id.clone(), message.not_before);
        let place = self.due.add(not_before, Wake::Attempt(id.clone()));
        let flow_control = message.flow_control.clone();
        let stage = Stage::Waiting(place);
        self.bytes += message.bytes() as u64;
        let tracked = Tracked { message, number, retried: 0, stage, ticket: 0, slot, cancelled: false };
        self.messages.insert(id, Box::new(tracked));
        if let Some(flow_control) = flow_control {
            self.flow_controls.join(&flow_control.key);
            self.apply_limits(now, &flow_control);
        }
    }
}

fn duplicate_of(first: MessageId) -> Receipt {
    let mut receipt = Receipt::new(first);
    receipt.deduplicated = true;
    receipt
}
