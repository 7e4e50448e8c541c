//! The one transaction of a relay: notes how the last messages ended, and takes the next ones.
//!
//! A relay has leases on keys, not on rows, and works on the first row of each. No transaction is open while it talks to QStash.

use std::collections::HashMap;

use qstash_client::messages::MessageParts;
use sqlx::Pool;

use crate::{
    OutboxDatabase, OutboxError,
    database::{Head, Lease, RowChange},
    life::{Action, End, Fate, Millis, Rules, Try},
    stored::Unreadable,
    table::Table,
};

/// Headers and bodies that are taken at once, unless a single message has more.
const MOST_BYTES: i64 = 8 * 1024 * 1024;

/// A row whose turn it is.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: i64,
    key: String,
    pub(crate) label: String,
    pub(crate) tried: Try,
    pub(crate) work: Work,
}

/// What is to be done with it.
#[derive(Debug)]
pub(crate) enum Work {
    Send(Result<Box<MessageParts>, Unreadable>),
    LookUp { first_sent: Millis },
}

/// A job that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) id: i64,
    key: String,
    tried: Try,
    pub(crate) end: End,
}

impl Job {
    pub(crate) fn ended(self, end: End) -> Ended {
        Ended { id: self.id, key: self.key, tried: self.tried, end }
    }
}

/// What stays the same from turn to turn.
pub(crate) struct Turns<'a, DB: OutboxDatabase> {
    pub(crate) pool: &'a Pool<DB>,
    pub(crate) table: &'a Table,
    pub(crate) fence: i64,
    pub(crate) lease: Millis,
    pub(crate) rules: Rules,
}

/// How many keys a relay wants to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Up to so many; others are looked for.
    UpTo(usize),
    /// None: those that it has are given back.
    Nothing,
}

/// How many rows had which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fates {
    pub(crate) gone: u64,
    pub(crate) waiting: u64,
    pub(crate) dead: u64,
}

impl<DB: OutboxDatabase> Turns<'_, DB> {
    /// Takes a turn at the time `now`, which is that of the database unless it is given. If it fails it can be taken again.
    pub(crate) async fn take(
        &self,
        ended: &[Ended],
        wanted: Wanted,
        now: Option<Millis>,
    ) -> Result<(Vec<Job>, Fates), OutboxError> {
        let mut transaction = DB::begin(self.pool).await?;
        let connection = &mut *transaction;
        let now = match now {
            Some(now) => now,
            None => DB::now(connection).await?,
        };
        let lease = Lease { fence: self.fence, until: now + self.lease };
        let (mut held, fates) = self.note(connection, ended, lease, now).await?;
        let mut jobs = Vec::new();
        match wanted {
            Wanted::Nothing => DB::release(connection, self.table, self.fence, &held).await?,
            Wanted::UpTo(keys) => {
                let free = i64::try_from(keys.saturating_sub(held.len())).unwrap_or(i64::MAX);
                if free > 0 {
                    held.extend(DB::acquire(connection, self.table, lease, now, free).await?);
                }
                if !held.is_empty() {
                    jobs = self.jobs(connection, held, now).await?;
                }
            }
        }
        transaction.commit().await?;
        Ok((jobs, fates))
    }

    /// Notes how jobs ended, as far as their leases were not lost, and returns the keys that the relay goes on with.
    async fn note(
        &self,
        connection: &mut DB::Connection,
        ended: &[Ended],
        lease: Lease,
        now: Millis,
    ) -> Result<(Vec<String>, Fates), OutboxError> {
        let mut fates = Fates::default();
        if ended.is_empty() {
            return Ok((Vec::new(), fates));
        }
        let keys: Vec<_> = ended.iter().map(|job| job.key.clone()).collect();
        let mut held = DB::renew(connection, self.table, lease, &keys).await?;
        let (mut gone, mut released) = (Vec::new(), Vec::new());
        for job in ended {
            if !held.contains(&job.key) {
                tracing::warn!(row = job.id, "a relay was too slow: another one has taken over");
                continue;
            }
            match job.tried.end(job.end.clone(), now, &self.rules) {
                Fate::Gone => {
                    gone.push(job.id);
                    fates.gone += 1;
                    continue;
                }
                Fate::Waits { due, first_sent, attempts, reason } => {
                    let change = RowChange { id: job.id, is_dead: false, due, first_sent, attempts, reason };
                    DB::change(connection, self.table, &change).await?;
                    fates.waiting += 1;
                }
                Fate::Dead { first_sent, reason } => {
                    tracing::error!(row = job.id, reason, "a staged message is dead");
                    let attempts = job.tried.attempts;
                    let reason = Some(reason);
                    let change =
                        RowChange { id: job.id, is_dead: true, due: now, first_sent, attempts, reason };
                    DB::change(connection, self.table, &change).await?;
                    fates.dead += 1;
                }
            }
            released.push(job.key.clone());
        }
        if !gone.is_empty() {
            DB::delete(connection, self.table, &gone).await?;
        }
        if !released.is_empty() {
            DB::release(connection, self.table, self.fence, &released).await?;
            held.retain(|key| !released.contains(key));
        }
        Ok((held, fates))
    }

    /// The jobs that the first rows of these keys are. Keys without one are given back.
    async fn jobs(
        &self,
        connection: &mut DB::Connection,
        keys: Vec<String>,
        now: Millis,
    ) -> Result<Vec<Job>, OutboxError> {
        let mut heads = DB::heads(connection, self.table, &keys).await?;
        heads.retain(|head| !head.is_dead && head.due <= now);
        heads.sort_by_key(|head| (head.due, head.id));
        let mut bytes = 0;
        let fits = |head: &Head| {
            bytes += head.size;
            bytes == head.size || bytes <= MOST_BYTES
        };
        heads.truncate(heads.iter().map(fits).take_while(|fits| *fits).count());

        let idle: Vec<_> = keys.into_iter().filter(|key| heads.iter().all(|head| head.key != *key)).collect();
        if !idle.is_empty() {
            DB::release(connection, self.table, self.fence, &idle).await?;
        }
        let action = |head: &Head| Action::at(now, head.first_sent, &self.rules);
        let sent: Vec<_> =
            heads.iter().filter(|head| action(head) == Action::Send).map(|head| head.id).collect();
        let mut contents = if sent.is_empty() {
            HashMap::new()
        } else {
            DB::mark(connection, self.table, &sent, now).await?;
            DB::contents(connection, self.table, &sent).await?
        };
        let job = |head: Head| {
            let work = match (action(&head), head.first_sent) {
                (Action::LookUp, Some(first_sent)) => Work::LookUp { first_sent },
                _ => Work::Send(contents.remove(&head.id)?.read().map(Box::new)),
            };
            let tried = Try { began: now, first_sent: head.first_sent, attempts: head.attempts };
            Some(Job { id: head.id, key: head.key, label: head.label, tried, work })
        };
        Ok(heads.into_iter().filter_map(job).collect())
    }
}
