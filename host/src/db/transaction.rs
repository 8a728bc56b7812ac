//! A transaction on a connection of a pool.
//!
//! Invariant: a connection goes back to its pool only when it is known to be outside of any transaction. BEGIN, COMMIT
//! and ROLLBACK run to their end even if the caller is dropped; where one of them fails, the connection is closed.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Database, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

use super::finish::to_the_end;

/// Dropped without [`Transaction::commit`], it is rolled back.
pub struct Transaction<DB: Database> {
    connection: PoolConnection<DB>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// BEGIN, COMMIT or ROLLBACK has begun, and was not seen to succeed.
    Unclear,
    Ended,
}

impl<DB: Database> Transaction<DB> {
    /// `statement` is what begins it.
    pub(super) async fn begin(
        connection: PoolConnection<DB>,
        statement: &'static str,
    ) -> Result<Self, sqlx::Error> {
        to_the_end(async move {
            let mut begun = Transaction { connection, state: State::Unclear };
            let statement = Some(statement.into_sql_str());
            DB::TransactionManager::begin(&mut begun.connection, statement).await?;
            begun.state = State::Open;
            Ok(begun)
        })
        .await
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        to_the_end(async move {
            let mut ended = self;
            ended.state = State::Unclear;
            DB::TransactionManager::commit(&mut ended.connection).await?;
            ended.state = State::Ended;
            Ok(())
        })
        .await
    }

    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        to_the_end(async move {
            let mut ended = self;
            ended.state = State::Unclear;
            DB::TransactionManager::rollback(&mut ended.connection).await?;
            ended.state = State::Ended;
            Ok(())
        })
        .await
    }
}

impl<DB: Database> Transaction<DB> {
    /// The connection does not go back to its pool, however the transaction ends.
    pub(super) fn close_on_drop(&mut self) {
        self.connection.close_on_drop();
    }
}

/// False for a connection that must not go back to its pool: sqlx counts a transaction on it. SQLite ends a transaction
/// by itself when its disk is full or fails; the rollback after it then fails, and the count stays.
pub(super) fn is_outside<DB: Database>(connection: &DB::Connection) -> bool {
    DB::TransactionManager::get_transaction_depth(connection) == 0
}

impl<DB: Database> Drop for Transaction<DB> {
    fn drop(&mut self) {
        match self.state {
            // Queued; the pool waits for it before the connection is used again.
            State::Open => DB::TransactionManager::start_rollback(&mut self.connection),
            State::Unclear => self.connection.close_on_drop(),
            State::Ended => {}
        }
    }
}

impl<DB: Database> Deref for Transaction<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Transaction<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }
}
