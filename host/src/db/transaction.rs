//! A transaction on a pooled connection.
//!
//! Invariant: a connection returns to its pool only outside of any transaction. BEGIN, COMMIT and ROLLBACK run to
//! their end even if the caller is dropped; if one of them fails, the connection is closed.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

use super::finish::to_the_end;
use super::limited::limited;

/// Rolls back if it is dropped without [`Transaction::commit`].
pub struct Transaction<DB: Database> {
    connection: PoolConnection<DB>,
    state: State,
    /// How long BEGIN, COMMIT and ROLLBACK may take.
    max: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// BEGIN, COMMIT or ROLLBACK was sent and has not been confirmed.
    Unclear,
    Ended,
}

impl<DB: Database> Transaction<DB> {
    /// `statement` begins the transaction.
    pub(super) async fn begin(
        connection: PoolConnection<DB>,
        statement: &'static str,
        max: Option<Duration>,
    ) -> Result<Self, sqlx::Error> {
        to_the_end(async move {
            let mut begun = Transaction { connection, state: State::Unclear, max };
            let statement = Some(statement.into_sql_str());
            limited(max, DB::TransactionManager::begin(&mut begun.connection, statement)).await?;
            begun.state = State::Open;
            Ok(begun)
        })
        .await
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        to_the_end(async move {
            let mut ended = self;
            ended.state = State::Unclear;
            let max = ended.max;
            limited(max, DB::TransactionManager::commit(&mut ended.connection)).await?;
            ended.state = State::Ended;
            Ok(())
        })
        .await
    }

    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        to_the_end(async move {
            let mut ended = self;
            ended.state = State::Unclear;
            let max = ended.max;
            limited(max, DB::TransactionManager::rollback(&mut ended.connection)).await?;
            ended.state = State::Ended;
            Ok(())
        })
        .await
    }
}

impl<DB: Database> Transaction<DB> {
    /// Closes the connection instead of returning it to its pool.
    pub(super) fn close_on_drop(&mut self) {
        self.connection.close_on_drop();
    }
}

/// False if the connection must not return to its pool, because sqlx counts a transaction on it. SQLite ends a
/// transaction by itself if its disk is full or fails; the following rollback fails, and the count stays.
pub(super) fn is_outside<DB: Database>(connection: &DB::Connection) -> bool {
    DB::TransactionManager::get_transaction_depth(connection) == 0
}

impl<DB: Database> Drop for Transaction<DB> {
    fn drop(&mut self) {
        match self.state {
            // Queued; it runs before the connection is used again.
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
