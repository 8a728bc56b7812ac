//! Writes the counts in memory to the database: every second, and at shutdown.
//!
//! Invariant: a killed server loses at most the counts of the last second.

use std::sync::PoisonError;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Counted, Counter, RateLimits, rates, store};
use crate::app::App;
use crate::jobs;

const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Windows per transaction; other writers run in between.
const BATCH: usize = 500;

/// Writes all windows. After an error, unwritten ones are kept for the next flush.
pub async fn flush(app: &App) -> Result<(), sqlx::Error> {
    let new = app.rate_limits.take_new(app);
    let mut rest = new.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(rest.len().min(BATCH));
        if let Err(error) = write(app, batch).await {
            app.rate_limits.keep(rest);
            return Err(error);
        }
        rest = later;
    }
    Ok(())
}

async fn write(app: &App, batch: &[(Counted, Counter)]) -> Result<(), sqlx::Error> {
    // On PostgreSQL the database counts; what this node counted during an outage is only a part.
    let counts = app.rate_limits.rates.is_some() && app.rate_limits.quick.is_none();
    let db = app.rate_limits.quick.as_ref().unwrap_or(&app.db);
    let mut tx = db.begin().await?;
    for (counted, counter) in batch {
        let Counter { window_start, used, last_used_at, .. } = *counter;
        if counts {
            store::put_window(&mut tx, *counted, window_start, used, last_used_at).await?;
        } else {
            store::put_last_use(&mut tx, *counted, window_start, last_used_at).await?;
        }
    }
    tx.commit().await
}

impl RateLimits {
    /// Takes the unwritten windows and drops written ones that have ended. Sorted by key, so that every node acquires
    /// its locks in the same order.
    fn take_new(&self, app: &App) -> Vec<(Counted, Counter)> {
        let now = app.clock.now();
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters
            .retain(|_, counter| counter.is_new || !rates::has_ended(counter.window_start, now));
        let mut new: Vec<_> = counters
            .iter_mut()
            .filter_map(|(counted, counter)| {
                std::mem::take(&mut counter.is_new).then_some((*counted, *counter))
            })
            .collect();
        new.sort_unstable_by_key(|(counted, _)| *counted);
        new
    }

    fn keep(&self, unwritten: &[(Counted, Counter)]) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for (counted, _) in unwritten {
            if let Some(counter) = counters.get_mut(counted) {
                counter.is_new = true;
            }
        }
    }
}

/// Flushes every second, until `stop` is cancelled. The last flush is the caller's, when no request is left.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(FLUSH_EVERY, stop, || async {
        if let Err(error) = flush(&app).await {
            tracing::error!(?error, "the usage of API keys could not be saved");
        }
    })
    .await;
}
