//! The store of one process.

use std::{sync::Arc, time::Duration};

use qstash_idempotency::{
    ClaimKey, ClaimRequest, MemoryStore, Reply, Store, StoreError, Transition,
    contract::{self, Bench},
};

use crate::clock::ManualClock;

struct Memory {
    store: MemoryStore,
    clock: ManualClock,
}

impl Memory {
    fn new() -> Arc<Self> {
        let clock = ManualClock::new();
        Arc::new(Self { store: MemoryStore::new().clock(clock.reader()), clock })
    }
}

impl Bench for Memory {
    type Store = MemoryStore;

    fn store(&self) -> &MemoryStore {
        &self.store
    }

    async fn end_lease(&self, _key: &ClaimKey) {
        self.clock.advance(contract::LEASE);
    }

    async fn end_record(&self, _key: &ClaimKey) {
        self.clock.advance(contract::KEEP);
    }
}

fn key(number: u8) -> ClaimKey {
    ClaimKey::from_bytes([number; 32])
}

fn claim(number: u8) -> ClaimRequest {
    ClaimRequest::new(key(number), contract::LEASE, contract::KEEP)
}

#[tokio::test]
async fn every_order_of_two_actors_is_as_the_model_says() {
    println!("memory: {}", contract::check(Memory::new(), 2, 6, 1).await);
}

#[tokio::test]
async fn every_order_of_three_actors_is_as_the_model_says() {
    println!("memory: {}", contract::check(Memory::new(), 3, 5, 1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_that_claim_at_once_gets_it() {
    contract::check_races(Memory::new(), 16, 200).await;
}

#[tokio::test]
async fn a_full_store_refuses_what_is_new_and_forgets_nothing_before_its_time() {
    let clock = ManualClock::new();
    let store = MemoryStore::with_budget(1024).clock(clock.reader());
    for number in 0..4 {
        assert!(matches!(store.claim(&claim(number)).await, Ok(Reply::Claimed { .. })));
    }
    assert!(matches!(store.claim(&claim(4)).await, Err(StoreError::Full { budget: 1024 })));
    assert!(matches!(store.claim(&claim(0)).await, Ok(Reply::Busy { .. })), "what it has, it knows");

    clock.advance(contract::KEEP);
    assert!(matches!(store.claim(&claim(4)).await, Ok(Reply::Claimed { .. })), "there is room again");
    assert!(store.len() <= 4);
}

#[tokio::test]
async fn an_answer_counts_towards_the_budget() {
    let store = MemoryStore::with_budget(1024);
    let Ok(Reply::Claimed { fence }) = store.claim(&claim(0)).await else { panic!("it is free") };
    let finish = |len| Transition::Finish { fence, answer: vec![0; len].into(), keep: contract::KEEP };
    assert!(matches!(store.apply(&key(0), &finish(1024)).await, Err(StoreError::Full { .. })));
    assert!(matches!(store.apply(&key(0), &finish(700)).await, Ok(Reply::Accepted)));
}

#[tokio::test]
async fn what_is_too_old_is_swept_in_bounded_steps() {
    let clock = ManualClock::new();
    let store = MemoryStore::new().clock(clock.reader());
    for number in 0..10 {
        let _ = store.claim(&claim(number)).await.unwrap();
    }
    clock.advance(contract::KEEP.saturating_sub(Duration::from_secs(1)));
    assert_eq!(store.sweep(100).await.unwrap(), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.sweep(7).await.unwrap(), 7);
    assert_eq!(store.sweep(7).await.unwrap(), 3);
    assert!(store.is_empty());
}
