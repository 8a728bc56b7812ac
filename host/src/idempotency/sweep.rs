//! Deletes Idempotency-Keys older than a day.
//!
//! Invariant: no younger one is deleted.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::store;
use super::stored::KEPT;
use crate::app::App;
use crate::jobs;

const SWEEP_EVERY: Duration = Duration::from_secs(300);

const BATCH: i64 = 500;

/// Deletes in batches, so that other writers do not wait long; ends between two when `stop` is cancelled. Returns the
/// number of rows.
pub async fn sweep(app: &App, stop: &CancellationToken) -> Result<u64, sqlx::Error> {
    let before = app.clock.now() - KEPT;
    let mut deleted = 0;
    loop {
        let mut tx = app.db.begin().await?;
        let rows = store::delete_before(&mut tx, before, BATCH).await?;
        tx.commit().await?;
        deleted += rows;
        if rows < BATCH as u64 || stop.is_cancelled() {
            return Ok(deleted);
        }
    }
}

/// Sweeps every few minutes, until `stop` is cancelled.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(SWEEP_EVERY, stop.clone(), || async {
        if let Err(error) = sweep(&app, &stop).await {
            tracing::error!(?error, "old Idempotency-Keys could not be deleted");
        }
    })
    .await;
}
