//! Deletes from the journal what is too old or too much.
//!
//! Invariant: a run is never without its input. Organizations take turns, and between two batches other writers write
//! and the end of the node is seen.

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::jobs;
use crate::journal::store::prune;
use crate::model::ids::OrgId;
use crate::organizations;

const PRUNE_EVERY: Duration = Duration::from_secs(10 * 60);

/// Inputs of one transaction, each with its runs.
const BATCH: i64 = 200;

/// Prunes every few minutes, until `stop` is cancelled.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(PRUNE_EVERY, stop.clone(), || async {
        match run(&app, &stop).await {
            Ok(0) => {}
            Ok(inputs) => tracing::info!(inputs, "old runs of plugins were deleted"),
            Err(error) => tracing::error!(?error, "old runs of plugins could not be deleted"),
        }
    })
    .await;
}

/// One round over all organizations, until nothing is left to delete or `stop` is cancelled. Returns the number of
/// inputs and of runs without one.
pub async fn run(app: &App, stop: &CancellationToken) -> Result<usize, sqlx::Error> {
    let mut organizations = organizations::store::ids(&mut app.db.read().await?).await?;
    let mut total = 0;
    while !organizations.is_empty() {
        let mut unfinished = Vec::new();
        for org in organizations {
            if stop.is_cancelled() {
                return Ok(total);
            }
            let deleted = prune_batch(app, org).await?;
            if deleted > 0 {
                total += deleted;
                unfinished.push(org);
            }
        }
        organizations = unfinished;
    }
    Ok(total)
}

async fn prune_batch(app: &App, org: OrgId) -> Result<usize, sqlx::Error> {
    let config = &app.config.journal;
    let before = app.clock.now() - TimeDelta::days(config.journal_days);
    let mut conn = app.journal.db.read().await?;
    let excess = prune::count_inputs(&mut conn, org).await? - config.journal_inputs_max;
    drop(conn);
    let mut tx = app.journal.db.begin().await?;
    let mut deleted = prune::delete_inputs(&mut tx, org, Some(before), BATCH).await?;
    if deleted == 0 && excess > 0 {
        deleted = prune::delete_inputs(&mut tx, org, None, excess.min(BATCH)).await?;
    }
    if deleted == 0 {
        deleted = prune::delete_runs(&mut tx, org, before, BATCH).await?;
    }
    tx.commit().await?;
    Ok(deleted)
}
