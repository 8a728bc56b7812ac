//! The two databases behind one type: pools, connections, transactions, and the four query macros.
//!
//! SQL text is shared; where the dialects differ, a `store.rs` branches on [`Conn::is_postgres`].
//!
//! Invariant: only `store.rs` files use the macros, and `storage.rs` and `migrations.rs` here for their tables.

mod check;
mod checkpoint;
mod conn;
mod fault;
mod filter;
mod finish;
mod insert;
mod limited;
mod lock;
mod migrations;
mod open;
mod pooler;
mod postgres;
mod refused;
mod storage;
mod transaction;
mod update;

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

use conn::{Hook, Link};
use storage::Storage;
use transaction::Transaction;

pub use conn::{AfterCommit, Backend, BeforeCommit, CommitHook, Conn};
pub use fault::Fault;
pub use filter::{Filter, Query, Slice, Value};
pub use insert::{ROWS_MAX, ROWS_PREPARED_MAX};
pub use limited::{STATEMENT_MAX, limited};
pub use lock::lock;
pub use migrations::Schema;
pub use open::CONNECTIONS;
pub use refused::{CommitRefused, reason, refuse};
pub use storage::Trouble;

/// The pools of one database. SQLite has one writer (first come, first served) and several readers, so that a reader
/// never waits for a lock.
#[derive(Clone)]
pub enum Db {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        checkpointer: SqlitePool,
        storage: Arc<Storage>,
        hook: Hook,
        migrator: &'static Migrator,
    },
    Postgres {
        pool: PgPool,
        storage: Arc<Storage>,
        hook: Hook,
    },
}

impl Db {
    /// A connection for reading, or for a single statement on PostgreSQL.
    pub async fn read(&self) -> Result<Conn, sqlx::Error> {
        let link = match self {
            Db::Sqlite { readers, .. } => readers.acquire().await.map(Link::Sqlite),
            Db::Postgres { pool, .. } => pool.acquire().await.map(Link::Postgres),
        };
        self.conn(link)
    }

    /// A connection for a single statement that writes; commit it like a transaction.
    pub async fn single(&self) -> Result<Conn, sqlx::Error> {
        match self {
            Db::Sqlite { .. } => self.begin().await,
            Db::Postgres { .. } => self.read().await,
        }
    }

    /// A transaction for writing. Rolls back if it is dropped without [`Conn::commit`].
    pub async fn begin(&self) -> Result<Conn, sqlx::Error> {
        let link = match self {
            // Immediate: a deferred transaction that writes later fails with "database is locked".
            Db::Sqlite { writer, .. } => {
                begin(writer, "BEGIN IMMEDIATE", None).await.map(Link::SqliteTransaction)
            }
            Db::Postgres { pool, storage, .. } => {
                let max = storage.statement_max();
                let statement = if max.is_some() { BEGIN_LIMITED } else { "BEGIN" };
                begin(pool, statement, max).await.map(Link::PostgresTransaction)
            }
        };
        self.conn(link)
    }

    /// Statements so far, without BEGIN and COMMIT.
    pub fn statements(&self) -> u64 {
        self.storage().statements()
    }

    /// Bounds every statement from now on: for a server, whose requests must not wait for ever. Commands that work
    /// through the whole database, such as the doctor, are not bounded.
    pub fn limit_statements(&self, max: Duration) {
        self.storage().limit_statements(max);
    }

    /// Sets the hook of all commits. Only the first call has an effect.
    pub fn set_commit_hook(&self, hook: Box<dyn CommitHook>) {
        let (Db::Sqlite { hook: place, .. } | Db::Postgres { hook: place, .. }) = self;
        let _ = place.set(hook);
    }

    pub async fn close(&self) {
        match self {
            Db::Sqlite { writer, readers, checkpointer, .. } => {
                checkpointer.close().await;
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres { pool, .. } => pool.close().await,
        }
    }

    fn conn(&self, link: Result<Link, sqlx::Error>) -> Result<Conn, sqlx::Error> {
        let (Db::Sqlite { storage, hook, .. } | Db::Postgres { storage, hook, .. }) = self;
        storage.note(&link);
        Ok(Conn::new(link?, storage.clone(), hook.clone()))
    }

    fn storage(&self) -> &Arc<Storage> {
        match self {
            Db::Sqlite { storage, .. } | Db::Postgres { storage, .. } => storage,
        }
    }
}

/// Dropping the caller cancels the wait for a connection, but not a running BEGIN.
async fn begin<DB: sqlx::Database>(
    pool: &sqlx::Pool<DB>,
    statement: &'static str,
    max: Option<Duration>,
) -> Result<Transaction<DB>, sqlx::Error> {
    Transaction::begin(pool.acquire().await?, statement, max).await
}

/// The limits of `limited`, on the side of the database: it ends what this side no longer waits for. They hold for this
/// transaction alone, so that a pooler may give the session to others.
const BEGIN_LIMITED: &str = "BEGIN; SET LOCAL statement_timeout = '15s'; SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// `fetch_one!(conn, Row, "select …", bind, …)`: exactly one row.
#[macro_export]
macro_rules! fetch_one {
    ($($rest:tt)*) => { $crate::run_query!(fetch_one, $($rest)*) };
}

/// `fetch_optional!(conn, Row, "select …", bind, …)`: one row or none.
#[macro_export]
macro_rules! fetch_optional {
    ($($rest:tt)*) => { $crate::run_query!(fetch_optional, $($rest)*) };
}

/// `fetch_all!(conn, Row, "select …", bind, …)`: all rows.
#[macro_export]
macro_rules! fetch_all {
    ($($rest:tt)*) => { $crate::run_query!(fetch_all, $($rest)*) };
}

/// `execute!(conn, "update …", bind, …)`: the number of rows changed.
#[macro_export]
macro_rules! execute {
    ($conn:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let max = $conn.statement_max();
        let result = match $conn.backend() {
            Ok($crate::db::Backend::Sqlite(conn)) => {
                sqlx::query::<sqlx::Sqlite>($sql)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected())
            }
            Ok($crate::db::Backend::Postgres(conn)) => {
                let run = sqlx::query::<sqlx::Postgres>($sql)$(.bind($bind))*.execute(conn);
                $crate::db::limited(max, run).await.map(|done| done.rows_affected())
            }
            Err(error) => Err(error),
        };
        $conn.note(result)
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! run_query {
    ($fetch:ident, $conn:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let max = $conn.statement_max();
        let result = match $conn.backend() {
            Ok($crate::db::Backend::Sqlite(conn)) => {
                sqlx::query_as::<sqlx::Sqlite, $row>($sql)$(.bind($bind))*.$fetch(conn).await
            }
            Ok($crate::db::Backend::Postgres(conn)) => {
                let run = sqlx::query_as::<sqlx::Postgres, $row>($sql)$(.bind($bind))*.$fetch(conn);
                $crate::db::limited(max, run).await
            }
            Err(error) => Err(error),
        };
        $conn.note(result)
    }};
}
