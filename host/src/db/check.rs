//! Finds out with a small write whether the database can be written to again.
//!
//! Invariant: while no write fails it costs nothing, and then one write a second at most, however many ask.

use std::time::Duration;

use chrono::TimeDelta;

use super::Db;
use super::storage::{Failures, Trouble};
use crate::clock::Clock;
use crate::execute;

/// Two tries are at least so far apart.
const TRY_EVERY: TimeDelta = TimeDelta::seconds(1);

/// A try that takes longer found no room.
const TRY_MAX: Duration = Duration::from_secs(1);

/// More than most requests write, so that what fits leaves room for them; SQLite and PostgreSQL need new pages for it.
const FILLER_BYTES: usize = 64 * 1024;

impl Db {
    /// What is wrong with its storage. After a write that failed this tries one, once a second at most; the others get
    /// what is known by then.
    pub async fn check_storage(&self, clock: &Clock) -> Result<(), Trouble> {
        let storage = self.storage();
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

    /// A write like a request's, which is deleted again. Of no organization.
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
