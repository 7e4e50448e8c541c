//! The defaults for every message of a client.

use std::mem;

use http::HeaderMap;
use qstash_types::{DeliveryOptions, header};

use crate::message::MessageParts;

/// The options of [`ClientBuilder::message_defaults`](crate::ClientBuilder::message_defaults), checked.
#[derive(Clone)]
pub(crate) struct Defaults {
    options: DeliveryOptions,
    headers: HeaderMap,
    is_empty: bool,
}

impl Defaults {
    pub(crate) fn new(options: DeliveryOptions, headers: HeaderMap) -> Self {
        let is_empty = headers.is_empty() && options == DeliveryOptions::default();
        Self { options, headers, is_empty }
    }

    /// Sets what the message has not set.
    pub(crate) fn fill(&self, message: &mut MessageParts) {
        if self.is_empty {
            return;
        }
        // A queue knows no delay.
        let start = message.options.start;
        let is_in_queue = message.options.queue.is_some();
        message.options = mem::take(&mut message.options).or(&self.options);
        if is_in_queue {
            message.options.start = start;
        }
        message.headers = header::or(mem::take(&mut message.headers), &self.headers);
    }
}
