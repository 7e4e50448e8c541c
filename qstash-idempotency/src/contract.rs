//! The suite that every store has to pass, for stores of your own as well. Needs the feature `testing`.
//!
//! [`check`] plays every order of what two or three actors can do with one delivery, up to a depth: claim, renew, finish,
//! give back, be late with each of it, send a token again under another id; and what time does to them: a lease ends, a
//! record grows too old. After each step the reply of the store is compared with that of a model, which knows nothing of
//! fences and times. [`check_races`] lets them all claim at once.
//!
//! ```
//! use std::{sync::{Arc, Mutex}, time::{Duration, SystemTime}};
//! use qstash_idempotency::{ClaimKey, MemoryStore, contract::{self, Bench}};
//!
//! struct Memory {
//!     store: MemoryStore,
//!     now: Arc<Mutex<SystemTime>>,
//! }
//!
//! impl Bench for Memory {
//!     type Store = MemoryStore;
//!
//!     fn store(&self) -> &MemoryStore {
//!         &self.store
//!     }
//!
//!     async fn end_lease(&self, _key: &ClaimKey) {
//!         *self.now.lock().unwrap() += contract::LEASE;
//!     }
//!
//!     async fn end_record(&self, _key: &ClaimKey) {
//!         *self.now.lock().unwrap() += contract::KEEP;
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let now = Arc::new(Mutex::new(SystemTime::now()));
//! let clock = Arc::clone(&now);
//! let store = MemoryStore::new().clock(move || *clock.lock().unwrap());
//! let report = contract::check(Arc::new(Memory { store, now }), 2, 3, 1).await;
//! assert_eq!(report.to_string(), "87 orders of 2 actors, 261 steps");
//! # }
//! ```

mod model;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::task::JoinSet;

use self::model::{Expected, Model, Op};
use crate::{ClaimKey, ClaimRequest, Reply, Store, Transition};

/// The lease of all claims of the suite.
pub const LEASE: Duration = Duration::from_mins(1);

/// How long the suite has records of deliveries kept. Those of tokens are kept a thousand times as long.
pub const KEEP: Duration = Duration::from_hours(24);

/// A store together with what time does to it.
///
/// Where the store has a clock that can be moved, move it, and let one order be played at a time. Where it has none, alter
/// what it keeps as its clock would.
pub trait Bench: Send + Sync + 'static {
    /// What is tested.
    type Store: Store;

    /// The store.
    fn store(&self) -> &Self::Store;

    /// Ends the lease of this key, and no record.
    fn end_lease(&self, key: &ClaimKey) -> impl Future<Output = ()> + Send;

    /// Ends the record of this key, and no record of a token.
    fn end_record(&self, key: &ClaimKey) -> impl Future<Output = ()> + Send;
}

/// What was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many actors there were.
    pub actors: usize,
    /// How many orders were played.
    pub orders: u64,
    /// How many steps they had in all.
    pub steps: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { actors, orders, steps } = self;
        write!(f, "{orders} orders of {actors} actors, {steps} steps")
    }
}

/// Plays every order of so many steps, `lanes` of them at the same time, each with keys of its own.
///
/// # Panics
///
/// A reply is not that of the model. The message shows the order.
pub async fn check<B: Bench>(bench: Arc<B>, actors: usize, depth: usize, lanes: usize) -> Report {
    let mut report = Report { actors, orders: 0, steps: 0 };
    let mut playing = JoinSet::new();
    for order in model::orders(actors, depth) {
        report.orders += 1;
        report.steps += order.len() as u64;
        if playing.len() >= lanes {
            finished(playing.join_next().await);
        }
        let (bench, number) = (Arc::clone(&bench), report.orders);
        playing.spawn(async move { play(&*bench, actors, depth, number, &order).await });
    }
    while !playing.is_empty() {
        finished(playing.join_next().await);
    }
    report
}

