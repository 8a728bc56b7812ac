//! A job that writes the queued runs in batches.
//!
//! Invariant: what is queued is written within two seconds, and each run once, also after a commit whose outcome was
//! not known.

use std::collections::HashSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::Fault;
use crate::journal::record::RunRecord;
use crate::journal::store::{self, InputRow, RunRow};

/// Requests of this time share a batch.
const GATHER: Duration = Duration::from_millis(250);

/// The pause after a failure of the database.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs of one transaction.
const BATCH: usize = 500;

/// Writes all that is queued. Returns false if some of it is queued again, for want of the database.
pub async fn write(app: &App) -> bool {
    let mut runs = app.journal.queue.take();
    while !runs.is_empty() {
        let rest = runs.split_off(runs.len().min(BATCH));
        if !write_batch(app, &runs).await {
            runs.extend(rest);
            app.journal.queue.put_back(runs);
            return false;
        }
        runs = rest;
    }
    true
}

/// Returns false if the database was not available. A run that it refuses is left out, and takes no other with it.
async fn write_batch(app: &App, runs: &[RunRecord]) -> bool {
    let Err(error) = try_write(app, runs).await else { return true };
    tracing::error!(?error, runs = runs.len(), "runs of plugins could not be written at once");
    if Fault::of(&error) != Fault::Internal {
        return false;
    }
    for run in runs {
        if let Err(error) = try_write(app, std::slice::from_ref(run)).await {
            tracing::error!(run = %run.id, ?error, "a run of a plugin could not be written");
            if Fault::of(&error) != Fault::Internal {
                return false; // what was written already is not written again
            }
        }
    }
    true
}

async fn try_write(app: &App, runs: &[RunRecord]) -> Result<(), sqlx::Error> {
    let mut seen = HashSet::new();
    let inputs = runs.iter().map(|run| &run.input).filter(|input| seen.insert(input.id));
    let inputs = inputs.map(|input| InputRow::of(input)).collect::<Result<Vec<_>, _>>()?;
    let rows = runs.iter().map(RunRow::of).collect::<Result<Vec<_>, _>>()?;
    let mut tx = app.journal.db.begin().await?;
    store::insert_inputs(&mut tx, &inputs).await?;
    store::insert_runs(&mut tx, &rows).await?;
    tx.commit().await
}

/// Writes until `stop` is cancelled, and then once more.
pub async fn run_until(app: App, stop: CancellationToken) {
    loop {
        let filled = app.journal.queue.filled.notified();
        if stop.run_until_cancelled(filled).await.is_none() {
            break;
        }
        let _ = stop.run_until_cancelled(tokio::time::sleep(GATHER)).await;
        while !write(&app).await {
            if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                break;
            }
        }
    }
    write(&app).await;
}
