//! Deletes what is older than a day.

use std::time::Duration;

use tokio::sync::watch;

use super::store;
use super::stored::KEPT;
use crate::app::App;

const BATCH: i64 = 500;

/// Deletes in batches, so that nobody waits long for it; answers how many rows it were.
pub async fn sweep(app: &App) -> Result<u64, sqlx::Error> {
    let before = app.clock.now() - KEPT;
    let mut deleted = 0;
    loop {
        let mut tx = app.db.begin().await?;
        let rows = store::delete_before(&mut tx, before, BATCH).await?;
        tx.commit().await?;
        deleted += rows;
        if rows < BATCH as u64 {
            return Ok(deleted);
        }
    }
}

/// Every few minutes, until the server is asked to end.
pub async fn run_until(app: App, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(300));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        if let Err(error) = sweep(&app).await {
            tracing::error!(?error, "old Idempotency-Keys could not be deleted");
        }
    }
}
