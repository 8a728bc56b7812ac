//! Probes with a small write whether the database can be written to again.
//!
//! Invariant: it costs one read while no write fails, and at most one write a second afterwards, however often it is
//! called.

use std::time::Duration;

use chrono::TimeDelta;

use super::Db;
use super::storage::{Failures, Trouble};
use crate::clock::Clock;
use crate::{execute, fetch_one};

/// The minimum interval between two probes.
const TRY_EVERY: TimeDelta = TimeDelta::seconds(1);

/// A probe that takes longer counts as failed.
const TRY_MAX: Duration = Duration::from_secs(1);

/// More than most requests write, so that a successful probe leaves room for them; both databases need new pages for
/// it.
const FILLER_BYTES: usize = 64 * 1024;

impl Db {
    /// What is wrong with the storage. After a failed write it runs one probe, at most once a second; concurrent
    /// callers get the last result.
    pub async fn check_storage(&self, clock: &Clock) -> Result<(), Trouble> {
        let storage = self.storage();
        if let Ok(Ok(true)) = tokio::time::timeout(TRY_MAX, self.is_read_only()).await {
            storage.note_read_only();
        }
        let Failures { trouble: Some(_), .. } = storage.failures() else { return Ok(()) };
        if let Ok(mut last_try) = storage.last_try.try_lock() {
            let now = clock.now();
            let is_due = last_try.is_none_or(|last| !(last..last + TRY_EVERY).contains(&now));
            if is_due {
                *last_try = Some(now);
                let before = storage.failures();
                if let Ok(Ok(())) = tokio::time::timeout(TRY_MAX, self.try_write()).await {
                    storage.clear(before);
                }
            }
        }
        storage.failures().trouble.map_or(Ok(()), Err)
    }

    /// Whether PostgreSQL is a standby or was made read-only: nothing has to be written to see it.
    async fn is_read_only(&self) -> Result<bool, sqlx::Error> {
        let mut conn = self.read().await?;
        if !conn.is_postgres() {
            return Ok(false);
        }
        let (is_read_only,): (bool,) = fetch_one!(
            conn,
            (bool,),
            "select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on'"
        )?;
        Ok(is_read_only)
    }

    /// Writes like a request and deletes the row again. It belongs to no organization.
    async fn try_write(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.begin().await?;
        let filler = vec![0_u8; FILLER_BYTES];
        execute!(tx, "insert into storage_tries (filler) values ($1)", filler)?;
        tx.commit_aside().await?;
        let mut tx = self.begin().await?;
        execute!(tx, "delete from storage_tries")?;
        tx.commit_aside().await
    }
}
