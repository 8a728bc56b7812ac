//! One connection, to either database, inside a transaction or not.
//!
//! Invariants: every failed statement is recorded for `/readyz`; after a failed statement nothing more of its
//! transaction runs or commits. PostgreSQL enforces that itself; SQLite may have ended the transaction and would
//! commit each further statement on its own.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Postgres, Sqlite};

use super::fault::{BrokenTransaction, Fault};
use super::refused::refuse;
use super::storage::Storage;
use super::transaction::Transaction;

/// Store functions take it as their first argument.
pub struct Conn {
    link: Link,
    storage: Arc<Storage>,
    hook: Hook,
    /// The fault of the first failed statement of this transaction.
    broken: Option<Fault>,
}

pub(super) enum Link {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTransaction(Transaction<Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTransaction(Transaction<Postgres>),
}

/// The query macros match on this.
pub enum Backend<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Conn {
    pub(super) fn new(link: Link, storage: Arc<Storage>, hook: Hook) -> Conn {
        Conn { link, storage, hook, broken: None }
    }

    /// Runs the commit hook and commits. For a request with an Idempotency-Key, the hook marks the key as used.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        if !self.is_transaction() {
            return Ok(());
        }
        let hook = self.hook.clone();
        let after = match hook.get() {
            Some(hook) => hook.before_commit(&mut self).await?,
            None => None,
        };
        self.commit_aside().await?;
        if let Some(after) = after {
            after();
        }
        Ok(())
    }

    /// Commits without the hook: for records that are true even if the request fails, such as a plugin failure.
    pub async fn commit_aside(self) -> Result<(), sqlx::Error> {
        self.check_unbroken()?;
        let committed = match self.link {
            Link::SqliteTransaction(transaction) => transaction.commit().await,
            Link::PostgresTransaction(transaction) => transaction.commit().await,
            Link::Sqlite(_) | Link::Postgres(_) => Ok(()),
        };
        self.storage.note(&committed);
        committed
    }

    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        match self.link {
            Link::SqliteTransaction(transaction) => transaction.rollback().await,
            Link::PostgresTransaction(transaction) => transaction.rollback().await,
            Link::Sqlite(_) | Link::Postgres(_) => Ok(()),
        }
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.link, Link::Postgres(_) | Link::PostgresTransaction(_))
    }

    /// How long one statement may take.
    pub fn statement_max(&self) -> Option<Duration> {
        self.storage.statement_max()
    }

    /// For one statement, whose result must go through [`Conn::note`].
    pub fn backend(&mut self) -> Result<Backend<'_>, sqlx::Error> {
        self.check_unbroken()?;
        Ok(match &mut self.link {
            Link::Sqlite(connection) => Backend::Sqlite(connection),
            Link::SqliteTransaction(transaction) => Backend::Sqlite(transaction),
            Link::Postgres(connection) => Backend::Postgres(connection),
            Link::PostgresTransaction(transaction) => Backend::Postgres(transaction),
        })
    }

    /// Records whether a statement failed, and returns its result unchanged.
    pub fn note<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        self.storage.count_statement();
        self.storage.note(&result);
        if let Err(error) = &result
            && (Fault::of(error) == Fault::WritesFail || matches!(error, sqlx::Error::Io(_)))
        {
            self.close_on_drop();
        }
        if let Err(error) = &result
            && self.is_transaction()
            && failed_in_the_database(error)
        {
            self.broken.get_or_insert_with(|| Fault::of(error));
        }
        result
    }

    /// For a session that must not be used again, such as one that began while its database was read-only.
    pub fn close_on_drop(&mut self) {
        match &mut self.link {
            Link::Sqlite(connection) => connection.close_on_drop(),
            Link::SqliteTransaction(transaction) => transaction.close_on_drop(),
            Link::Postgres(connection) => connection.close_on_drop(),
            Link::PostgresTransaction(transaction) => transaction.close_on_drop(),
        }
    }

    fn check_unbroken(&self) -> Result<(), sqlx::Error> {
        self.broken.map_or(Ok(()), |fault| Err(refuse(BrokenTransaction(fault))))
    }

    fn is_transaction(&self) -> bool {
        matches!(self.link, Link::SqliteTransaction(_) | Link::PostgresTransaction(_))
    }
}

/// False if a row was missing or could not be decoded: the transaction is not affected.
fn failed_in_the_database(error: &sqlx::Error) -> bool {
    Fault::of(error) != Fault::Internal || error.as_database_error().is_some()
}

/// The commit hook of a database, if it is set. It takes part in every commit without this module knowing it.
pub type Hook = Arc<OnceLock<Box<dyn CommitHook>>>;

/// What a hook runs after the transaction is durable.
pub type AfterCommit = Box<dyn FnOnce() + Send>;

/// The future of a hook.
pub type BeforeCommit<'c> =
    Pin<Box<dyn Future<Output = Result<Option<AfterCommit>, sqlx::Error>> + Send + 'c>>;

/// Runs as the last statement of every transaction that commits.
pub trait CommitHook: Send + Sync {
    /// An error rolls the transaction back; [`CommitRefused`] carries the reason to the client.
    fn before_commit<'c>(&'c self, conn: &'c mut Conn) -> BeforeCommit<'c>;
}
