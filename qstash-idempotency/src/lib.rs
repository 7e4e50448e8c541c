//! Each delivery of [QStash](https://upstash.com/docs/qstash) has its effect once, for axum, actix-web and everything else.
//!
//! ```
//! use axum::{Router, routing::post};
//! use qstash_axum::{Outcome, Signed, Verifier, VerifySignature};
//! use qstash_idempotency::{Idempotent, MemoryStore};
//!
//! fn app(verifier: Verifier) -> Router {
//!     Router::new()
//!         .route("/charge", post(charge))
//!         .layer(Idempotent::new(MemoryStore::new())) // or a store that several receivers share
//!         .layer(VerifySignature::new(verifier))
//! }
//!
//! async fn charge(Signed(cents): Signed<u64>) -> Outcome {
//!     println!("{cents} cents, once"); // whatever must not happen twice
//!     Outcome::done()
//! }
//! ```
//!
//! | name | what it is |
//! |---|---|
//! | [`Idempotent`] | the layer and the middleware, with all settings |
//! | [`Claim`] | an argument of handlers: the key of the effect, its fence, and [`Claim::in_transaction`] |
//! | [`Store`] | what keeps claims: [`MemoryStore`]; with their features SQLite, PostgreSQL and Redis; or a store of yours |
//! | [`Idempotent::admit`] | the same for every other framework |
//!
//! # What is promised
//!
//! **Leased**, which is the default: the layer claims a delivery before its handler runs, for a [lease](Idempotent::lease)
//! that is renewed while it runs. No two handlers of a delivery run at the same time while the store can be reached. After a
//! success that was kept (2xx or 489), none runs again: the answer is given again. After every other answer, a panic, or a
//! caller that hangs up, the next attempt runs at once; after a crash, when the lease is over.
//!
//! **[Transactional](Idempotent::transactional)**: the handler makes the claim a part of its own transaction. The effect is
//! committed once, together with the claim, or not at all. There is no lease, and duplicates wait in the database.
//!
//! # What cannot be promised
//!
//! * **Effects outside of the database.** A process that dies between a call of another system and the end of its handler
//!   leaves a call that nobody knows of, and the next attempt makes it again. Give it [`Claim::key`] as a key of its own,
//!   or [`Claim::fence`] if it refuses what is older than what it has seen.
//! * **A process that is stopped and wakes after its lease** does not know that. What it then completes is refused and logged,
//!   and what it has done outside is done. Its handler is told by [`Claim::lost`] as soon as the store is heard of again.
//! * **What the store forgets.** A Redis that fails over may lose its last writes, and with them a claim or a success.
//!
//! # What makes deliveries the same
//!
//! The id of the message is a header that is not signed. So a key holds the signed URL and the signed body as well, and a
//! token comes under one id alone until it ends: neither a replay under another id, nor an id with another body, does a
//! genuine delivery harm. A retry from the dead letter queue is another message; [`Idempotent::key_by`] takes a key of the
//! application that survives that, and [`Idempotent::key_by_callback`] one for callbacks.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `axum` | no | [`Idempotent`] as a layer of tower, [`Claim`] as an argument of handlers |
//! | `actix` | no | [`Idempotent`] as a middleware of actix-web, [`Claim`] as an argument of handlers |
//! | `sqlite` | no | claims in SQLite; compiles it, which takes a C compiler |
//! | `postgres` | no | claims in PostgreSQL |
//! | `redis` | no | claims in Redis or Valkey |
//! | `testing` | no | the suite that every store has to pass |
//!
//! TLS to a database is a feature of `sqlx` or `redis`, which the application turns on.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(doctest, feature = "axum", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "actix")]
pub mod actix;
mod admit;
mod answer;
#[cfg(feature = "axum")]
pub mod axum;
mod claim;
#[cfg(feature = "testing")]
pub mod contract;
#[cfg(any(feature = "axum", feature = "actix"))]
mod framework;
mod idempotent;
mod key;
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod record;
#[cfg(feature = "redis")]
pub mod redis;
mod run;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod table;
mod throttle;

pub use admit::Admission;
pub use answer::{BODY, REPLAYED, StoredAnswer};
pub use claim::{Claim, ClaimError, Turn};
#[cfg(any(feature = "axum", feature = "actix"))]
pub use framework::MissingClaim;
pub use idempotent::Idempotent;
pub use key::{ClaimKey, KeyError};
pub use memory::MemoryStore;
pub use record::{ClaimRecord, ClaimState, Reply, Transition};
pub use run::Run;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use sql::{ClaimsDatabase, SqlStore};
pub use store::{ClaimRequest, Store, StoreError, TokenNote, TransactionalStore};
