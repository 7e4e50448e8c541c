//! The store of claims in a table of a database, as far as all databases are alike.

use std::fmt;

use sqlx::{ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Pool, Row, Type, query};

use crate::{
    StoreError,
    table::{ClaimsTable, Column, Columns, NAME, sql},
};

/// Keeps claims in a table of a database: `PostgresStore` with the feature `postgres`, `SqliteStore` with `sqlite`.
///
/// The names of tables have at most 40 letters, digits and `_`. In PostgreSQL, the name of a schema may stand before them, with a dot.
pub struct SqlStore<DB: ClaimsDatabase> {
    pub(crate) pool: Pool<DB>,
    pub(crate) table: ClaimsTable,
    pub(crate) own: DB::Own,
}

/// A database that can hold claims: [`sqlx::Postgres`](https://docs.rs/sqlx/latest/sqlx/struct.Postgres.html) with the feature
/// `postgres`, [`sqlx::Sqlite`](https://docs.rs/sqlx/latest/sqlx/struct.Sqlite.html) with `sqlite`. Only this crate implements it.
pub trait ClaimsDatabase: ClaimsStatements {}

impl<DB: ClaimsStatements> ClaimsDatabase for DB {}

/// What a database says in its own way.
#[expect(unnameable_types, reason = "nobody else implements it")]
pub trait ClaimsDialect: Database {
    /// The SQL that makes the table. Several statements, of which several may run at the same time.
    const MIGRATION: &'static str;
    /// Goes before the migration.
    const LOCK: &'static str;
    /// The columns that are needed.
    const COLUMNS: Columns;
    /// Selects `name`, `type` and `is_key` of the columns of the table that is bound.
    const LOOK: &'static str;
    /// What a store of this database has beside its pool.
    type Own: Clone + Send + Sync + 'static;

    /// Makes it.
    fn own(table: &ClaimsTable) -> Self::Own;
}

/// What is asked of all databases in the same way.
#[expect(unnameable_types, reason = "nobody else implements it")]
pub trait ClaimsStatements: ClaimsDialect {
    /// Runs the migration, which others may run at the same time.
    fn migrate(pool: &Pool<Self>, migration: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// The columns of a table.
    fn columns(
        pool: &Pool<Self>,
        table: &ClaimsTable,
    ) -> impl Future<Output = Result<Vec<Column>, StoreError>> + Send;
}

impl<DB: ClaimsDialect> ClaimsStatements for DB
where
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> &'q str: Encode<'q, DB>,
    str: Type<DB>,
    for<'q> String: Decode<'q, DB> + Type<DB>,
    for<'q> bool: Decode<'q, DB> + Type<DB>,
    for<'n> &'n str: ColumnIndex<DB::Row>,
{
    async fn migrate(pool: &Pool<DB>, migration: &str) -> Result<(), StoreError> {
        pool.execute(sqlx::raw_sql(sql(&format!("{}{migration}", DB::LOCK)))).await?;
        Ok(())
    }

    async fn columns(pool: &Pool<DB>, table: &ClaimsTable) -> Result<Vec<Column>, StoreError> {
        let rows = query(DB::LOOK).bind(table.name()).fetch_all(pool).await?;
        let column = |row: &DB::Row| {
            Ok(Column {
                name: row.try_get("name")?,
                kind: row.try_get("type")?,
                is_key: row.try_get("is_key")?,
            })
        };
        rows.iter().map(column).collect()
    }
}

impl<DB: ClaimsDatabase> SqlStore<DB> {
    /// Makes the table `qstash_claims` if there is none, and takes it.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, or the table is another.
    pub async fn migrate(pool: Pool<DB>) -> Result<Self, StoreError> {
        Self::migrate_table(pool, NAME).await
    }

    /// Makes a table of this name if there is none, and takes it.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, the table is another, or the name is not one.
    pub async fn migrate_table(pool: Pool<DB>, table: &str) -> Result<Self, StoreError> {
        DB::migrate(&pool, &Self::migration(table)?).await?;
        Self::open_table(pool, table).await
    }

    /// Takes the table `qstash_claims`, which is there.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, or the table needs a migration, which the error names.
    pub async fn open(pool: Pool<DB>) -> Result<Self, StoreError> {
        Self::open_table(pool, NAME).await
    }

    /// Takes the table of this name, which is there.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, the table needs a migration, which the error names, or the name is not one.
    pub async fn open_table(pool: Pool<DB>, table: &str) -> Result<Self, StoreError> {
        let table = ClaimsTable::new(table)?;
        table.check(&DB::columns(&pool, &table).await?, DB::COLUMNS)?;
        let own = DB::own(&table);
        Ok(Self { pool, table, own })
    }

    /// The SQL that makes the table, for migrations of your own: `0001_claims`.
    ///
    /// # Errors
    ///
    /// The name is not one.
    pub fn migration(table: &str) -> Result<String, StoreError> {
        Ok(ClaimsTable::new(table)?.statement(DB::MIGRATION))
    }
}

impl<DB: ClaimsDatabase> Clone for SqlStore<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), table: self.table.clone(), own: self.own.clone() }
    }
}

impl<DB: ClaimsDatabase> fmt::Debug for SqlStore<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore")
            .field("database", &DB::NAME)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
