//! Deduplication: for a while after a message is accepted, messages with the same fingerprint are duplicates.

use std::{collections::HashMap, time::Duration};

use qstash_types::MessageId;

use crate::{
    hall::{Hall, Wake},
    state::{Fingerprint, Kept, Key, Refused, Time, Window, size},
};

/// How long duplicates of a message are recognised, counted from when it was accepted.
const SPAN: Duration = Duration::from_secs(10 * 60);
/// How many windows may be open at the same time. Each takes up some 250 bytes.
const MOST_WINDOWS: usize = 8_000_000;

/// The windows that are open: the first message of each fingerprint.
#[derive(Debug, Default)]
pub(crate) struct Windows(HashMap<Fingerprint, MessageId>);

impl Windows {
    /// The message that was accepted first within the window; a window opens for this one if there is none.
    pub(crate) fn first(
        &mut self,
        hall: &mut Hall,
        now: Time,
        id: &MessageId,
        fingerprint: Fingerprint,
    ) -> Option<MessageId> {
        let first = self.0.get(&fingerprint).cloned();
        if first.is_none() {
            let window = Window { fingerprint, first: id.clone(), closes: now + SPAN };
            hall.keep(Kept::Window(window.clone()));
            self.open(hall, window);
        }
        first
    }

    /// Opens a window, or one that was open before a restart.
    pub(crate) fn open(&mut self, hall: &mut Hall, window: Window) {
        let Window { fingerprint, first, closes } = window;
        hall.budget_mut().charge(size::WINDOW);
        self.0.insert(fingerprint.clone(), first);
        hall.wake_at(closes, Wake::CloseWindow(Box::new(fingerprint)));
    }

    pub(crate) fn close(&mut self, hall: &mut Hall, fingerprint: Fingerprint) {
        self.0.remove(&fingerprint);
        hall.budget_mut().release(size::WINDOW);
        hall.forget(Key::Window(fingerprint));
    }

    /// Whether there is room for those of these windows that are not open yet.
    pub(crate) fn check_room<'a>(
        &self,
        wanted: impl Iterator<Item = &'a Fingerprint>,
    ) -> Result<(), Refused> {
        self.check_room_among(MOST_WINDOWS, wanted)
    }

    fn check_room_among<'a>(
        &self,
        most: usize,
        wanted: impl Iterator<Item = &'a Fingerprint>,
    ) -> Result<(), Refused> {
        let fresh = wanted.filter(|fingerprint| !self.0.contains_key(fingerprint)).count();
        if fresh > 0 && self.0.len() + fresh > most {
            return Err(Refused::Quota("maxDeduplicationIds", most as u64));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bytes::Bytes;
    use qstash_types::{Deduplication, DeliveryOptions, Url};

    use super::*;
    use crate::state::{Capacity, StoredMessage};

    fn fingerprint(body: &'static str) -> Fingerprint {
        let id = MessageId::new("msg_1").expect("it is an id");
        let url = Url::received("http://127.0.0.1").expect("it is a URL");
        let (body, caller) = (Bytes::from(body), Ipv4Addr::LOCALHOST.into());
        let message =
            StoredMessage::published(id, Time::default(), url, DeliveryOptions::default(), body, caller);
        Fingerprint::of(&message, Deduplication::ByContent)
    }

    #[test]
    fn a_window_for_which_there_is_no_room_is_refused_and_one_that_is_open_is_not() {
        let [known, fresh] = ["known", "fresh"].map(fingerprint);
        let (mut hall, mut windows) = (Hall::new(1, Capacity::default()), Windows::default());
        let id = MessageId::new("msg_1").expect("it is an id");
        windows.first(&mut hall, Time::default(), &id, known.clone());
        assert_eq!(windows.check_room_among(1, [&known].into_iter()), Ok(()));
        assert_eq!(
            windows.check_room_among(1, [&known, &fresh].into_iter()),
            Err(Refused::Quota("maxDeduplicationIds", 1))
        );
        windows.close(&mut hall, known);
        assert_eq!(windows.check_room_among(1, [&fresh].into_iter()), Ok(()));
    }
}
