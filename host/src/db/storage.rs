//! Whether the database can be written to, for `/readyz`: noted where a write fails, and found out by a small write
//! once it did.
//!
//! Invariant: while no write fails it costs nothing, and then one write a second at most, however many ask.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use super::{Db, Fault};
use crate::clock::Clock;
use crate::execute;
use crate::model::time::Time;

/// Two tries are at least so far apart.
const TRY_EVERY: TimeDelta = TimeDelta::seconds(1);

/// A try that takes longer found no room.
const TRY_MAX: Duration = Duration::from_secs(1);

/// More than most requests write, so that what fits leaves room for them; SQLite and PostgreSQL need new pages for it.
const FILLER_BYTES: usize = 64 * 1024;

/// What all connections of a database share.
#[derive(Default)]
pub struct Storage {
    failures: Mutex<Failures>,
    /// When the last try began; locked while one is under way.
    last_try: tokio::sync::Mutex<Option<Time>>,
}

#[derive(Clone, Copy, Default)]
struct Failures {
    trouble: Option<Trouble>,
    count: u64,
}

/// What is wrong, in words for `/readyz` and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Full,
    Failing,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trouble::Full => "the disk of the database is full",
            Trouble::Failing => "writes to the database fail",
        })
    }
}

impl Storage {
    pub(super) fn note<T>(&self, result: &Result<T, sqlx::Error>) {
        let trouble = match result.as_ref().map_err(Fault::of) {
            Err(Fault::StorageFull) => Trouble::Full,
            Err(Fault::WritesFail) => Trouble::Failing,
            _ => return,
        };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.count += 1;
        if failures.trouble.replace(trouble) != Some(trouble) {
            tracing::error!("{trouble}; reads go on, writes are answered 503 until it is over");
        }
    }

    fn failures(&self) -> Failures {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unless another write failed meanwhile.
    fn clear(&self, before: Failures) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.count == before.count {
            failures.trouble = None;
            tracing::info!("writes to the database succeed again");
        }
    }
}

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
