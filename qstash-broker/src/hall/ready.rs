//! The ready line: messages that wait for nothing but a free attempt, and how attempts are shared out among hosts.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    num::NonZeroUsize,
};

use qstash_types::{Authority, Host, MessageId, Url};

/// Of so many attempts, one is kept for hosts that have none running.
const SHARE_OF_RESERVE: usize = 8;

/// Messages that are ready, by ticket, apart for each host.
///
/// A host may have as many attempts running as there are free ones left without the reserve, so it takes half of them when
/// it is alone, and its share shrinks as others come. A host without an attempt takes one of the reserve, which is an eighth:
/// of 256 attempts, up to 32 hosts find one although all others hang.
#[derive(Debug)]
pub(super) struct Ready {
    /// How many attempts may run at the same time. Messages beyond wait in the order in which they became due.
    most: usize,
    /// Strangers choose the hosts, so it is no table of hashes, which they could have collide.
    hosts: BTreeMap<Peer, Line>,
    /// The hosts that messages are ready for, each by the ticket of the first.
    first: BTreeMap<u64, Peer>,
    running: usize,
}

/// A host and a port, whatever their spelling, by their hash: lines come and go with each message, and hold no text. Two
/// that have the same hash share a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Peer(u64);

#[derive(Debug, Default)]
struct Line {
    ready: BTreeMap<u64, MessageId>,
    running: usize,
}

impl Peer {
    pub(super) fn of(url: &Url) -> Self {
        let mut hasher = DefaultHasher::new();
        let Authority { host, port, .. } = url.authority();
        port.unwrap_or(url.scheme().default_port()).hash(&mut hasher);
        match host {
            // This machine has many names.
            host if host.is_local() => {}
            Host::Name(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
            }
            Host::Ipv4(address) => address.hash(&mut hasher),
            Host::Ipv6(address) => address.hash(&mut hasher),
        }
        Self(hasher.finish())
    }
}

impl Ready {
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self { most: most.get(), hosts: BTreeMap::new(), first: BTreeMap::new(), running: 0 }
    }

    pub(super) fn add(&mut self, peer: Peer, ticket: u64, id: MessageId) {
        self.change(peer, |line| drop(line.ready.insert(ticket, id)));
    }

    pub(super) fn remove(&mut self, peer: Peer, ticket: u64) {
        self.change(peer, |line| drop(line.ready.remove(&ticket)));
    }

    pub(super) fn attempt_started(&mut self, peer: Peer) {
        self.running += 1;
        self.change(peer, |line| line.running += 1);
    }

    pub(super) fn attempt_ended(&mut self, peer: Peer) {
        self.running -= 1;
        self.change(peer, |line| line.running -= 1);
    }

    /// The first message whose host may have another attempt.
    pub(super) fn next(&self) -> Option<&MessageId> {
        // When no attempt is free, no host is looked at. Otherwise only hosts with a running attempt are passed over, of
        // which there are fewer than attempts.
        let free = NonZeroUsize::new(self.most - self.running)?.get();
        let reserve = self.most / SHARE_OF_RESERVE;
        let mut lines = self.first.values().filter_map(|host| self.hosts.get(host));
        let line = lines.find(|line| line.running == 0 || line.running + reserve < free)?;
        line.ready.first_key_value().map(|(_, id)| id)
    }

    /// How many attempts are running, and how many may.
    pub(super) fn parallelism(&self) -> (usize, usize) {
        (self.running, self.most)
    }

    /// Changes the line of a host, and keeps it among those with messages for as long as it has any.
    fn change(&mut self, peer: Peer, change: impl FnOnce(&mut Line)) {
        let line = self.hosts.entry(peer).or_default();
        let before = line.ready.keys().next().copied();
        change(line);
        let after = line.ready.keys().next().copied();
        if line.ready.is_empty() && line.running == 0 {
            self.hosts.remove(&peer);
        }
        if before != after {
            if let Some(before) = before {
                self.first.remove(&before);
            }
            if let Some(after) = after {
                self.first.insert(after, peer);
            }
        }
    }
}
