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
use crate::model::time::Time;
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
/// inputs.
pub async fn run(app: &App, stop: &CancellationToken) -> Result<usize, sqlx::Error> {
    let organizations = organizations::store::ids(&mut app.db.read().await?).await?;
    let mut unfinished = Vec::new();
    for org in organizations {
        let mut conn = app.journal.db.read().await?;
        let inputs = prune::count_inputs(&mut conn, org).await?;
        if inputs > 0 {
            unfinished.push((org, inputs));
        }
    }
    let mut total = 0;
    while !unfinished.is_empty() {
        let mut next = Vec::new();
        for (org, inputs) in unfinished {
            if stop.is_cancelled() {
                return Ok(total);
            }
            let deleted = prune_batch(app, org, inputs).await?;
            if deleted > 0 {
                total += deleted;
                next.push((org, inputs - i64::try_from(deleted).unwrap_or(0)));
            }
        }
        unfinished = next;
    }
    Ok(total)
}

/// `inputs` is how many the organization has.
async fn prune_batch(app: &App, org: OrgId, inputs: i64) -> Result<usize, sqlx::Error> {
    let config = &app.config.journal;
    let before = app.clock.now() - TimeDelta::days(config.journal_days);
    let excess = inputs - config.journal_inputs_max;
    let mut tx = app.journal.db.begin().await?;
    let mut deleted = prune::delete_inputs(&mut tx, org, Some(before), BATCH).await?;
    if deleted == 0 && excess > 0 {
        deleted = prune::delete_inputs(&mut tx, org, None, excess.min(BATCH)).await?;
    }
    tx.commit().await?;
    if deleted == 0 {
        prune_runs(app, org, before).await?;
    }
    Ok(deleted)
}

/// Those that were written after their input was deleted.
async fn prune_runs(app: &App, org: OrgId, before: Time) -> Result<(), sqlx::Error> {
    loop {
        let mut tx = app.journal.db.begin().await?;
        let deleted = prune::delete_runs(&mut tx, org, before, BATCH).await?;
        tx.commit().await?;
        if deleted < BATCH as usize {
            return Ok(());
        }
    }
}
