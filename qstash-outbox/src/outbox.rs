//! The outbox, as an application and a person see it.

use std::{fmt, sync::Arc, time::SystemTime};

use qstash_client::{Message, types::Label};
use sqlx::Pool;

use crate::{
    OutboxDatabase, OutboxError,
    database::NewRow,
    stored::{StoredForm, fresh_label},
    table::{NAME, Table},
};

/// Messages that wait in a table of the application's own database until a [`Relay`](crate::Relay) hands them over to QStash.
///
/// Cloning is cheap.
pub struct Outbox<DB: OutboxDatabase> {
    pub(crate) pool: Pool<DB>,
    pub(crate) table: Table,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    tells: bool,
}

impl<DB: OutboxDatabase> Outbox<DB> {
    /// Makes the tables `qstash_outbox` and `qstash_outbox_leases` if there are none, and takes them.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, or a table is another.
    pub async fn migrate(pool: Pool<DB>) -> Result<Self, OutboxError> {
        Self::migrate_table(pool, NAME).await
    }

    /// Makes a table of this name if there is none, and the one of its leases, and takes them. The name may have that of a
    /// schema before it.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, a table is another, or the name is not one.
    pub async fn migrate_table(pool: Pool<DB>, table: &str) -> Result<Self, OutboxError> {
        DB::migrate(&pool, &Self::migration(table)?).await?;
        Self::open_table(pool, table).await
    }

    /// Takes the tables `qstash_outbox` and `qstash_outbox_leases`, which are there.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, or a table needs a migration, which the error names.
    pub async fn open(pool: Pool<DB>) -> Result<Self, OutboxError> {
        Self::open_table(pool, NAME).await
    }

    /// Takes the table of this name, which is there. The name may have that of a schema before it.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, a table needs a migration, which the error names, or the name is not one.
    pub async fn open_table(pool: Pool<DB>, table: &str) -> Result<Self, OutboxError> {
        let table = Table::new(table)?;
        for (name, needed) in [table.name().to_owned(), table.leases()].iter().zip(DB::COLUMNS) {
            Table::check(name, &DB::columns(&pool, name).await?, needed)?;
        }
        Ok(Self { pool, table, clock: Arc::new(SystemTime::now), tells: true })
    }

    /// The SQL that makes the tables, for migrations of your own: `0001_outbox`.
    ///
    /// # Errors
    ///
    /// The name is not one.
    pub fn migration(table: &str) -> Result<String, OutboxError> {
        Ok(Table::new(table)?.statement(DB::MIGRATION))
    }

    /// Tells the time otherwise, for tests: a [delay](Message::delay) counts from the time of staging.
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Leaves it to relays to find out by asking that there is something to send.
    ///
    /// Else `NOTIFY` wakes them when a transaction commits. PostgreSQL lets only one transaction that notifies commit at a
    /// time, which an application with thousands of commits per second may not want.
    pub fn without_notify(self) -> Self {
        Self { tells: false, ..self }
    }

    /// Stages a message: it is published if and only if the transaction commits.
    ///
    /// It is independent of all others, and is handed over at any time after the commit. A [delay](Message::delay) counts
    /// from now. Returned is the label that QStash's log finds the message by; it is added to those that the message has.
    ///
    /// # Errors
    ///
    /// [`OutboxError::Message`] if the message has a mistake, and [`OutboxError::Deduplication`] if it says how it is
    /// deduplicated. Nothing was done then, and the transaction can go on. [`OutboxError::Database`] otherwise, and the
    /// transaction has to be rolled back.
    pub async fn stage(
        &self,
        connection: &mut DB::Connection,
        message: &Message,
    ) -> Result<Label, OutboxError> {
        self.insert(connection, None, message).await
    }

    /// Stages a message that is handed over after all those that were staged under the same key before, and before all those
    /// that are staged later.
    ///
    /// Before and after are said of transactions that do not overlap, and of calls in one of them. A message that is dead
    /// holds up those behind it until it is [requeued](Self::requeue) or [discarded](Self::discard). The key is any text of up
    /// to 255 bytes, such as the id of what the messages are about.
    ///
    /// # Errors
    ///
    /// Those of [`stage`](Self::stage), and [`OutboxError::Key`] if the key is empty, too long, or has a control character.
    pub async fn stage_in_order(
        &self,
        connection: &mut DB::Connection,
        key: &str,
        message: &Message,
    ) -> Result<Label, OutboxError> {
        if key.is_empty() || key.len() > 255 || key.chars().any(char::is_control) {
            return Err(OutboxError::Key);
        }
        self.insert(connection, Some(key), message).await
    }

    async fn insert(
        &self,
        connection: &mut DB::Connection,
        key: Option<&str>,
        message: &Message,
    ) -> Result<Label, OutboxError> {
        let label = fresh_label();
        let form = StoredForm::write(message, &label, (self.clock)())?;
        let row = NewRow { key: key.unwrap_or(&label), label: &label, form: &form };
        DB::stage(connection, &self.table, &row, self.tells).await?;
        Ok(Label::new(&label).expect("hexadecimal digits are a legal label"))
    }

    /// How much there is in the outbox.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn backlog(&self) -> Result<Backlog, OutboxError> {
        let [waiting, dead] = DB::count(&self.pool, &self.table).await?;
        Ok(Backlog {
            waiting: u64::try_from(waiting).unwrap_or_default(),
            dead: u64::try_from(dead).unwrap_or_default(),
        })
    }

    /// Messages that a person has to decide about, the earliest first: up to a thousand behind the one with this id, which is 0 at
    /// the beginning.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn dead(&self, behind: i64) -> Result<Vec<DeadMessage>, OutboxError> {
        let rows = DB::dead(&self.pool, &self.table, behind, 1000).await?;
        let dead = rows.into_iter().map(|row| DeadMessage {
            id: row.id,
            key: (row.key != row.label).then_some(row.key),
            label: row.label,
            destination: row.destination,
            reason: row.reason,
        });
        Ok(dead.collect())
    }

    /// Lets a dead message be sent again, before those of its key that were staged later. Returns whether there is such a dead message.
    ///
    /// Whoever does so with a message that QStash may have accepted already may make a second one of it.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn requeue(&self, id: i64) -> Result<bool, OutboxError> {
        DB::requeue(&self.pool, &self.table, id).await
    }

    /// Deletes a dead message, so that those behind it go on. Returns whether there was such a dead message.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn discard(&self, id: i64) -> Result<bool, OutboxError> {
        DB::discard(&self.pool, &self.table, id).await
    }
}

impl<DB: OutboxDatabase> Clone for Outbox<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            table: self.table.clone(),
            clock: self.clock.clone(),
            tells: self.tells,
        }
    }
}

impl<DB: OutboxDatabase> fmt::Debug for Outbox<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("table", &self.table).finish_non_exhaustive()
    }
}

/// How much there is in an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backlog {
    /// Messages that are not handed over yet.
    pub waiting: u64,
    /// Messages that a person has to decide about.
    pub dead: u64,
}

/// A message that a person has to decide about: QStash refused it for good, or may have accepted it, which cannot be found out any more.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadMessage {
    /// Names it to [`Outbox::requeue`] and [`Outbox::discard`].
    pub id: i64,
    /// The key that it was staged under.
    pub key: Option<String>,
    /// The label by which the log of QStash finds it.
    pub label: String,
    /// A URL, or the name of a URL group.
    pub destination: String,
    /// Why it is dead.
    pub reason: String,
}

impl fmt::Debug for DeadMessage {
    /// Leaves out the destination, which may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadMessage")
            .field("id", &self.id)
            .field("key", &self.key)
            .field("label", &self.label)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
