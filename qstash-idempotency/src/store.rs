//! What keeps claims.

use std::{error::Error, time::Duration};

use crate::{ClaimKey, Reply, Transition};

/// Keeps claims. Implement it for what you have already; the crate brings several.
///
/// The two methods that have to be written read a record, [apply](Transition::apply) a step, write the record, and forget what
/// is too old. The clock is the store's: all receivers that share it must be told the same time.
///
/// ```
/// use std::{collections::HashMap, time::SystemTime};
/// use qstash_idempotency::{ClaimKey, ClaimRecord, Reply, Transition, Store, StoreError};
/// use tokio::sync::Mutex;
///
/// struct Mine(Mutex<HashMap<ClaimKey, ClaimRecord>>);
///
/// impl Store for Mine {
///     async fn apply(&self, key: &ClaimKey, step: &Transition) -> Result<Reply, StoreError> {
///         let mut records = self.0.lock().await; // `SELECT … FOR UPDATE`
///         let (record, reply) = step.apply(records.get(key), SystemTime::now());
///         if let Some(record) = record {
///             records.insert(*key, record); // and `COMMIT`
///         }
///         Ok(reply)
///     }
///
///     async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
///         let (now, mut records) = (SystemTime::now(), self.0.lock().await);
///         let old = records.iter().filter(|(_, record)| record.keep_until <= now).take(limit);
///         let old: Vec<_> = old.map(|(key, _)| *key).collect();
///         old.iter().for_each(|key| drop(records.remove(key)));
///         Ok(old.len())
///     }
/// }
/// ```
///
/// The feature `testing` has the suite that all stores of the crate pass, for yours as well.
pub trait Store: Send + Sync + 'static {
    /// Applies a step to the record of a key. No other step for that key may come between reading and writing.
    ///
    /// # Errors
    ///
    /// The store does not say what became of the step. It may have been taken.
    fn apply(
        &self,
        key: &ClaimKey,
        step: &Transition,
    ) -> impl Future<Output = Result<Reply, StoreError>> + Send;

    /// Forgets at most so many records that are too old, and says how many. A store that forgets by itself says 0.
    ///
    /// # Errors
    ///
    /// The store could not be asked. The next call tries again.
    fn sweep(&self, limit: usize) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Takes note of the token, then claims. Replies as [`Transition::Claim`] does, or [`Reply::Refused`] if the token came
    /// with another delivery before.
    ///
    /// As it comes, this takes two steps one after the other. A store that is far away should take both at once.
    ///
    /// # Errors
    ///
    /// Those of [`apply`](Self::apply).
    fn claim(&self, request: &ClaimRequest) -> impl Future<Output = Result<Reply, StoreError>> + Send {
        async move {
            if let Some(token) = &request.token {
                let step = Transition::Use { by: request.key, keep: token.keep };
                if self.apply(&token.key, &step).await? == Reply::Refused {
                    return Ok(Reply::Refused);
                }
            }
            self.apply(&request.key, &Transition::Claim { lease: request.lease, keep: request.keep }).await
        }
    }
}

/// A store whose records can be a part of a transaction of the application.
pub trait TransactionalStore: Store {
    /// What a transaction is reached by, such as `sqlx::PgConnection`.
    type Connection: Send;

    /// Applies [`Transition::Complete`] or [`Transition::Finish`] in the transaction that the connection is in. Waits for
    /// other transactions that have the key.
    ///
    /// # Errors
    ///
    /// Those of [`Store::apply`]. The transaction has to be rolled back then.
    fn apply_in(
        &self,
        connection: &mut Self::Connection,
        key: &ClaimKey,
        transition: &Transition,
    ) -> impl Future<Output = Result<Reply, StoreError>> + Send;
}

/// Everything that a store is told of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimRequest {
    /// The key of the delivery.
    pub key: ClaimKey,
    /// The token that it came with, if that may come with no other.
    pub token: Option<TokenNote>,
    /// How long the claim lasts unless it is renewed.
    pub lease: Duration,
    /// How long to keep the record of the delivery.
    pub keep: Duration,
}

impl ClaimRequest {
    /// A claim without a token.
    pub fn new(key: ClaimKey, lease: Duration, keep: Duration) -> Self {
        Self { key, token: None, lease, keep }
    }

    /// The same claim, with a token.
    pub fn with_token(self, key: ClaimKey, keep: Duration) -> Self {
        Self { token: Some(TokenNote { key, keep }), ..self }
    }
}

/// What a store is told of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenNote {
    /// The key of the token.
    pub key: ClaimKey,
    /// How long to keep its record.
    pub keep: Duration,
}

/// Why a store did not reply. The delivery is answered with 503, without `Retry-After`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached, is read-only, or refused the work.
    #[error("the store of claims failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
    /// The store took too long.
    #[error("the store of claims did not reply within {after:?}")]
    Slow {
        /// How long it was waited for.
        after: Duration,
    },
    /// There is no room for another record.
    #[error("the store of claims is full, at {budget} bytes")]
    Full {
        /// How much it may keep.
        budget: usize,
    },
    /// What the store keeps is not what was written, or its reply does not fit the step.
    #[error("the store of claims is in disorder: {what}")]
    Disorder {
        /// What does not fit.
        what: &'static str,
    },
    /// The table is missing, or is not what this version needs.
    #[error("the table {table} needs the migration {migration}: {what}")]
    Schema {
        /// The name of the table.
        table: String,
        /// The name of the migration to run.
        migration: &'static str,
        /// What is missing or wrong.
        what: String,
    },
    /// A table cannot have this name: at most 40 letters, digits and `_`, and those of its schema with a dot before them.
    #[error(
        "{name:?} is not the name of a table: up to 40 letters, digits and `_`, with a schema and a dot before them or without"
    )]
    Name {
        /// What was given.
        name: String,
    },
}

qstash_types::debug_as_text!(StoreError);

impl StoreError {
    /// Takes what the store's own library says.
    pub fn failed(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(source.into())
    }
}
