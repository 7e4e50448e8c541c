//! The store of one process.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use crate::{ClaimKey, ClaimRecord, ClaimState, Reply, Store, StoreError, Transition};

/// Keeps claims in this process: for one receiver, and for tests. They end with the process.
///
/// Its memory is bounded by a [budget](Self::with_budget). When that is used up and nothing is too old, deliveries are
/// answered with 503: to forget a claim before its time would be to break its promise.
#[derive(Clone)]
pub struct MemoryStore {
    records: Arc<Mutex<Records>>,
    budget: usize,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

#[derive(Default)]
struct Records {
    by_key: HashMap<ClaimKey, ClaimRecord>,
    by_age: BTreeSet<(SystemTime, ClaimKey)>,
    bytes: usize,
}

/// What a record costs beside its answer: key and record in the map, key and time in the order, and their share of both
/// collections.
const RECORD: usize = 256;

impl MemoryStore {
    /// A store of at most 64 MiB: about 200,000 deliveries with small answers.
    pub fn new() -> Self {
        Self::with_budget(64 << 20)
    }

    /// A store of at most so many bytes.
    pub fn with_budget(bytes: usize) -> Self {
        Self { records: Arc::default(), budget: bytes, clock: Arc::new(SystemTime::now) }
    }

    /// Tells the time otherwise, for tests.
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        // Nobody panics between two changes that belong together.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    async fn apply(&self, key: &ClaimKey, step: &Transition) -> Result<Reply, StoreError> {
        let (now, mut records) = ((self.clock)(), self.lock());
        let (record, reply) = step.apply(records.by_key.get(key), now);
        if let Some(record) = record {
            records.make_room(size(&record), self.budget, key, now)?;
            records.put(*key, record);
        }
        Ok(reply)
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        let (now, mut records) = ((self.clock)(), self.lock());
        Ok((0..limit).take_while(|_| records.forget_oldest(now)).count())
    }
}

impl Records {
    fn put(&mut self, key: ClaimKey, record: ClaimRecord) {
        self.remove(&key);
        self.bytes += size(&record);
        self.by_age.insert((record.keep_until, key));
        self.by_key.insert(key, record);
    }

    fn remove(&mut self, key: &ClaimKey) {
        if let Some(record) = self.by_key.remove(key) {
            self.bytes -= size(&record);
            self.by_age.remove(&(record.keep_until, *key));
        }
    }

    /// Forgets the oldest record, if its time is over.
    fn forget_oldest(&mut self, now: SystemTime) -> bool {
        let oldest = self.by_age.first().filter(|(keep_until, _)| *keep_until <= now).map(|(_, key)| *key);
        oldest.inspect(|key| self.remove(key)).is_some()
    }

    /// Forgets what is too old until there is room for the new record of a key.
    fn make_room(
        &mut self,
        size_of_new: usize,
        budget: usize,
        key: &ClaimKey,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        loop {
            let replaced = self.by_key.get(key).map_or(0, size);
            if self.bytes - replaced + size_of_new <= budget {
                return Ok(());
            }
            if !self.forget_oldest(now) {
                return Err(StoreError::Full { budget });
            }
        }
    }
}

fn size(record: &ClaimRecord) -> usize {
    match &record.state {
        ClaimState::Done { answer } => RECORD + answer.len(),
        ClaimState::Free | ClaimState::Claimed { .. } | ClaimState::Used { .. } => RECORD,
    }
}
