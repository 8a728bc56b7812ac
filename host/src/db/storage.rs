//! Whether the database can be written to, for `/readyz`: set when a write fails, cleared when a probe succeeds.
//!
//! Invariant: it costs nothing while no write fails, and at most one write a second afterwards, however often it is
//! called.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::fault::Fault;
use crate::model::time::Time;

/// Shared by all connections of a database.
#[derive(Default)]
pub struct Storage {
    failures: Mutex<Failures>,
    statements: AtomicU64,
    /// In milliseconds; 0 means any time.
    statement_max: AtomicU64,
    /// When the last probe began; locked while one runs.
    pub(super) last_try: tokio::sync::Mutex<Option<Time>>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Failures {
    pub(super) trouble: Option<Trouble>,
    count: u64,
}

/// What is wrong, for `/readyz` and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Full,
    Failing,
    ReadOnly,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trouble::Full => "the disk of the database is full",
            Trouble::Failing => "writes to the database fail",
            Trouble::ReadOnly => "the database is read-only, as a standby is",
        })
    }
}

impl Storage {
    pub(super) fn count_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    pub(super) fn limit_statements(&self, max: Duration) {
        let millis = u64::try_from(max.as_millis()).unwrap_or(u64::MAX);
        self.statement_max.store(millis, Ordering::Relaxed);
    }

    pub(super) fn statement_max(&self) -> Option<Duration> {
        let millis = self.statement_max.load(Ordering::Relaxed);
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// Whether sessions may belong to a server that is read-only: they are checked before they are used again.
    pub(super) fn is_suspect(&self) -> bool {
        matches!(self.failures().trouble, Some(Trouble::Failing | Trouble::ReadOnly))
    }

    /// The database said that it is read-only, without a write.
    pub(super) fn note_read_only(&self) {
        self.note_trouble(Trouble::ReadOnly);
    }

    pub(super) fn note<T>(&self, result: &Result<T, sqlx::Error>) {
        let trouble = match result.as_ref().map_err(Fault::of) {
            Err(Fault::StorageFull) => Trouble::Full,
            Err(Fault::WritesFail) => Trouble::Failing,
            _ => return,
        };
        self.note_trouble(trouble);
    }

    fn note_trouble(&self, trouble: Trouble) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.count += 1;
        // A probe that fails says less than the database itself.
        let is_known = failures.trouble == Some(Trouble::ReadOnly) && trouble == Trouble::Failing;
        if !is_known && failures.trouble.replace(trouble) != Some(trouble) {
            tracing::error!("{trouble}; reads continue, writes return 503 until it is fixed");
        }
    }

    pub(super) fn failures(&self) -> Failures {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Clears the state, unless another write failed meanwhile.
    pub(super) fn clear(&self, before: Failures) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.count == before.count {
            failures.trouble = None;
            tracing::info!("writes to the database succeed again");
        }
    }
}
