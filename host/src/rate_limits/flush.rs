//! Writes the counts in memory to the database: every second, and at shutdown.
//!
//! Invariant: a killed server loses at most the counts of the last second.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::PoisonError;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Counted, CountedOrg, Counter, RateLimits, rates, store};
use crate::app::App;
use crate::jobs;
use crate::model::time::Time;

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

async fn write(app: &App, batch: &[(Window, Counter)]) -> Result<(), sqlx::Error> {
    // On PostgreSQL the database counts; what this node counted during an outage is only a part.
    let counts = app.rate_limits.rates.is_some() && app.rate_limits.quick.is_none();
    let db = app.rate_limits.quick.as_ref().unwrap_or(&app.db);
    let mut tx = db.begin().await?;
    store::wait_for_no_disk(&mut tx).await?;
    for (window, counter) in batch {
        let Counter { window_start, used, last_used_at, .. } = *counter;
        match *window {
            Window::Key(counted) if counts => {
                store::put_window(&mut tx, counted, window_start, used, last_used_at).await?;
            }
            Window::Key(counted) => {
                store::put_last_use(&mut tx, counted, window_start, last_used_at).await?;
            }
            Window::Organization(counted) if counts => {
                store::put_organization_window(&mut tx, counted, window_start, used).await?;
            }
            Window::Organization(_) => {}
        }
    }
    tx.commit().await
}

/// Keys before organizations: the order in which requests lock them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Window {
    Key(Counted),
    Organization(CountedOrg),
}

impl RateLimits {
    /// Takes the unwritten windows and drops written ones that have ended. Sorted by key, so that every node acquires
    /// its locks in the same order.
    fn take_new(&self, app: &App) -> Vec<(Window, Counter)> {
        let now = app.clock.now();
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        take(&mut counters.keys, Window::Key, now, &mut new);
        take(&mut counters.organizations, Window::Organization, now, &mut new);
        new.sort_unstable_by_key(|(window, _)| *window);
        new
    }

    fn keep(&self, unwritten: &[(Window, Counter)]) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for (window, _) in unwritten {
            let counter = match window {
                Window::Key(counted) => counters.keys.get_mut(counted),
                Window::Organization(counted) => counters.organizations.get_mut(counted),
            };
            if let Some(counter) = counter {
                counter.is_new = true;
            }
        }
    }
}

fn take<K: Copy + Eq + Hash>(
    counters: &mut HashMap<K, Counter>,
    window: fn(K) -> Window,
    now: Time,
    new: &mut Vec<(Window, Counter)>,
) {
    counters.retain(|_, counter| counter.is_new || !rates::has_ended(counter.window_start, now));
    for (counted, counter) in counters {
        if std::mem::take(&mut counter.is_new) {
            new.push((window(*counted), *counter));
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