/// Lets so many tasks claim one key at once, again and again: each time exactly one gets it.
///
/// # Panics
///
/// Two got it, or none.
pub async fn check_races<B: Bench>(bench: Arc<B>, tasks: usize, rounds: u64) {
    for round in 0..rounds {
        let key = key("race", tasks, 0, round, 0);
        let mut racing = JoinSet::new();
        for _ in 0..tasks {
            let bench = Arc::clone(&bench);
            racing.spawn(async move {
                let request = ClaimRequest::new(key, LEASE, KEEP);
                bench.store().claim(&request).await.expect("the store replies")
            });
        }
        let replies = racing.join_all().await;
        let claimed = replies.iter().filter(|reply| matches!(reply, Reply::Claimed { .. })).count();
        assert_eq!(claimed, 1, "of {tasks} that claimed at once in round {round}: {replies:?}");
    }
}

fn finished(played: Option<Result<(), tokio::task::JoinError>>) {
    if let Some(Err(error)) = played {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// A key that no other order has, of this run or another.
fn key(kind: &str, actors: usize, depth: usize, number: u64, which: u8) -> ClaimKey {
    use sha2::{Digest, Sha256};
    use std::{process, sync::LazyLock, time::SystemTime};

    static RUN: LazyLock<String> = LazyLock::new(|| format!("{:?} {}", SystemTime::now(), process::id()));
    let run = &*RUN;
    let mut bytes: [u8; 32] =
        Sha256::digest(format!("{run} {kind} {actors} {depth} {number} {which}")).into();
    // The keys of one delivery share their group.
    let group = Sha256::digest(format!("{run} {kind} {actors} {depth} {number}"));
    bytes[..8].copy_from_slice(&group[..8]);
    ClaimKey::from_bytes(bytes)
}

/// Plays one order against the store and the model.
async fn play<B: Bench>(bench: &B, actors: usize, depth: usize, number: u64, order: &[Op]) {
    let new_key = |which| key("order", actors, depth, number, which);
    let delivery = new_key(0);
    let token = |actor: usize| new_key(u8::try_from(100 + actor).expect("a few actors"));
    let other = |actor: usize| new_key(u8::try_from(200 + actor).expect("a few actors"));
    let mut model = Model::new(actors);
    let mut fences = vec![0; actors];
    let mut last_fence = 0;
    for (index, op) in order.iter().enumerate() {
        let expected = model.apply(*op);
        let store = bench.store();
        let claim = |key, actor| {
            let request = ClaimRequest::new(key, LEASE, KEEP).with_token(token(actor), KEEP * 1000);
            async move { store.claim(&request).await }
        };
        let step = |step: Transition| async move { store.apply(&delivery, &step).await };
        let reply = match *op {
            Op::Claim(actor) => claim(delivery, actor).await,
            Op::Replay(actor) => claim(other(actor), actor).await,
            Op::Renew(actor) => {
                step(Transition::Renew { fence: fences[actor], lease: LEASE, keep: KEEP }).await
            }
            Op::Release(actor) => step(Transition::Release { fence: fences[actor], keep: KEEP }).await,
            Op::Finish(actor) => {
                let answer = answer(model.finished());
                step(Transition::Finish { fence: fences[actor], answer, keep: KEEP }).await
            }
            Op::EndLease => {
                bench.end_lease(&delivery).await;
                continue;
            }
            Op::EndRecord => {
                bench.end_record(&delivery).await;
                last_fence = 0;
                continue;
            }
        };
        let reply = reply.unwrap_or_else(|error| panic!("{:?}: {error:?}", &order[..=index]));
        let fits = match (&reply, expected) {
            (Reply::Claimed { fence }, Expected::Claimed) => {
                let Op::Claim(actor) = *op else { continue };
                let grows = *fence > last_fence;
                (fences[actor], last_fence) = (*fence, *fence);
                grows
            }
            (Reply::Busy { rest }, Expected::Busy) => !rest.is_zero() && *rest <= LEASE,
            (Reply::Done { answer: kept }, Expected::Done(finished)) => *kept == answer(finished),
            (Reply::Accepted, Expected::Accepted) | (Reply::Refused, Expected::Refused) => true,
            _ => false,
        };
        assert!(fits, "{:?}: the store replied {reply:?}, the model {expected:?}", &order[..=index]);
    }
}

fn answer(finished: u8) -> Bytes {
    Bytes::from(vec![finished; 3])
}
