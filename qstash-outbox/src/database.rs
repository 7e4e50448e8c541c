//! What a relay and an outbox ask of a database, and what each database says in its own way.

use std::collections::HashMap;

use sqlx::{Database, Encode, Pool, Transaction, Type};

use crate::{
    OutboxError,
    life::Millis,
    stored::StoredForm,
    table::{Columns, Table},
};

/// A database that can hold an outbox: [`sqlx::Postgres`](https://docs.rs/sqlx/latest/sqlx/struct.Postgres.html) with the feature
/// `postgres`, [`sqlx::Sqlite`](https://docs.rs/sqlx/latest/sqlx/struct.Sqlite.html) with `sqlite`. Only this crate implements it.
pub trait OutboxDatabase: Statements {}

impl<DB: Statements> OutboxDatabase for DB {}

pub(crate) type Done<T = ()> = Result<T, OutboxError>;

/// The statements. Each runs on a connection that is given, most of them inside of a transaction.
#[expect(unnameable_types, reason = "nobody else implements it")]
pub trait Statements: Dialect {
    /// Runs the migration, which others may run at the same time.
    fn migrate(pool: &Pool<Self>, migration: &str) -> impl Future<Output = Done> + Send;
    /// The columns of a table, with their types.
    fn columns(pool: &Pool<Self>, table: &str) -> impl Future<Output = Done<HashMap<String, String>>> + Send;
    /// Begins a transaction that is going to write.
    fn begin(pool: &Pool<Self>) -> impl Future<Output = Done<Transaction<'static, Self>>> + Send;
    /// Adds a row, and tells relays when the transaction commits.
    fn stage(
        connection: &mut Self::Connection,
        table: &Table,
        row: &NewRow<'_>,
        tells: bool,
    ) -> impl Future<Output = Done> + Send;

    /// The time.
    fn now(connection: &mut Self::Connection) -> impl Future<Output = Done<Millis>> + Send;
    /// Prolongs the leases of those of the keys that the relay has, and returns them.
    fn renew(
        connection: &mut Self::Connection,
        table: &Table,
        lease: Lease,
        keys: &[String],
    ) -> impl Future<Output = Done<Vec<String>>> + Send;
    /// Takes so many keys that nobody has and whose first message is due, and returns them.
    fn acquire(
        connection: &mut Self::Connection,
        table: &Table,
        lease: Lease,
        now: Millis,
        limit: i64,
    ) -> impl Future<Output = Done<Vec<String>>> + Send;
    /// Gives keys back.
    fn release(
        connection: &mut Self::Connection,
        table: &Table,
        fence: i64,
        keys: &[String],
    ) -> impl Future<Output = Done> + Send;
    /// The first row of each of these keys.
    fn heads(
        connection: &mut Self::Connection,
        table: &Table,
        keys: &[String],
    ) -> impl Future<Output = Done<Vec<Head>>> + Send;
    /// What is to be sent of these rows, by their ids.
    fn contents(
        connection: &mut Self::Connection,
        table: &Table,
        ids: &[i64],
    ) -> impl Future<Output = Done<HashMap<i64, StoredForm>>> + Send;
    /// Notes that these rows are being sent, for the first time unless that is noted already.
    fn mark(
        connection: &mut Self::Connection,
        table: &Table,
        ids: &[i64],
        now: Millis,
    ) -> impl Future<Output = Done> + Send;
    /// Deletes rows.
    fn delete(
        connection: &mut Self::Connection,
        table: &Table,
        ids: &[i64],
    ) -> impl Future<Output = Done> + Send;
    /// Changes a row.
    fn change(
        connection: &mut Self::Connection,
        table: &Table,
        change: &RowChange,
    ) -> impl Future<Output = Done> + Send;

    /// How many rows wait, and how many are dead.
    fn count(pool: &Pool<Self>, table: &Table) -> impl Future<Output = Done<[i64; 2]>> + Send;
    /// Dead rows behind this id.
    fn dead(
        pool: &Pool<Self>,
        table: &Table,
        behind: i64,
        limit: i64,
    ) -> impl Future<Output = Done<Vec<DeadRow>>> + Send;
    /// Lets a dead row be sent again. Whether there was one.
    fn requeue(pool: &Pool<Self>, table: &Table, id: i64) -> impl Future<Output = Done<bool>> + Send;
    /// Deletes a dead row. Whether there was one.
    fn discard(pool: &Pool<Self>, table: &Table, id: i64) -> impl Future<Output = Done<bool>> + Send;
}

/// What a database says in its own way. All else is in `statements`.
#[expect(unnameable_types, reason = "nobody else implements it")]
pub trait Dialect: Database {
    /// The SQL that makes the tables. Several statements, of which several may run at the same time.
    const MIGRATION: &'static str;
    /// Goes before the migration.
    const LOCK: &'static str;
    /// The columns that are needed of the tables of messages and of leases.
    const COLUMNS: [Columns; 2];
    /// Selects `name` and `type` of the columns of the table that is bound.
    const LOOK: &'static str;
    /// Begins a transaction that is going to write.
    const BEGIN: &'static str;
    /// The time, in milliseconds since 1970.
    const NOW: &'static str;
    /// Selects the items of the list that is bound first, as `item`.
    const LISTED: &'static str;

    /// A list of keys, as it is bound.
    type Keys: for<'q> Encode<'q, Self> + Type<Self> + Send;
    /// A list of ids, as it is bound.
    type Ids: for<'q> Encode<'q, Self> + Type<Self> + Send;
    /// What tells that something was staged.
    type Listener: Send;

    /// Makes a list of keys.
    fn keys(keys: &[String]) -> Self::Keys;
    /// Makes a list of ids.
    fn ids(ids: &[i64]) -> Self::Ids;
    /// Makes a statement that changes rows and returns something of them tell relays as well, when its transaction commits.
    fn telling(change: String, channel: &str) -> String;
    /// Listens, if the database can tell.
    fn listen(pool: &Pool<Self>, table: &Table) -> impl Future<Output = Done<Option<Self::Listener>>> + Send;
    /// Waits until something was staged, or an error.
    fn told(listener: &mut Self::Listener) -> impl Future<Output = Done> + Send;
}

/// The lease of a relay.
#[derive(Clone, Copy, Debug)]
#[expect(unnameable_types, reason = "a part of the trait that nobody else implements")]
pub struct Lease {
    /// The number of the relay.
    pub(crate) fence: i64,
    pub(crate) until: Millis,
}

/// A row that is staged.
#[expect(
    unnameable_types,
    missing_debug_implementations,
    reason = "a part of the trait that nobody else implements"
)]
pub struct NewRow<'a> {
    pub(crate) key: &'a str,
    pub(crate) label: &'a str,
    pub(crate) form: &'a StoredForm,
}

/// What is known of a row without its content.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "a part of the trait that nobody else implements")]
pub struct Head {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) label: String,
    pub(crate) is_dead: bool,
    pub(crate) due: Millis,
    pub(crate) first_sent: Option<Millis>,
    pub(crate) attempts: i32,
    /// The bytes of headers and body.
    pub(crate) size: i64,
}

/// What becomes of a row that stays.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "a part of the trait that nobody else implements")]
pub struct RowChange {
    pub(crate) id: i64,
    pub(crate) is_dead: bool,
    pub(crate) due: Millis,
    pub(crate) first_sent: Option<Millis>,
    pub(crate) attempts: i32,
    pub(crate) reason: Option<String>,
}

/// A dead row as it is stored.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "a part of the trait that nobody else implements")]
pub struct DeadRow {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) label: String,
    pub(crate) destination: String,
    pub(crate) reason: String,
}
